// The labelling page: asks for a name, shows a page, hears keys and clicks, saves each at once.

import { Clock } from "./clock.js";
import { keepsNothing, recall, remember } from "./keep.js";
import { Outbox, Refused, post } from "./send.js";
import { Sheet } from "./sheet.js";
import { $, card, context, frame, progress, show } from "./view.js";
import { language, other, words } from "./words.js";

const { campaign, form, locale } = document.documentElement.dataset;
const clock = new Clock();
let lang = language(recall("blend.language"), locale);
let say = words(lang);
const outbox = new Outbox(campaign, report);
let rater = null, queue = null, sheet = null, counts = null;
let calls = 0; // the newest wish for a page; older ones give up

if (location.search) history.replaceState(null, "", location.pathname); // a token is not left in the address

// ---- telling the rater ----

function tell(text) { $("said").textContent = ""; $("said").textContent = text; }

function trouble(text) { $("trouble").textContent = text; $("trouble").hidden = !text; }

function report() {
  const { waiting, fault, rejected, elsewhere } = outbox;
  const state = fault ? "unsaved" : waiting ? "saving" : "saved";
  $("state").dataset.state = state;
  $("state").textContent = fault ? say.unsaved(waiting) : say[state];
  const lines = [];
  if (fault) lines.push(why(fault));
  if (rejected.length) lines.push(say.refused(rejected.length, rejected.at(-1).why));
  if (elsewhere) lines.push(say.elsewhere(elsewhere));
  if (keepsNothing()) lines.push(say.cannotKeep);
  trouble(lines.join(" "));
}

/** What a rater is told of a request that failed. */
function why(fault) {
  if (fault.status === 409) return say.reload;
  if (fault.status === 401) return say.locked;
  return fault instanceof Refused ? fault.message : say.lost;
}

// ---- who is it ----

async function enter(name) {
  $("unwelcome").hidden = true;
  try {
    rater = (await post("/api/rater", { campaign, name })).rater;
  } catch (fault) {
    ask(name, why(fault));
    return;
  }
  remember("blend.rater", rater);
  queue = outbox.of(rater);
  sheet = new Sheet(`blend.${campaign}.${rater}`);
  $("who").hidden = false;
  $("who").textContent = rater;
  $("who").setAttribute("aria-label", say.who(rater));
  await open();
}

function ask(name, problem) {
  calls += 1;
  show("enter");
  $("name").value = name ?? "";
  $("unwelcome").textContent = problem ?? "";
  $("unwelcome").hidden = !problem;
  $("name").focus();
}

// ---- pages ----

const pause = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));

/** Show a page by number, or the one to do next. Labels go first, so that the server knows what is done. */
async function open(number = null, item = null) {
  const call = ++calls;
  for (let wait = 500; call === calls; wait = Math.min(wait * 2, 8000)) {
    try {
      if (await queue.flush()) {
        const shown = await post("/api/page", { campaign, rater, number });
        if (call === calls) arrive(shown, item);
        return;
      }
    } catch (fault) {
      if (call === calls) trouble(why(fault));
      if (fault instanceof Refused) return;
    }
    await pause(wait);
  }
}

function arrive({ page, progress: now, held }, item) {
  counts = now;
  report();
  progress(now, page?.number ?? null, say);
  if (page === null) {
    sheet.page = null;
    clock.look(null);
    $("did").textContent = say.did(now);
    $("later").hidden = held > 0;
    $("held").hidden = held === 0;
    show("thanks");
    $("review").hidden = now.given === 0;
    $("thanked").tabIndex = -1;
    $("thanked").focus();
    return;
  }
  sheet.take(page, queue.waiting.all());
  const at = sheet.items.findIndex((each) => each.id === item);
  if (at >= 0) sheet.at = at;
  show("work");
  context(page, say);
  draw();
  look(sheet.at, { scroll: at >= 0 });
  if (at < 0) window.scrollTo(0, 0);
  const talk = document.querySelector(".context");
  talk.scrollTop = talk.scrollHeight; // what was said last is what is answered
}

function draw() {
  const { items, page } = sheet;
  $("tojudge").textContent = items.length > 1 ? say.many(items.length) : say.one;
  $("items").replaceChildren(...items.map((_, at) => drawn(at)));
  $("back").disabled = page.number === 0;
  $("on").classList.toggle("main", sheet.done);
}

function drawn(at) {
  const item = sheet.items[at];
  return card({
    item, at, of: sheet.items.length, stage: sheet.stage(item), label: sheet.labels.get(item.id),
    current: at === sheet.at, locale: sheet.page.locale, say,
    act: {
      answer: (kind) => { look(at); answer(kind); },
      change: () => { look(at); change(); },
      choose: () => { if (at !== sheet.at) look(at, { focus: false }); },
    },
  });
}

/** Make an answer the one at hand. */
function look(at, { scroll = true, focus = true } = {}) {
  sheet.at = at;
  const cards = [...$("items").children];
  cards.forEach((each, place) => place === at ? each.setAttribute("aria-current", "true") : each.removeAttribute("aria-current"));
  clock.look(sheet.item.id, sheet.drafts.get(sheet.item.id)?.seconds);
  if (focus) cards[at].focus({ preventScroll: true });
  if (scroll) cards[at].scrollIntoView({ block: "nearest" });
}

function redraw(at) {
  $("items").children[at].replaceWith(drawn(at));
  $("on").classList.toggle("main", sheet.done);
}

// ---- what the rater does ----

function answer(kind) {
  const at = sheet.at;
  if (sheet.stage(sheet.item) === "done") return;
  const said = sheet.answer(kind, clock.seconds(sheet.item.id));
  redraw(at);
  if (said === null) {
    look(at);
    tell(say.specific);
    return;
  }
  queue.add(said);
  const next = sheet.nextOpen();
  if (next >= 0) {
    look(next);
    tell(say.answer(next + 1, sheet.items.length));
  } else if (form === "single") {
    turn(1);
  } else {
    $("on").focus();
  }
}

function change() {
  if (sheet.stage(sheet.item) !== "done") return;
  sheet.change(clock.seconds(sheet.item.id));
  redraw(sheet.at);
  look(sheet.at);
}

async function undo() {
  const step = sheet?.undo();
  if (!step) { tell(say.nothingToUndo); return; }
  if (step.said) queue.add(step.said);
  tell(say.undone);
  if (step.number !== sheet.page?.number) { await open(step.number, step.item); return; }
  const at = sheet.items.findIndex((each) => each.id === step.item);
  redraw(at);
  look(at);
}

function move(by) {
  const at = sheet.at + by;
  if (at >= 0 && at < sheet.items.length) look(at);
}

function turn(by) {
  if (sheet.page === null) {
    if (by < 0 && counts?.given) open(counts.given - 1);
    return;
  }
  const number = sheet.page.number + by;
  if (number < 0) return;
  if (!sheet.done && number >= counts.given) { // a new page comes when this one is done
    tell(say.unfinished);
    look(sheet.firstOpen());
    return;
  }
  open(number);
}

const KEYS = {
  1: () => answer("yes"), 2: () => answer("no"), 0: () => answer("no"), s: () => answer("pass"), c: change,
  ArrowUp: () => move(-1), ArrowDown: () => move(1),
};

/** A letter by its place where the keyboard writes another alphabet; digits by place too (some need Shift). */
function named(event) {
  const digit = /^(?:Digit|Numpad)(\d)$/.exec(event.code);
  if (digit && !event.shiftKey) return digit[1];
  if (event.key === "?" || event.key.length > 1 || /[a-z]/i.test(event.key)) return event.key.length > 1 ? event.key : event.key.toLowerCase();
  return /^Key([A-Z])$/.exec(event.code)?.[1].toLowerCase() ?? event.key;
}

document.addEventListener("keydown", (event) => {
  if (document.querySelector("dialog[open]") || event.target instanceof HTMLInputElement) return;
  const key = named(event);
  const combined = event.ctrlKey || event.metaKey;
  if (event.altKey || (combined && !(key === "z" && !event.shiftKey))) return;
  if (key === "?") { $("keysheet").showModal(); return; }
  if (!combined && key === "g") { $("guidelines").showModal(); return; }
  if (sheet === null || !$("enter").hidden) return;
  const arrow = key.startsWith("Arrow");
  if (event.repeat && !arrow) return;
  if ((combined && key === "z") || key === "u") undo();
  else if (key === "ArrowLeft" || key === "ArrowRight") turn(key === "ArrowLeft" ? -1 : 1);
  else if (key in KEYS && sheet.page !== null && !(arrow && sheet.items.length < 2)) KEYS[key]();
  else return;
  event.preventDefault();
});

$("enter").addEventListener("submit", (event) => { event.preventDefault(); enter($("name").value); });
$("read").addEventListener("click", () => $("guidelines").showModal());
$("guide").addEventListener("click", () => $("guidelines").showModal());
$("help").addEventListener("click", () => $("keysheet").showModal());
$("who").addEventListener("click", () => ask(rater));
$("language").addEventListener("click", () => {
  lang = other(lang);
  remember("blend.language", lang);
  speak();
});
$("back").addEventListener("click", () => turn(-1));
$("on").addEventListener("click", () => turn(1));
$("undo").addEventListener("click", undo);
$("review").addEventListener("click", () => turn(-1));
$("more").addEventListener("click", () => open());

window.addEventListener("beforeunload", (event) => {
  if (outbox.waiting) event.preventDefault(); // it is kept, but only this browser has it
});

function speak() {
  say = words(lang);
  frame(say, lang);
  if (rater) $("who").setAttribute("aria-label", say.who(rater));
  if (counts) progress(counts, sheet.page?.number ?? null, say);
  if (queue) report();
  if (sheet?.page) { context(sheet.page, say); draw(); }
  else if (counts) $("did").textContent = say.did(counts);
}

speak();
outbox.resume();
const known = recall("blend.rater");
if (known) enter(known); else ask();

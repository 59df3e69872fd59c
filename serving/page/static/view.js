// Builds what is seen. Every text is set as text: nothing a user or a model wrote is ever read as HTML.

export const $ = (id) => document.getElementById(id);

/** An element with attributes, and children that are elements or text. */
export function make(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "on") made.addEventListener("click", value);
    else if (value !== null && value !== false) made.setAttribute(name, value);
  }
  made.append(...children.filter((child) => child !== null));
  return made;
}

const speech = (text, locale) => make("p", { class: "speech", dir: "auto", lang: locale }, text);

export function context(page, say) {
  $("facts").hidden = page.facts.length === 0;
  $("factlist").replaceChildren(...page.facts.map((fact) => make("li", { dir: "auto", lang: page.locale }, fact)));
  $("turns").replaceChildren(...page.turns.map((turn) =>
    make("li", { class: `turn ${turn.speaker}` },
      make("span", { class: "speaker" }, say[turn.speaker]), speech(turn.text, page.locale))));
}

const chip = (good, text) =>
  make("span", { class: `chip ${good === null ? "open" : good ? "good" : "bad"}` },
    make("span", { "aria-hidden": "true" }, good === null ? "– " : good ? "✓ " : "✗ "), text);

function chips(label, say) {
  if (label.sensible === null) return [chip(null, say.passed)];
  const sensible = chip(label.sensible, label.sensible ? say.isSensible : say.notSensible);
  if (!label.sensible) return [sensible];
  if (label.specific === undefined) return [sensible];
  if (label.specific === null) return [sensible, chip(null, say.openSpecific)];
  return [sensible, chip(label.specific, label.specific ? say.isSpecific : say.notSpecific)];
}

function question(stage, say, answer) {
  const button = (kind, key) =>
    make("button", { type: "button", class: `say ${kind}`, "aria-keyshortcuts": key, on: () => answer(kind) },
      say[kind], " ", make("kbd", { "aria-hidden": "true" }, key));
  return make("div", { class: "ask", role: "group", "aria-label": say[stage] },
    make("p", { class: "question" }, make("strong", {}, say[stage]), " ", make("span", {}, say[`${stage}Means`])),
    make("div", { class: "row" }, button("yes", "1"), button("no", "2"), button("pass", "s")));
}

/** One answer. `stage`: sensible, specific or done; `act`: {answer(kind), change(), choose()}. */
export function card({ item, at, of, stage, label, current, locale, say, act }) {
  const settled = stage === "sensible" ? [] : chips(stage === "specific" ? { sensible: true } : label, say);
  const made = make("article", {
    class: `answer ${stage}`, tabindex: "-1", "data-item": item.id, "aria-current": current ? "true" : null,
    "aria-label": say.answer(at + 1, of),
  },
    of > 1 ? make("h3", {}, say.answer(at + 1, of)) : null,
    make("div", { class: "turn bot" }, make("span", { class: "speaker" }, say.bot), speech(item.text, locale)),
    settled.length ? make("p", { class: "verdict" }, ...settled,
      stage === "done" ? make("button", { type: "button", class: "change", "aria-keyshortcuts": "c", on: act.change },
        say.change, " ", make("kbd", { "aria-hidden": "true" }, "c")) : null) : null,
    stage === "done" ? null : question(stage, say, act.answer));
  made.addEventListener("pointerdown", act.choose);
  return made;
}

export function frame(say, lang) {
  document.documentElement.lang = lang;
  document.title = say.title;
  for (const each of document.querySelectorAll("[data-say]")) each.textContent = say[each.dataset.say];
  $("language").lang = lang === "en" ? "ru" : "en";
  $("keyrows").replaceChildren(...say.help.map(([key, does]) =>
    make("tr", {}, make("th", { scope: "row" }, make("kbd", {}, key)), make("td", {}, does))));
  const texts = [...document.querySelectorAll("#guidelines article")];
  for (const text of texts) text.hidden = text.lang !== lang;
  $("guidelines").setAttribute("aria-label", say.guidelines);
}

export function progress({ done, of }, number, say) {
  $("count").textContent = number === null ? say.done(done) : say.page(number + 1, Math.max(of, number + 1));
  $("progress").hidden = false;
  $("progress").max = Math.max(of, 1);
  $("progress").value = done;
  $("progress").setAttribute("aria-label", say.done(done));
}

export function show(id) {
  for (const each of ["enter", "work", "thanks"]) $(each).hidden = each !== id;
}

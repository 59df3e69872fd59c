// One page of answers before a rater: what was said of each, what is asked next, and what can be taken back.

import { Drafts, Kept } from "./keep.js";

export class Sheet {
  constructor(root) {
    this.drafts = new Drafts(`${root}.half`);     // by answer: {sensible: true, seconds}, or {again: true, seconds}
    this.steps = new Kept(`${root}.steps`, 300);  // what each step changed, to take it back
    this.page = null;
    this.at = 0;
  }

  /** Take a page as the server sent it, and on top what is still on its way there. */
  take(page, waiting) {
    this.page = page;
    this.labels = new Map(page.items.map((item) => [item.id, item.label]));
    for (const { said } of waiting) {
      if (this.labels.has(said.item)) this.labels.set(said.item, said.withdrawn ? null : said);
    }
    this.at = Math.max(0, this.firstOpen());
  }

  get items() { return this.page?.items ?? []; }
  get item() { return this.items[this.at]; }
  get done() { return this.page !== null && this.firstOpen() < 0; }

  stage(item) {
    const draft = this.drafts.get(item.id);
    if (draft?.sensible) return "specific";
    return draft?.again || !this.labels.get(item.id) ? "sensible" : "done";
  }

  firstOpen(from = 0) { return this.items.findIndex((item, at) => at >= from && this.stage(item) !== "done"); }

  /** The next answer to be judged, after this one or from the top; -1 = none. */
  nextOpen() { const after = this.firstOpen(this.at + 1); return after < 0 ? this.firstOpen() : after; }

  /** What `kind` (yes, no, pass) says of the answer at hand: null = half an answer, kept; else what is to be saved. */
  answer(kind, seconds) {
    const { item } = this;
    const stage = this.stage(item);
    if (stage === "done") return null;
    const half = stage === "sensible" && kind === "yes";
    this.#step(item.id, !half);
    if (half) {
      this.drafts.set(item.id, { sensible: true, seconds });
      return null;
    }
    const value = kind === "pass" ? null : kind === "yes";
    const label = stage === "specific" ? { sensible: true, specific: value, seconds }
      : { sensible: value, specific: value === null ? null : false, seconds };
    this.drafts.drop(item.id);
    this.labels.set(item.id, label);
    return { item: item.id, ...label, withdrawn: false };
  }

  change(seconds) {
    if (this.stage(this.item) !== "done") return;
    this.#step(this.item.id, false);
    this.drafts.set(this.item.id, { again: true, seconds });
  }

  /** Take the last step back. Returns {number, item, said}: said = what the server must be told, null = nothing. */
  undo() {
    const step = this.steps.pop();
    if (!step) return null;
    const { number, item, label, draft, saved } = step;
    if (draft) this.drafts.set(item, draft); else this.drafts.drop(item);
    if (this.labels?.has(item)) this.labels.set(item, label);
    return { number, item, said: saved ? { item, ...(label ?? {}), withdrawn: label === null } : null };
  }

  /** Note how things stand before a step; `saved`: whether the step is told to the server. */
  #step(item, saved) {
    const label = this.labels.get(item) ?? null;
    const before = label && { sensible: label.sensible, specific: label.specific, seconds: label.seconds ?? null };
    this.steps.push({ number: this.page.number, item, label: before, draft: this.drafts.get(item) ?? null, saved });
  }
}

// Seconds spent on each answer: counted while the page can be seen, and not beyond what anybody looks at one answer.

const MOST = 300;

export class Clock {
  constructor() {
    this.spent = new Map();
    this.item = null;
    this.since = null;
    document.addEventListener("visibilitychange", () => (document.hidden ? this.#stop() : this.#start()));
  }

  /** Count for this answer from now on; `before`: seconds it had in an earlier visit. */
  look(item, before = 0) {
    this.#stop();
    this.item = item;
    if (item !== null && !this.spent.has(item)) this.spent.set(item, before);
    if (!document.hidden) this.#start();
  }

  seconds(item) {
    if (item === this.item && !document.hidden) { this.#stop(); this.#start(); }
    return Math.round(Math.min(this.spent.get(item) ?? 0, MOST) * 1000) / 1000;
  }

  #start() { this.since = performance.now(); }

  #stop() {
    if (this.item !== null && this.since !== null) {
      this.spent.set(this.item, (this.spent.get(this.item) ?? 0) + (performance.now() - this.since) / 1000);
    }
    this.since = null;
  }
}

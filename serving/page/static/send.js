// Requests, and the queues by which every label reaches the server: in order, again and again until it is there.

import { Kept, keys } from "./keep.js";

const FIRST_WAIT = 500, LONGEST_WAIT = 8000, AT_ONCE = 100, PATIENCE = 15000;

/** An answer that says: this is not accepted. */
export class Refused extends Error {
  constructor(status, problems) { super(problems.join("; ")); this.status = status; }
}

/** Whether it never will be; another job may give way to this one (409), and a rater be let in (403). */
const forGood = (fault) => fault instanceof Refused && fault.status !== 409 && fault.status !== 403;

export async function post(path, body) {
  const answer = await fetch(path, {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body),
    credentials: "same-origin", cache: "no-store", signal: AbortSignal.timeout(PATIENCE),
    keepalive: true, // a label on its way survives the closing of the page
  });
  if (answer.ok) return answer.json();
  const told = await answer.json().catch(() => ({}));
  const problems = told.problems ?? [`${answer.status} ${answer.statusText}`];
  if (answer.status >= 500 || answer.status === 429 || answer.status === 401) {
    throw Object.assign(new Error(problems.join("; ")), { status: answer.status });
  }
  throw new Refused(answer.status, problems);
}

/** The queues of this campaign, by rater: who was here before is sent to the end, whoever labels now. */
export class Outbox {
  /** `changed()`: called when there is something new to tell. */
  constructor(campaign, changed) {
    Object.assign(this, { campaign, changed, queues: new Map() });
    window.addEventListener("online", () => { for (const queue of this.queues.values()) queue.flush(); });
  }

  /** Send what an earlier visit left here, whoever said it. */
  resume() {
    for (const [of, rater] of kept()) if (of === this.campaign) this.of(rater).flush();
    if (this.elsewhere) this.changed();
  }

  of(rater) {
    if (!this.queues.has(rater)) this.queues.set(rater, new Queue(this.campaign, rater, this.changed));
    return this.queues.get(rater);
  }

  /** How many labels are not on the server. */
  get waiting() { return this.#all((queue) => queue.waiting.all()).length; }

  get rejected() { return this.#all((queue) => queue.rejected.all()); }

  /** Why labels are not on the server; null = nothing is known to be wrong. */
  get fault() { return this.#all((queue) => (queue.waiting.all().length && queue.fault ? [queue.fault] : []))[0] ?? null; }

  /** How many labels of other campaigns wait here for their page. */
  get elsewhere() {
    return kept().filter(([of]) => of !== this.campaign).reduce((sum, [, , waiting]) => sum + waiting, 0);
  }

  #all(listed) { return [...this.queues.values()].flatMap(listed); }
}

/** What is kept and waits: campaign, rater, how many. */
function kept() {
  return keys().map((key) => /^blend\.([^.]+)\.(.+)\.waiting$/s.exec(key)).filter((found) => found)
    .map(([key, campaign, rater]) => [campaign, rater, new Kept(key).all().length]).filter(([, , waiting]) => waiting);
}

class Queue {
  constructor(campaign, rater, changed) {
    const root = `blend.${campaign}.${rater}`;
    Object.assign(this, {
      head: { campaign, rater }, waiting: new Kept(`${root}.waiting`), rejected: new Kept(`${root}.refused`), changed,
      fault: null, sending: null, wait: FIRST_WAIT, timer: null,
    });
  }

  add(said) {
    this.waiting.push({ id: crypto.randomUUID?.() ?? `${Date.now()}-${Math.random()}`, said });
    return this.flush();
  }

  /** Resolves to whether everything is on the server; one run at a time. */
  flush() {
    clearTimeout(this.timer);
    this.sending ??= this.#run().finally(() => { this.sending = null; });
    return this.sending;
  }

  async #run() {
    for (let next = this.waiting.all(); next.length; next = this.waiting.all()) {
      const part = next.slice(0, AT_ONCE);
      this.#tell(null);
      try {
        await post("/api/labels", { ...this.head, said: part.map((each) => each.said) });
      } catch (fault) {
        if (!(await this.#failed(fault, part))) return false;
        continue;
      }
      this.waiting.remove(part.map((each) => each.id));
      this.wait = FIRST_WAIT;
    }
    this.#tell(null);
    return true;
  }

  #tell(fault) {
    this.fault = fault;
    this.changed();
  }

  /** Whether to go on. A refused batch is sent one by one, so that a bad label does not hold up the good ones. */
  async #failed(fault, part) {
    if (!forGood(fault)) {
      this.#tell(fault);
      this.timer = setTimeout(() => this.flush(), this.wait);
      this.wait = Math.min(this.wait * 2, LONGEST_WAIT);
      return false;
    }
    for (const each of part) {
      try {
        await post("/api/labels", { ...this.head, said: [each.said] });
      } catch (again) {
        if (!forGood(again)) return this.#failed(again, []);
        this.rejected.push({ ...each, why: again.message });
        this.changed();
      }
      this.waiting.remove([each.id]);
    }
    return true;
  }
}

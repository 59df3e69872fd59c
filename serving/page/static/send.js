// Requests, and the queue by which every label reaches the server: in order, again and again until it is there.

const FIRST_WAIT = 500, LONGEST_WAIT = 8000, AT_ONCE = 100, PATIENCE = 15000;

/** An answer that says: this will not be accepted, however often it is sent. */
export class Refused extends Error {
  constructor(status, problems) { super(problems.join("; ")); this.status = status; }
}

export async function post(path, body) {
  const answer = await fetch(path, {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body),
    credentials: "same-origin", cache: "no-store", signal: AbortSignal.timeout(PATIENCE),
    keepalive: true, // a label on its way survives the closing of the page
  });
  if (answer.ok) return answer.json();
  const told = await answer.json().catch(() => ({}));
  const problems = told.problems ?? [`${answer.status} ${answer.statusText}`];
  if (answer.status >= 500 || answer.status === 429 || answer.status === 401) throw new Error(problems.join("; "));
  throw new Refused(answer.status, problems);
}

export class Queue {
  /** `waiting`, `rejected`: Kept lists; `report(state, count, why)`: saved, saving, unsaved, refused. */
  constructor(head, waiting, rejected, report) {
    Object.assign(this, { head, waiting, rejected, report, sending: null, wait: FIRST_WAIT, timer: null });
    this.wake = () => { if (this.waiting.all().length) this.flush(); };
    window.addEventListener("online", this.wake);
  }

  close() {
    window.removeEventListener("online", this.wake);
    clearTimeout(this.timer);
    this.closed = true;
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
    for (let next = this.waiting.all(); next.length && !this.closed; next = this.waiting.all()) {
      const part = next.slice(0, AT_ONCE);
      this.report("saving", next.length);
      try {
        await post("/api/labels", { ...this.head, said: part.map((each) => each.said) });
      } catch (fault) {
        if (!(await this.#failed(fault, part))) return false;
        continue;
      }
      this.waiting.remove(part.map((each) => each.id));
      this.wait = FIRST_WAIT;
    }
    this.report("saved", 0);
    return true;
  }

  /** Whether to go on. A refused batch is sent one by one, so that a bad label does not hold up the good ones. */
  async #failed(fault, part) {
    if (!(fault instanceof Refused) || fault.status === 409) {
      this.report("unsaved", this.waiting.all().length, fault);
      if (!this.closed) this.timer = setTimeout(() => this.flush(), this.wait);
      this.wait = Math.min(this.wait * 2, LONGEST_WAIT);
      return false;
    }
    for (const each of part) {
      try {
        await post("/api/labels", { ...this.head, said: [each.said] });
      } catch (again) {
        if (!(again instanceof Refused)) return this.#failed(again, []);
        this.rejected.push({ ...each, why: again.message });
        this.report("refused", this.rejected.all().length, again);
      }
      this.waiting.remove([each.id]);
    }
    return true;
  }
}

// What this browser remembers of one campaign and rater: labels not yet saved, half answers, what can be undone.
// localStorage outlives a reload, a crash and a server that is away. Where it is refused, memory stands in.

const memory = new Map();
let refused = false;

export function recall(key, otherwise = null) {
  if (memory.has(key)) return memory.get(key); // it is newer than what a full localStorage still holds
  try {
    const text = localStorage.getItem(key);
    return text === null ? otherwise : JSON.parse(text);
  } catch {
    return otherwise;
  }
}

export function remember(key, value) {
  memory.set(key, value);
  try {
    localStorage.setItem(key, JSON.stringify(value));
    memory.delete(key);
  } catch {
    refused = true;
  }
}

export const keepsNothing = () => refused;

/** Names of everything that is remembered. */
export function keys() {
  try {
    return [...new Set([...Object.keys(localStorage), ...memory.keys()])];
  } catch {
    return [...memory.keys()];
  }
}

/** A list kept under one key; read anew each time, since another tab may have changed it. */
export class Kept {
  constructor(key, most = Infinity) { this.key = key; this.most = most; }
  all() { return recall(this.key, []); }
  push(value) { remember(this.key, [...this.all(), value].slice(-this.most)); }
  pop() { const all = this.all(); const last = all.pop(); remember(this.key, all); return last; }
  remove(ids) { const gone = new Set(ids); remember(this.key, this.all().filter((each) => !gone.has(each.id))); }
}

/** Values by name, kept under one key. */
export class Drafts {
  constructor(key) { this.key = key; }
  get(name) { return recall(this.key, {})[name]; }
  set(name, value) { remember(this.key, { ...recall(this.key, {}), [name]: value }); }
  drop(name) { const { [name]: _, ...rest } = recall(this.key, {}); remember(this.key, rest); }
}

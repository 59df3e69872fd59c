// What this browser remembers of one campaign and rater: labels not yet saved, half answers, what can be undone.
// localStorage outlives a reload, a crash and a server that is away. Where it is refused, memory stands in.

const memory = new Map();
let refused = false;

export function recall(key, otherwise = null) {
  return memory.has(key) ? memory.get(key) : stored(key, otherwise); // memory is newer than a full localStorage
}

export function remember(key, value) {
  if (store(key, value)) memory.delete(key);
  else memory.set(key, value);
}

function stored(key, otherwise) {
  try {
    const text = localStorage.getItem(key);
    return text === null ? otherwise : JSON.parse(text);
  } catch {
    return otherwise;
  }
}

function store(key, value) {
  try {
    localStorage.setItem(key, JSON.stringify(value));
    return true;
  } catch {
    refused = true;
    return false;
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

/**
 * A list kept under one key; read anew each time, since another tab may have changed it. Memory holds only what
 * localStorage has no room for, so that what another tab put there stays.
 */
export class Kept {
  constructor(key, most = Infinity) { this.key = key; this.most = most; }
  all() { return [...this.#stored, ...this.#over].slice(-this.most); }
  push(value) { this.#keep(this.#stored, [...this.#over, value]); }
  pop() {
    const first = this.#stored, over = this.#over, last = (over.length ? over : first).pop();
    this.#keep(first, over);
    return last;
  }
  remove(ids) {
    const gone = new Set(ids), left = (list) => list.filter((each) => !gone.has(each.id));
    this.#keep(left(this.#stored), left(this.#over));
  }

  get #stored() { return stored(this.key, []); }
  get #over() { return [...memory.get(this.key) ?? []]; }
  #keep(first, over) {
    if (store(this.key, [...first, ...over].slice(-this.most))) {
      memory.delete(this.key);
    } else {
      store(this.key, first);
      memory.set(this.key, over.slice(-this.most));
    }
  }
}

/** Values by name, kept under one key. */
export class Drafts {
  constructor(key) { this.key = key; }
  get(name) { return recall(this.key, {})[name]; }
  set(name, value) { remember(this.key, { ...recall(this.key, {}), [name]: value }); }
  drop(name) { const { [name]: _, ...rest } = recall(this.key, {}); remember(this.key, rest); }
}

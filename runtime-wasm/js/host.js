// What a page has and WebAssembly has not: a store for files, requests, timers, locks, the console.
// It decides nothing: each function does one thing once, or throws an error whose name says its class.

const DATABASE = "runwire";
const STORE = "pieces";

// --- The store: pieces of files by [path, offset]. ---

const done = (request) =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });

// `[]` sorts after every number.
const all = (path) => IDBKeyRange.bound([path], [path, []]);

class Database {
  constructor(db) {
    this.db = db;
    db.onversionchange = () => db.close();
  }

  // Runs `work` in a transaction and waits until that is complete. A result stands only then.
  async within(mode, work, durability = "relaxed") {
    const transaction = this.db.transaction(STORE, mode, { durability });
    const complete = new Promise((resolve, reject) => {
      transaction.oncomplete = resolve;
      transaction.onabort = () => reject(transaction.error);
    });
    const [result] = await Promise.all([work(transaction.objectStore(STORE)), complete]);
    return result;
  }

  create(path) {
    return this.within("readwrite", (store) => done(store.add(piece(0, new Uint8Array()), [path, 0])));
  }

  put(path, at, bytes) {
    return this.within("readwrite", (store) => done(store.put(piece(at, bytes), [path, at])));
  }

  // Replaces everything from `at` on.
  patch(path, at, bytes) {
    return this.within("readwrite", (store) => {
      store.delete(IDBKeyRange.bound([path, at], [path, []]));
      return done(store.put(piece(at, bytes), [path, at]));
    });
  }

  // The pieces that bytes from `at` to `end` may be in.
  pieces(path, at, end) {
    return this.within("readonly", async (store) => {
      const before = await done(store.openKeyCursor(IDBKeyRange.bound([path], [path, at]), "prev"));
      return done(store.getAll(IDBKeyRange.bound(before ? before.key : [path], [path, end])));
    });
  }

  last(path) {
    return this.within("readonly", async (store) => (await done(store.openCursor(all(path), "prev")))?.value);
  }

  remove(path) {
    return this.within("readwrite", (store) => done(store.delete(all(path))));
  }

  paths() {
    return this.within("readonly", (store) => {
      const paths = [];
      return new Promise((resolve, reject) => {
        const request = store.openKeyCursor();
        request.onerror = () => reject(request.error);
        request.onsuccess = () => {
          if (!request.result) return resolve(paths);
          const [path] = request.result.key;
          paths.push(path);
          request.result.continue([path, []]);
        };
      });
    });
  }

  // A transaction that is durable makes those before it durable.
  sync(path) {
    return this.within("readwrite", (store) => done(store.put(piece(0, new Uint8Array()), [`${path}.mark`, 0])), "strict");
  }
}

class Memory {
  constructor() {
    this.files = new Map();
  }

  file(path) {
    if (!this.files.has(path)) this.files.set(path, new Map());
    return this.files.get(path);
  }

  async create(path) {
    if (this.files.has(path)) throw new DOMException(`${path} exists`, "ConstraintError");
    this.file(path).set(0, piece(0, new Uint8Array()));
  }

  async put(path, at, bytes) {
    this.file(path).set(at, piece(at, bytes));
  }

  async patch(path, at, bytes) {
    const file = this.file(path);
    for (const start of [...file.keys()]) if (start >= at) file.delete(start);
    file.set(at, piece(at, bytes));
  }

  async pieces(path, at, end) {
    const sorted = [...(this.files.get(path)?.values() ?? [])].sort((a, b) => a.at - b.at);
    const first = sorted.findLastIndex((each) => each.at <= at);
    return sorted.slice(Math.max(first, 0)).filter((each) => each.at <= end);
  }

  async last(path) {
    return (await this.pieces(path, Infinity, Infinity)).at(-1);
  }

  async remove(path) {
    this.files.delete(path);
  }

  async paths() {
    return [...this.files.keys()].sort();
  }

  async sync() {}
}

const piece = (at, bytes) => ({ at, bytes, time: Date.now() });

let opened;

function store() {
  opened ??= new Promise((resolve, reject) => {
    const request = indexedDB.open(DATABASE, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(STORE);
    request.onsuccess = () => resolve(new Database(request.result));
    request.onerror = () => reject(request.error);
  }).catch((error) => {
    const why = "this page has no IndexedDB, so what is logged is kept in memory only and is lost with the page if the server does not have it";
    console.warn(`runwire: ${why} (${error})`);
    return new Memory();
  });
  return opened;
}

export const create = async (path) => (await store()).create(path);
export const put = async (path, at, bytes) => (await store()).put(path, at, bytes);
export const sync = async (path) => (await store()).sync(path);
export const remove = async (path) => (await store()).remove(path);
export const paths = async () => (await store()).paths();

export async function patch(path, at, bytes) {
  const files = await store();
  // A piece that reaches over the cut is shortened first.
  const head = at > 0 ? await assemble(files, path, 0, at) : new Uint8Array();
  const whole = new Uint8Array(at + bytes.length);
  whole.set(head ?? []);
  whole.set(bytes, at);
  await files.patch(path, 0, whole);
}

export async function read(path, at, length) {
  const bytes = await assemble(await store(), path, at, length);
  if (!bytes) throw new DOMException(`there is no ${path}`, "NotFoundError");
  return bytes;
}

// Length in bytes and time of the last change in milliseconds; nothing if there is no such file.
export async function stat(path) {
  const last = await (await store()).last(path);
  return last && [last.at + last.bytes.length, last.time];
}

async function assemble(files, path, at, length) {
  const pieces = await files.pieces(path, at, at + length);
  if (!pieces.length) return undefined;
  const bytes = new Uint8Array(Math.max(0, Math.min(length, Math.max(...pieces.map((each) => each.at + each.bytes.length)) - at)));
  for (const each of pieces) {
    const from = Math.max(0, at - each.at);
    const part = each.bytes.subarray(from, Math.max(from, at + bytes.length - each.at));
    if (part.length) bytes.set(part, each.at + from - at);
  }
  return bytes;
}

// --- Requests. ---

const underWay = new Map();

export const abort = (token) => underWay.get(token)?.abort(new DOMException("given up", "AbortError"));

// One attempt. Gives the status, names and values of headers, and the body, cut at `most`.
export async function request(token, method, url, headers, body, gzip, timeout, most) {
  const controller = new AbortController();
  underWay.set(token, controller);
  const late = () => controller.abort(new DOMException("no answer before the deadline", "TimeoutError"));
  const timer = timeout > 0 ? setTimeout(late, Math.min(timeout, LONGEST)) : undefined;
  try {
    const fields = new Headers();
    for (let n = 0; n < headers.length; n += 2) fields.append(headers[n], headers[n + 1]);
    const hidden = globalThis.document?.visibilityState === "hidden";
    // A page that goes away has no time for streams.
    if (gzip && body && !hidden && globalThis.CompressionStream) {
      const packed = new Blob([body]).stream().pipeThrough(new CompressionStream("gzip"));
      body = new Uint8Array(await new Response(packed).arrayBuffer());
      fields.set("Content-Encoding", "gzip");
    }
    // Browsers let at most 64 KiB outlive the page.
    const keepalive = hidden && (body?.length ?? 0) < 60_000;
    const attempt = new Request(url, {
      method, headers: fields, body: body ?? null, keepalive, signal: controller.signal,
      cache: "no-store", credentials: "omit", referrerPolicy: "no-referrer",
    });
    const answer = await fetch(attempt).catch((error) => {
      throw error.name === "TypeError" ? new DOMException(`no answer (${error.message})`, "NetworkError") : error;
    });
    return [answer.status, [...answer.headers].flat(), await first(answer, most)];
  } finally {
    clearTimeout(timer);
    underWay.delete(token);
  }
}

async function first(answer, most) {
  const parts = [];
  let length = 0;
  const reader = answer.body?.getReader();
  while (reader && length < most) {
    const { done, value } = await reader.read().catch((error) => {
      throw error.name === "TypeError" ? new DOMException("the answer broke off", "NetworkError") : error;
    });
    if (done) break;
    parts.push(value);
    length += value.length;
  }
  reader?.cancel().catch(() => {});
  return new Uint8Array(await new Blob(parts).arrayBuffer()).subarray(0, most);
}

// --- Time. ---

// A longer timer would fire at once.
const LONGEST = 2 ** 31 - 1;

export const monotonic = () => performance.now();
export const wall = () => Date.now();
export const zone = () => -60 * new Date().getTimezoneOffset();
export const later = (milliseconds, call) => setTimeout(call, Math.min(milliseconds, LONGEST));
export const sleep = (milliseconds) => new Promise((resolve) => later(milliseconds, resolve));
export const forget = (timer) => clearTimeout(timer);

// `%Y%m%d_%H%M%S` in local time.
export function stamp() {
  const at = new Date();
  const two = (number) => String(number).padStart(2, "0");
  const day = `${at.getFullYear()}${two(at.getMonth() + 1)}${two(at.getDate())}`;
  return `${day}_${two(at.getHours())}${two(at.getMinutes())}${two(at.getSeconds())}`;
}

// --- Locks between the tabs of one origin. ---

const held = new Map();

// Whether other tabs can be told apart from dead ones.
export const hasLocks = () => Boolean(globalThis.navigator?.locks);

// Takes a lock for as long as this page lives, unless somebody has it.
export function claim(name) {
  if (!hasLocks()) return Promise.resolve(!held.has(name) && Boolean(held.set(name, () => {})));
  return new Promise((resolve, reject) => {
    const hold = (lock) => {
      resolve(Boolean(lock));
      return lock && new Promise((release) => held.set(name, release));
    };
    navigator.locks.request(`runwire:${name}`, { ifAvailable: true }, hold).catch(reject);
  });
}

export function release(name) {
  held.get(name)?.();
  held.delete(name);
}

// --- The rest. ---

// The browser, its processors, and the page without what may be secret.
export const facts = () => [navigator.userAgent, navigator.hardwareConcurrency ?? 0, location.origin + location.pathname];

export const random = () => crypto.getRandomValues(new Uint32Array(1))[0];

export function note(level, text) {
  // Later, so that a console that somebody has replaced may call us.
  queueMicrotask(() => console[level](`runwire: ${text}`));
}

// Names and JSON texts of the values of an object, all parted by NUL. A number that JSON lacks is a bare token.
export function row(values) {
  if (typeof values !== "object" || values === null || Array.isArray(values)) {
    throw new TypeError("runwire: values must be an object, so that each has a name");
  }
  const parts = [];
  for (const [key, value] of Object.entries(values)) {
    const text = json(value);
    if (text !== undefined) parts.push(key.replaceAll("\0", "\ufffd"), text);
  }
  return parts.join("\0");
}

function json(value) {
  switch (typeof value) {
    case "number":
      return Object.is(value, -0) ? "-0" : String(value);
    case "bigint":
      return String(value);
    case "string":
    case "boolean":
      return JSON.stringify(value);
    case "object": {
      if (value === null) return "null";
      if (typeof value.toJSON === "function") return json(value.toJSON());
      if (ArrayBuffer.isView(value) && !(value instanceof DataView)) value = Array.from(value);
      if (Array.isArray(value)) return `[${value.map((each) => json(each) ?? "null").join(",")}]`;
      const entries = Object.entries(value).map(([key, each]) => [key, json(each)]);
      return `{${entries.filter(([, text]) => text !== undefined).map(([key, text]) => `${JSON.stringify(key)}:${text}`).join(",")}}`;
    }
    default:
      return undefined;
  }
}

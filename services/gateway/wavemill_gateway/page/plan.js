// The arithmetic of chunks and waiting: no DOM, no network, no clock, so that it can be tested.

/** "0-1,3" → Set {0, 1, 3}. Anything malformed is skipped: a chunk sent twice does no harm. */
export function parseRanges(text) {
  const found = new Set();
  for (const part of String(text ?? "").split(",")) {
    const match = /^\s*(\d+)(?:-(\d+))?\s*$/.exec(part);
    if (!match) continue;
    const first = Number(match[1]);
    const last = Number(match[2] ?? match[1]);
    for (let index = first; index <= last; index += 1) found.add(index);
  }
  return found;
}

/** The chunks still to be sent, as byte ranges [start, end), lowest index first. */
export function planChunks(size, chunkSize, received = new Set()) {
  const chunks = [];
  const total = Math.ceil(size / chunkSize);
  for (let index = 0; index < total; index += 1) {
    if (received.has(index)) continue;
    const start = index * chunkSize;
    chunks.push({ index, start, end: Math.min(start + chunkSize, size) });
  }
  return chunks;
}

/** The last chunk goes second: what many a file needs to be read from its beginning stands there. */
export function lastSecond(chunks) {
  return chunks.length < 3 ? chunks : [chunks[0], chunks.at(-1), ...chunks.slice(1, -1)];
}

/** How many bytes the server already holds. */
export function receivedBytes(size, chunkSize, received) {
  const missing = planChunks(size, chunkSize, received);
  return missing.reduce((left, chunk) => left - (chunk.end - chunk.start), size);
}

/** Milliseconds before try number `attempt` (0-based): first · factor^attempt, never over most. */
export function backoff(attempt, { first = 500, factor = 1.5, most = 5000 } = {}) {
  return Math.min(most, first * factor ** attempt);
}

/** Spread by ±20 %, so that many clients of a server that came back don't return as one. */
export function jittered(milliseconds, random = Math.random) {
  return milliseconds * (0.8 + 0.4 * random());
}

/** A counting semaphore: `limit` may be lowered while it is in use. */
export class Slots {
  #free = [];
  #used = 0;

  constructor(limit) {
    this.limit = limit;
  }

  async use(work) {
    while (this.#used >= this.limit) await new Promise((wake) => this.#free.push(wake));
    this.#used += 1;
    try {
      return await work();
    } finally {
      this.#used -= 1;
      this.#free.shift()?.();
    }
  }
}

/** Resolves after the time, rejects at once when the signal aborts. */
export function sleep(milliseconds, signal) {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const stop = () => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve();
    }, milliseconds);
    signal?.addEventListener("abort", stop, { once: true });
  });
}

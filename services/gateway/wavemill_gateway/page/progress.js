// How running jobs are followed: one event stream for all of them, polling when that fails.

import { getProgress } from "./api.js";
import { eventTokens } from "./key.js";
import { isOffline } from "./offline.js";
import { backoff, sleep } from "./plan.js";

export const FINAL = new Set(["completed", "failed", "cancelled"]);

const EVENTS = ["progress", ...FINAL];
const STREAM_JOBS = 50; // the most that the server puts on one stream
const GATHER = 50; // ms; jobs started together share a stream from the start
const FIRST_WORD = 5_000; // ms; a snapshot comes at once, unless a proxy holds the stream back
const SILENCE = 30_000; // ms; then a new stream, whose snapshots tell what was missed
const POLL = { first: 500, factor: 1.5, most: 5_000 }; // ms
const POLL_TRIES = 10;
const POLLED_AT_FULL_RATE = 4; // more jobs at once share the rate, or many files become a flood

export class Watcher {
  #jobs = new Set();
  #polls = new Map();
  #source = null;
  #streaming = typeof EventSource === "function";
  #gathering = 0;
  #silence = 0;
  #turn = 0;

  /** `onProgress(jobId, progress)`, `onGone(jobId)`: expired, `onLost(jobId)`: out of reach. */
  constructor({ onProgress, onGone, onLost }) {
    Object.assign(this, { onProgress, onGone, onLost });
    addEventListener("online", () => this.#return());
  }

  watch(jobId) {
    this.#jobs.add(jobId);
    clearTimeout(this.#gathering);
    this.#gathering = setTimeout(() => this.#connect(), GATHER);
  }

  forget(jobId) {
    const crowded = this.#jobs.size > STREAM_JOBS;
    if (!this.#jobs.delete(jobId)) return;
    this.#polls.get(jobId)?.abort(new Error("no longer watched"));
    this.#polls.delete(jobId);
    if (this.#jobs.size === 0) {
      this.#close();
      this.#streaming = typeof EventSource === "function"; // the next job tries again
    } else if (crowded) this.watch([...this.#jobs][0]);
  }

  async #connect() {
    this.#close();
    if (this.#jobs.size === 0) return;
    if (!this.#streaming) return this.#pollAll();
    const jobs = [...this.#jobs].slice(0, STREAM_JOBS);
    const turn = this.#turn;
    const tokens = await eventTokens(jobs);
    if (turn !== this.#turn) return undefined; // meanwhile another began, or there is nothing left
    if (!tokens) return this.#fallBack();
    const query = [...jobs.map((one) => `jobId=${encodeURIComponent(one)}`), ...tokens.map((one) => `token=${one}`)];
    const source = new EventSource(`/api/events?${query.join("&")}`);
    let heard = false;
    let failures = 0;
    this.#source = source;
    const listen = (wait) => {
      clearTimeout(this.#silence);
      this.#silence = setTimeout(() => (heard ? this.#connect() : this.#fallBack()), wait);
    };
    const take = (event) => {
      heard = true;
      failures = 0;
      listen(SILENCE);
      this.#deliver(event.data);
    };
    for (const name of EVENTS) source.addEventListener(name, take);
    source.onerror = (event) => {
      // The server's own `error` events carry data; the browser's, about the connection, don't.
      if (typeof event.data === "string") return take(event);
      failures += 1;
      const finished = source.readyState === EventSource.CLOSED; // refused: it won't try again
      if (finished || !heard || failures > 2) this.#fallBack();
      return undefined;
    };
    listen(FIRST_WORD);
    return undefined;
  }

  #deliver(data) {
    let value;
    try {
      value = JSON.parse(data);
    } catch {
      return; // a broken event says nothing; the next one will
    }
    const { jobId } = value;
    if (!this.#jobs.has(jobId)) return;
    if (value.code === "job_not_found") {
      this.forget(jobId);
      this.onGone(jobId);
    } else if (value.status) this.#accept(jobId, value);
  }

  #accept(jobId, progress) {
    if (FINAL.has(progress.status)) this.forget(jobId);
    this.onProgress(jobId, progress);
  }

  #close() {
    this.#turn += 1;
    clearTimeout(this.#silence);
    this.#source?.close();
    this.#source = null;
  }

  #fallBack() {
    this.#close();
    this.#streaming = false;
    this.#pollAll();
  }

  /** The line is back: a stream again, whose snapshots tell what was missed. */
  #return() {
    for (const poll of this.#polls.values()) poll.abort(new Error("streaming again"));
    this.#polls.clear();
    this.#streaming = typeof EventSource === "function";
    this.#connect();
  }

  #pollAll() {
    for (const jobId of this.#jobs) {
      if (this.#polls.has(jobId)) continue;
      const stop = new AbortController();
      this.#polls.set(jobId, stop);
      this.#poll(jobId, stop.signal).catch(() => {}); // ended by forget(), or told by onLost
    }
  }

  async #poll(jobId, signal) {
    for (let failed = 0; ; ) {
      try {
        const progress = await getProgress(jobId, signal);
        failed = 0;
        this.#accept(jobId, progress);
        if (FINAL.has(progress.status)) return;
      } catch (error) {
        if (signal.aborted) throw error;
        if (!isOffline()) failed += 1;
        if (error.gone || failed >= POLL_TRIES) {
          this.forget(jobId);
          if (error.gone) this.onGone(jobId);
          else this.onLost(jobId);
          return;
        }
      }
      const share = Math.max(1, this.#polls.size / POLLED_AT_FULL_RATE);
      await sleep(backoff(failed, POLL) * share, signal);
    }
  }
}

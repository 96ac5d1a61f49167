// One event stream for all tabs: one of them leads, watches everybody's jobs and passes on what it hears.
// Where the browser has no locks (a page without TLS on a LAN) each tab watches its own.

import { randomKey } from "./api.js";
import { authorization } from "./key.js";
import { FINAL, Watcher } from "./progress.js";

const NAME = "wavemill.events";
const CHECK = 20_000; // ms between questions whether somebody still leads
const ANSWER = 5_000; // ms for the answer; then this tab watches for itself

const canShare = () => Boolean(globalThis.BroadcastChannel && navigator.locks?.request);

/** The same interface as Watcher's. */
export class SharedWatcher {
  #own = new Set();
  #last = new Map(); // job id → its newest progress, for tabs that come later
  #others = new Set(); // job ids that the other tabs watch
  #me = randomKey();
  #watcher;
  #channel = null;
  #leads = false;
  #alone = false;
  #checking = 0;
  #unheard = 0;

  constructor(heard) {
    this.heard = heard;
    this.#watcher = new Watcher({
      onProgress: (jobId, progress) => this.#hear({ kind: "progress", jobId, progress }),
      onGone: (jobId) => this.#hear({ kind: "gone", jobId }),
      onLost: (jobId) => this.#hear({ kind: "lost", jobId }),
    });
    if (!canShare()) {
      this.#alone = true;
      return;
    }
    this.#channel = new BroadcastChannel(NAME);
    this.#channel.onmessage = ({ data }) => this.#receive(data);
    // Whoever holds the lock leads, until the tab is closed.
    navigator.locks.request(NAME, () => {
      this.#lead();
      return new Promise(() => {});
    }).catch(() => this.#goAlone());
    addEventListener("pagehide", () => this.#send({ kind: "leave", jobIds: [...this.#own] }));
  }

  watch(jobId) {
    this.#own.add(jobId);
    if (authorization().Authorization) this.#goAlone(); // each tab has a key of its own, for jobs of its own
    if (this.#leads || this.#alone) this.#watcher.watch(jobId);
    else {
      this.#send({ kind: "want", jobIds: [jobId] });
      this.#check();
    }
  }

  forget(jobId) {
    this.#own.delete(jobId);
    if (!this.#leads && !this.#alone) this.#send({ kind: "leave", jobIds: [jobId] });
    else if (!this.#others.has(jobId)) this.#watcher.forget(jobId);
  }

  #send(message) {
    this.#channel?.postMessage({ ...message, from: this.#me });
  }

  #lead() {
    this.#leads = true;
    for (const jobId of this.#own) this.#watcher.watch(jobId);
    this.#send({ kind: "lead" });
  }

  /** The leader's watcher has heard something: for this tab, and for the others. */
  #hear(message) {
    const { jobId, kind, progress } = message;
    if (this.#leads) this.#send(message);
    if (kind !== "progress" || FINAL.has(progress.status)) {
      this.#others.delete(jobId);
      this.#last.delete(jobId);
    } else this.#last.set(jobId, progress);
    this.#deliver(message);
  }

  #deliver({ kind, jobId, progress }) {
    if (!this.#own.has(jobId)) return;
    if (kind !== "progress" || FINAL.has(progress.status)) this.#own.delete(jobId);
    if (kind === "progress") this.heard.onProgress(jobId, progress);
    else if (kind === "gone") this.heard.onGone(jobId);
    else this.heard.onLost(jobId);
  }

  #receive(message) {
    clearTimeout(this.#unheard);
    const { kind, jobIds = [] } = message;
    if (kind === "lead") {
      if (this.#own.size && !this.#leads) this.#send({ kind: "want", jobIds: [...this.#own] });
    } else if (["progress", "gone", "lost"].includes(kind)) {
      if (!this.#leads) this.#deliver(message);
    } else if (this.#leads) this.#serve(kind, jobIds);
  }

  #serve(kind, jobIds) {
    if (kind === "ask") return this.#send({ kind: "here" });
    for (const jobId of jobIds) {
      if (kind === "want") {
        this.#others.add(jobId);
        if (this.#last.has(jobId)) this.#send({ kind: "progress", jobId, progress: this.#last.get(jobId) });
        else this.#watcher.watch(jobId);
      } else if (kind === "leave" && !this.#own.has(jobId)) {
        // Another tab may watch it too: it asks again when it hears nothing.
        this.#others.delete(jobId);
        this.#last.delete(jobId);
        this.#watcher.forget(jobId);
        this.#send({ kind: "lead" });
      }
    }
    return undefined;
  }

  /** Browsers put tabs to sleep: one that leads may no longer do so. Messages wake it, timers don't. */
  #check() {
    clearTimeout(this.#checking);
    if (this.#leads || this.#alone || this.#own.size === 0) return;
    this.#checking = setTimeout(() => {
      if (this.#leads || this.#own.size === 0) return;
      this.#send({ kind: "ask" });
      this.#unheard = setTimeout(() => this.#goAlone(), ANSWER);
      this.#check();
    }, CHECK);
  }

  #goAlone() {
    if (this.#leads || this.#alone) return;
    this.#alone = true;
    for (const jobId of this.#own) this.#watcher.watch(jobId);
  }
}

const TAB = "wavemill.tab";
const lockOf = (id) => `${TAB}.${id}`;
const tab = tabId();

/** The same after a reload. */
function tabId() {
  try {
    const id = sessionStorage.getItem(TAB) ?? randomKey();
    sessionStorage.setItem(TAB, id);
    return id;
  } catch {
    return randomKey();
  }
}

/** Holds a lock as long as the tab lives: so others know that its uploads are being taken care of. */
export function announceTab() {
  navigator.locks?.request(lockOf(tab), () => new Promise(() => {})).catch(() => {});
  return tab;
}

/** The tabs that are open now; none where the browser cannot tell. */
export async function otherTabs() {
  try {
    const { held } = await navigator.locks.query();
    const names = held.map(({ name }) => name).filter((name) => name.startsWith(lockOf("")));
    return new Set(names.map((name) => name.slice(lockOf("").length)).filter((id) => id !== tab));
  } catch {
    return new Set();
  }
}

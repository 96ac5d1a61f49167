// What happens to a file, from being picked to being removed. Knows the server, not the DOM.

import { ApiError, convert, dropUpload, endJob, getJob, getUpload, randomKey } from "./api.js";
import { bare } from "./key.js";
import { backoff, jittered, sleep, Slots } from "./plan.js";
import { Meter } from "./meter.js";
import { FINAL } from "./progress.js";
import { forget, forgetAll, remember } from "./store.js";
import { SharedWatcher } from "./tabs.js";
import { turns, upload } from "./upload.js";
import { bytes } from "./words.js";

const STARTS_AT_ONCE = 3; // a browser has six connections to a host, and events and uploads need some
const RECORDS_AT_ONCE = 2; // after a reload with many results; other calls come first
const CONVERT_TRIES = 6;
const HERE = ["waiting", "uploading", "ready", "starting", "running", "completed"];
const EMPTY = "This file is empty. Choose one with sound in it.";
const TOO_LARGE = "This file is too large. The server accepts files of up to";
const UNREADABLE = "This file cannot be read. If it is a folder, open it and drop the files inside.";

export class Flow {
  items = new Map();
  limits = {};
  tab = ""; // whose uploads these are
  #starts = new Slots(STARTS_AT_ONCE);
  #records = new Slots(RECORDS_AT_ONCE);
  #watcher;

  /** `changed(item)` after every change of state, `removed(item)` when it is to disappear. */
  constructor({ changed, removed }) {
    this.changed = changed;
    this.removed = removed;
    const forJob = (jobId, act) => {
      for (const item of this.items.values()) if (item.jobId === jobId) act(item);
    };
    this.#watcher = new SharedWatcher({
      onProgress: (jobId, progress) => forJob(jobId, (item) => this.#progressed(item, progress)),
      onGone: (jobId) => forJob(jobId, (item) =>
        this.#set(item, { state: item.cancelling ? "cancelled" : "expired" })),
      onLost: (jobId) => forJob(jobId, (item) => this.#set(item, { state: "lost" })),
    });
  }

  #set(item, values) {
    Object.assign(item, values);
    if (!this.items.has(item.id)) return; // removed meanwhile
    if (item.refused) forget(item);
    else remember(item);
    this.changed(item);
  }

  /** Picked files. Whoever picks an interrupted batch again does not want what is done of it twice. */
  add(files) {
    const continues = files.some((file) => this.#find(file, ["needs-file"]));
    for (const file of files) {
      const known = continues && this.#find(file, HERE);
      if (known) known.file ??= file; // to be listened to
      else this.#addOne(file);
    }
  }

  #find({ name, size }, states) {
    const items = [...this.items.values()];
    return items.find((item) => item.name === name && item.size === size && states.includes(item.state));
  }

  /** Continues the one that waits for it, else is a new one. */
  #addOne(file) {
    const waiting = this.#find(file, ["needs-file"]);
    const item = waiting ?? {
      id: randomKey(), name: file.name, size: file.size, addedAt: Date.now(), wanted: false,
    };
    Object.assign(item, { file, refused: false, tab: this.tab });
    this.items.set(item.id, item);
    this.upload(item);
  }

  /** After a reload: jobs went on without us, an upload needs its file again unless it was complete. */
  restore(record) {
    const item = { ...record, stop: new AbortController() };
    this.items.set(item.id, item);
    if (item.jobId) return this.follow(item);
    if (item.uploaded) return item.wanted ? this.start(item) : this.#set(item, { state: "ready" });
    this.#set(item, { state: "needs-file" });
    return item.fileId ? this.#findOut(item) : undefined;
  }

  async #findOut(item) {
    try {
      const known = await getUpload(item.fileId, item.stop.signal);
      if (item.state !== "needs-file") return; // the file came first
      if (known.complete) this.#uploaded(item);
    } catch (error) {
      // What the server dropped needs no remark: the same file simply starts from zero.
      if (error.gone && item.state === "needs-file") this.remove(item);
    }
  }

  async upload(item) {
    const { file } = item;
    const most = this.limits.maxUploadBytes;
    const refuse = (message) => this.#fail(item, new ApiError(message, { status: 400 }));
    if (file.size === 0) return refuse(EMPTY);
    if (most && file.size > most) return refuse(`${TOO_LARGE} ${bytes(most)}.`);
    item.stop = new AbortController();
    const { signal } = item.stop;
    this.#set(item, { state: "waiting", sent: 0, begun: false, error: null, meter: new Meter() });
    try {
      await file.slice(0, 1).arrayBuffer(); // a folder or a vanished file shows itself here
    } catch {
      return refuse(UNREADABLE);
    }
    try {
      await turns.use(async () => {
        if (signal.aborted) throw signal.reason;
        this.#set(item, { state: "uploading" });
        await upload(file, {
          fileId: item.fileId, signal,
          onOpened: (fileId) => this.#set(item, { fileId, begun: false }),
          onBegun: () => {
            item.begun = true;
            this.#startEarly(item);
          },
          onProgress: (sent) => {
            item.sent = sent;
            item.meter.note(sent, Date.now());
            if (this.items.has(item.id)) this.changed(item); // not worth remembering
          },
        });
      });
      return this.#uploaded(item);
    } catch (error) {
      return signal.aborted ? undefined : this.#fail(item, error);
    }
  }

  #uploaded(item) {
    this.#set(item, { uploaded: true, state: "ready" }); // the file stays, to be listened to
    if (item.wanted) this.start(item);
  }

  #fail(item, error) {
    const known = error instanceof ApiError;
    const again = known && error.passing;
    // The server has dropped what it refused: nothing to continue after a reload.
    if (!again && !item.uploaded) Object.assign(item, { fileId: undefined, refused: true });
    this.#set(item, { state: "failed", error: { message: known ? error.message : UNREADABLE, again } });
  }

  /** Convert every file that has not been asked for yet; those still uploading follow on their own. */
  convertAll({ format, quality, options = {} }) {
    const open = [...this.items.values()].filter((item) => this.isOpen(item));
    for (const item of open) {
      this.#set(item, { wanted: true, format, quality, options, peaks: true, key: randomKey() });
      if (item.state === "ready") this.start(item);
      else this.#startEarly(item);
    }
    return open.length;
  }

  isOpen(item) {
    return !item.wanted && ["waiting", "uploading", "needs-file", "ready"].includes(item.state);
  }

  /** The first seconds of an uploaded file, as a row of their own beside it. */
  preview(item, { format, quality, options = {} }) {
    const preview = {
      id: randomKey(), name: item.name, size: item.size, addedAt: Date.now(), file: item.file, tab: this.tab,
      fileId: item.fileId, uploaded: true, wanted: true, preview: true, peaks: true,
      format, quality, options, key: randomKey(),
    };
    this.items.set(preview.id, preview);
    return this.start(preview);
  }

  #wanted(item) {
    return {
      fileId: item.fileId, format: item.format, quality: item.quality, options: item.options ?? {},
      ...(item.preview ? { preview: true } : {}), ...(item.peaks ? { peaks: true } : {}),
    };
  }

  /** The server converts what it has, and the rest as it comes. By its key `start` finds the same job. */
  async #startEarly(item) {
    if (!(item.wanted && item.begun && item.state === "uploading")) return;
    await this.#starts.use(() => convert(this.#wanted(item), item.key)).catch(() => {}); // `start` will say why
  }

  async start(item) {
    item.stop = new AbortController();
    const { signal } = item.stop;
    const body = this.#wanted(item);
    this.#set(item, { state: "starting", error: null, progress: null, record: null });
    for (let attempt = 0; ; attempt += 1) {
      try {
        const job = await this.#starts.use(() => (signal.aborted ? Promise.reject(signal.reason) : convert(body, item.key)));
        // Not cut off by Remove: a call cut off half-way may have started a job that nobody ends.
        if (!this.items.has(item.id)) return void (await endJob(job.jobId).catch(() => {}));
        this.#set(item, { jobId: job.jobId, downloadUrl: bare(job.downloadUrl) });
        return this.follow(item);
      } catch (error) {
        if (signal.aborted) return undefined;
        if (error.code === "upload_not_found") return this.#set(item, { state: "expired" });
        if (!error.passing || attempt + 1 >= CONVERT_TRIES) return this.#fail(item, error);
        // The key makes the repeat safe: at most one job comes of it.
        const wait = jittered(Math.max(backoff(attempt), (error.retryAfter ?? 0) * 1000));
        await sleep(wait, signal).catch(() => {});
      }
    }
  }

  follow(item) {
    this.#set(item, { state: "running", wanted: true });
    this.#watcher.watch(item.jobId);
  }

  #progressed(item, progress) {
    if (item.progress && progress.revision < item.progress.revision) return;
    let state = FINAL.has(progress.status) ? progress.status : "running";
    // Cancel crossed with the end: the server has deleted the result, as it was told to.
    if (item.cancelling && state === "completed") state = "cancelled";
    const { message, retryable } = progress.error ?? {};
    this.#set(item, { progress, state, note: "", error: { message, again: Boolean(retryable) } });
    if (state === "completed") this.learn(item);
  }

  /** The whole record: what there is to warn of, and what became of tags, cover and chapters. */
  async learn(item) {
    if (item.record || item.learning) return;
    Object.assign(item, { learning: true, recordError: undefined });
    try {
      const record = await this.#records.use(() => getJob(item.jobId, item.stop?.signal));
      this.#set(item, { record });
    } catch (error) {
      this.#set(item, { recordError: error.message }); // opening the details tries again
    } finally {
      item.learning = false;
    }
  }

  /** After a failure: from the step that failed. */
  again(item) {
    if (item.state === "lost") return this.follow(item);
    if (!item.uploaded) return this.upload(item);
    this.#set(item, { jobId: undefined, key: randomKey(), cancelling: false });
    return this.start(item);
  }

  async cancel(item) {
    if (!item.jobId) return this.remove(item);
    this.#set(item, { cancelling: true }); // the final event tells when it is really over
    try {
      return await endJob(item.jobId);
    } catch (error) {
      return this.#set(item, { cancelling: false, note: error.message });
    }
  }

  /** Off the list and off the server, which would delete it tomorrow anyway. */
  async remove(item) {
    this.drop(item);
    forget(item);
    if (item.state === "expired") return;
    const ended = FINAL.has(item.state); // with such a job the server deletes its upload
    const whole = [...this.items.values()].find((one) => one.fileId === item.fileId);
    if (item.preview && ended && whole) {
      // The file itself is still to be converted: its preview is deleted with it.
      return void this.#set(whole, { previews: [...whole.previews ?? [], item.jobId] });
    }
    await this.#end(item);
    if (item.fileId && !item.preview && !ended) await dropUpload(item.fileId).catch(() => {});
  }

  async #end({ jobId, previews = [] }) {
    for (const one of [jobId, ...previews].filter(Boolean)) await endJob(one).catch(() => {});
  }

  /** Off the list alone. */
  drop(item) {
    item.stop?.abort(new Error("removed"));
    if (item.jobId) this.#watcher.forget(item.jobId);
    this.items.delete(item.id);
    this.removed(item);
  }

  removeAll() {
    return Promise.all([...this.items.values()].map((item) => this.#starts.use(() => this.remove(item))));
  }

  /** These files, and those that other tabs have: off the server, and out of this browser. */
  async removeEverything(remembered) {
    const unseen = remembered.filter((record) => !this.items.has(record.id));
    await Promise.all([this.removeAll(), ...unseen.map((record) => this.#starts.use(async () => {
      await this.#end(record);
      if (record.fileId && !record.preview) await dropUpload(record.fileId).catch(() => {});
    }))]);
    forgetAll();
  }

  /** What another tab has begun shows here as soon as there is a job to follow. */
  came(record) {
    const known = this.items.get(record.id);
    if (!record.jobId || known?.jobId === record.jobId) return;
    if (known) this.drop(known);
    this.restore(record);
  }
}

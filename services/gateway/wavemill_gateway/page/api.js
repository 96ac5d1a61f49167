// Every call to the server, and the one shape that its errors take here.

import { authorization, noteLinks, withKey } from "./key.js";
import { online } from "./offline.js";

const CALL_TIMEOUT = 30_000; // ms
const SLOW_CALL_TIMEOUT = 150_000; // ms; a chunk may take 110 s, and the last one also assembles

const GENERIC = {
  0: "The server cannot be reached. Check the connection and try again.",
  413: "This file is larger than the server accepts.",
  429: "The server is busy. Try again in a moment.",
};

export class ApiError extends Error {
  constructor(message, { status = 0, code = "", retryAfter = null } = {}) {
    super(message);
    this.status = status;
    this.code = code;
    this.retryAfter = retryAfter; // seconds
  }

  /** Gone for good, not merely out of reach. */
  get gone() {
    return this.status === 404 || this.status === 410;
  }

  /** Waiting may help: no answer, too slow, too busy, or the server's own trouble (but not a full disk). */
  get passing() {
    const { status } = this;
    return status === 0 || status === 408 || status === 425 || status === 429
      || (status >= 500 && status !== 507 && status !== 501);
  }
}

/** problem+json, or whatever a proxy in between made of it. */
export function errorFrom(status, body, retryAfterHeader = null) {
  const text = [body?.error, body?.detail, body?.title].find((one) => typeof one === "string" && one);
  const message = text ?? GENERIC[status] ?? `The server could not do this (status ${status}). Try again.`;
  const wait = Number(body?.retryAfter ?? retryAfterHeader ?? NaN);
  return new ApiError(message, {
    status, code: body?.code ?? "", retryAfter: Number.isFinite(wait) ? wait : null,
  });
}

function parsed(text) {
  try {
    return text ? JSON.parse(text) : null;
  } catch {
    return null; // a proxy's HTML page: the status says enough
  }
}

const call = (...asked) => withKey(() => callOnce(...asked));

async function callOnce(method, path, { json, headers = {}, signal, timeout = CALL_TIMEOUT } = {}) {
  const stop = new AbortController();
  await online(signal);
  const abort = () => stop.abort();
  const timer = setTimeout(abort, timeout);
  signal?.addEventListener("abort", abort, { once: true });
  const init = { method, headers: { ...headers, ...authorization() }, signal: stop.signal, cache: "no-store" };
  if (json !== undefined) {
    init.body = JSON.stringify(json);
    init.headers["Content-Type"] = "application/json";
  }
  try {
    if (signal?.aborted) throw signal.reason;
    const reply = await fetch(path, init);
    const body = parsed(await reply.text());
    if (!reply.ok) throw errorFrom(reply.status, body, reply.headers.get("Retry-After"));
    noteLinks(body);
    return body ?? {};
  } catch (error) {
    if (signal?.aborted) throw signal.reason;
    throw error instanceof ApiError ? error : errorFrom(0, null);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", abort);
  }
}

const id = encodeURIComponent;

export const formats = () => call("GET", "/api/formats");
export const openUpload = (body, signal) => call("POST", "/api/uploads", { json: body, signal });
export const getUpload = (fileId, signal) => call("GET", `/api/uploads/${id(fileId)}`, { signal });
export const dropUpload = (fileId) => call("DELETE", `/api/uploads/${id(fileId)}`);
export const getProgress = (jobId, signal) =>
  call("GET", `/api/progress?jobId=${id(jobId)}`, { signal, timeout: 10_000 });
export const getJob = (jobId, signal) => call("GET", `/api/jobs/${id(jobId)}`, { signal });
/** Of the `source`, or of one `output`; answers nothing where there are none. */
export const getPeaks = (jobId, of, output) =>
  call("GET", `/api/jobs/${id(jobId)}/peaks?${new URLSearchParams({ of, output })}`).catch(() => null);
export const estimate = (body) => call("POST", "/api/estimate", { json: body });
export const endJob = (jobId) => call("DELETE", `/api/jobs/${id(jobId)}`);
export const completeUpload = (fileId, signal) =>
  call("POST", `/api/uploads/${id(fileId)}/complete`, { signal, timeout: SLOW_CALL_TIMEOUT });
export const convert = (body, key, signal) =>
  call("POST", "/api/convert-audio", { json: body, headers: { "Idempotency-Key": key }, signal });

/** One chunk. XMLHttpRequest, because fetch cannot say how much of a body has left. */
export const sendChunk = (...asked) => withKey(() => sendChunkOnce(...asked));

function sendChunkOnce(fields, blob, { onSent, signal }) {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    const request = new XMLHttpRequest();
    const abort = () => request.abort();
    const finish = (settle, value) => {
      signal.removeEventListener("abort", abort);
      settle(value);
    };
    request.open("POST", `/api/upload-audio?${new URLSearchParams(fields)}`);
    request.setRequestHeader("Content-Type", "application/octet-stream");
    for (const [name, value] of Object.entries(authorization())) request.setRequestHeader(name, value);
    request.timeout = SLOW_CALL_TIMEOUT;
    request.upload.onprogress = (event) => onSent(event.loaded);
    request.onload = () => {
      const body = parsed(request.responseText);
      if (request.status >= 200 && request.status < 300) return finish(resolve, body ?? {});
      const wait = request.getResponseHeader("Retry-After");
      return finish(reject, errorFrom(request.status, body, wait));
    };
    request.onerror = request.ontimeout = () => finish(reject, errorFrom(0, null));
    request.onabort = () => finish(reject, signal.reason);
    signal.addEventListener("abort", abort, { once: true });
    request.send(blob);
  });
}

/** 128 random bits. crypto.randomUUID exists in secure contexts only; a LAN address is not one. */
export function randomKey() {
  if (typeof crypto.randomUUID === "function") return crypto.randomUUID();
  const random = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(random, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

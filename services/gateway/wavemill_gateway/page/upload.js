// One file goes up in chunks: in parallel, each retried, continued where it stopped.

import { ApiError, completeUpload, dropUpload, getUpload, openUpload, sendChunk } from "./api.js";
import { online } from "./offline.js";
import {
  backoff, jittered, lastSecond, parseRanges, planChunks, receivedBytes, sleep, Slots,
} from "./plan.js";

const LANES = 3; // of the six connections a browser opens to one host; events and calls need some
const TRIES = 8; // per chunk; with the waits below a minute and a half of outage is survived
const WAITS = { first: 500, factor: 2, most: 20_000 };
const SLOW_AFTER = 40_000; // ms; a server gives a chunk 110 s, so three at once would all run out
const SMALL_CHUNK = 5 * 1024 * 1024; // the smallest that the server takes
const ROUNDS = 3; // of "what is missing?", should chunks vanish between sending and assembling

const FILES_AT_ONCE = 3; // open uploads are counted per visitor

const lanes = new Slots(LANES); // shared by all files of the page
/** Whose turn it is: a file waits here before it is uploaded. */
export const turns = new Slots(FILES_AT_ONCE);
const inFlight = new Set();
let slow = false;

class TooSlow extends Error {}
class MakeRoom extends Error {}

/** The line is slow: from now on one chunk at a time, and this one gets the whole of it. */
function giveWayTo(own) {
  slow = true;
  lanes.limit = turns.limit = 1;
  for (const other of inFlight) if (other !== own) other.abort(new MakeRoom());
}

async function sendOnce(state, chunk) {
  const { file, fileId, chunkSize, totalChunks, signal } = state;
  const own = new AbortController();
  const abort = () => own.abort(signal.reason);
  await online(signal);
  if (signal.aborted) throw signal.reason;
  signal.addEventListener("abort", abort, { once: true });
  inFlight.add(own);
  const late = setTimeout(() => giveWayTo(own), SLOW_AFTER);
  const started = Date.now();
  try {
    const fields = {
      fileId, chunkIndex: chunk.index, totalChunks, fileName: file.name, fileSize: file.size, chunkSize,
    };
    return await sendChunk(fields, file.slice(chunk.start, chunk.end), {
      onSent: (count) => state.sent(chunk, count), signal: own.signal,
    });
  } catch (error) {
    const outOfTime = error.status === 408 || error.status === 0;
    if (slow && outOfTime && chunkSize > SMALL_CHUNK && Date.now() - started > SLOW_AFTER) throw new TooSlow();
    throw error;
  } finally {
    clearTimeout(late);
    inFlight.delete(own);
    signal.removeEventListener("abort", abort);
  }
}

async function sendPatiently(state, chunk) {
  for (let attempt = 0; ; ) {
    try {
      return await lanes.use(() => sendOnce(state, chunk));
    } catch (error) {
      state.sent(chunk, 0);
      if (error instanceof MakeRoom) continue;
      attempt += 1;
      if (!(error instanceof ApiError) || !error.passing || attempt >= TRIES) throw error;
      await sleep(jittered(Math.max(backoff(attempt - 1, WAITS), (error.retryAfter ?? 0) * 1000)), state.signal);
    }
  }
}

/** Sends all that is missing; answers with the upload as the server has it, once it is complete. */
async function sendMissing(state, known, onProgress, onBegun) {
  const received = parseRanges(known.received);
  const base = receivedBytes(state.file.size, state.chunkSize, received);
  const sent = new Map();
  state.sent = (chunk, count) => {
    // What XMLHttpRequest counts includes nothing but the body, yet never trust it past the end.
    sent.set(chunk.index, Math.min(count, chunk.end - chunk.start));
    onProgress(base + [...sent.values()].reduce((sum, one) => sum + one, 0));
  };
  onProgress(base);
  const queue = lastSecond(planChunks(state.file.size, state.chunkSize, received));
  let complete = known.complete ? known : null;
  if (received.has(0) && !complete) onBegun();
  const lane = async () => {
    for (let chunk = queue.shift(); chunk; chunk = queue.shift()) {
      const reply = await sendPatiently(state, chunk);
      state.sent(chunk, chunk.end - chunk.start);
      if (reply.complete) complete = reply;
      else if (chunk.index === 0) onBegun();
    }
  };
  try {
    await Promise.all(Array.from({ length: LANES }, lane));
  } catch (error) {
    queue.length = 0; // the other lanes stop after what they have in hand
    state.stop(error);
    throw error;
  }
  return complete;
}

async function open(file, signal) {
  const request = { fileName: file.name, fileSize: file.size };
  if (slow) request.chunkSize = SMALL_CHUNK;
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await openUpload(request, signal);
    } catch (error) {
      if (!error.passing || attempt >= TRIES) throw error;
      await sleep(jittered(Math.max(backoff(attempt, WAITS), (error.retryAfter ?? 0) * 1000)), signal);
    }
  }
}

/** The upload that `fileId` names if the server still knows it, else a new one. */
async function openOrContinue(file, fileId, signal) {
  if (!fileId) return open(file, signal);
  try {
    return await getUpload(fileId, signal);
  } catch (error) {
    if (!error.gone) throw error;
    return open(file, signal);
  }
}

/**
 * Upload a File; resolves to the complete upload object.
 * `onOpened(fileId)` comes before the first byte, so that it can be remembered; `onBegun()` once the first
 * of several chunks is stored: from then on the file can be converted.
 */
export async function upload(file, { fileId, onOpened, onProgress, onBegun, signal }) {
  let known = await openOrContinue(file, fileId, signal);
  for (let round = 0; round < ROUNDS; round += 1) {
    onOpened(known.fileId);
    const { chunkSize } = known;
    const totalChunks = Math.ceil(file.size / chunkSize);
    const stopper = new AbortController();
    const passOn = () => stopper.abort(signal.reason);
    signal.addEventListener("abort", passOn, { once: true });
    const state = {
      file, fileId: known.fileId, chunkSize, totalChunks, signal: stopper.signal,
      stop: (reason) => stopper.abort(reason),
    };
    try {
      const complete = await sendMissing(state, known, onProgress, onBegun);
      return complete ?? (await completeUpload(known.fileId, signal));
    } catch (error) {
      if (error instanceof TooSlow) {
        await dropUpload(known.fileId).catch(() => {}); // it would expire anyway
        known = await open(file, signal);
      } else if (error.code === "upload_incomplete") {
        known = await getUpload(known.fileId, signal);
      } else throw error;
    } finally {
      signal.removeEventListener("abort", passOn);
    }
  }
  throw new ApiError("The upload did not hold together. Try again.", { status: 500 });
}

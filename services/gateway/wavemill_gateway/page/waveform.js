// A waveform on a canvas, in the colours of the theme, with words for those who don't see it.
// Where there is a player it is also its slider: a click or the arrow keys say where to play on.

import { clock } from "./facts.js";

const BAR = 2; // CSS pixels
const GAP = 1;
const PLAYED = 0.45; // opacity of what is still to come, once something has been played
const STEP = 5; // seconds an arrow key goes, as in players elsewhere
const PAGE = 0.1; // of the length
const drawn = new WeakMap(); // canvas → { peaks, place: how much of it was played, from 0 to 1 }

const resized = new ResizeObserver((entries) => entries.forEach(({ target }) => paint(target)));
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  for (const canvas of document.querySelectorAll(".waveform")) paint(canvas);
});

/** So many bars, each the highest peak of its share. */
export function bars(peaks, count) {
  const share = peaks.length / count;
  return Array.from({ length: count }, (_, at) => {
    const [from, to] = [Math.floor(at * share), Math.max(Math.floor((at + 1) * share), Math.floor(at * share) + 1)];
    return peaks.slice(from, to).reduce((most, one) => Math.max(most, Math.abs(one)), 0);
  });
}

/** "12.0 s, loudest at 4.2 s with −0.5 dB" */
export function inWords({ peaks, duration }) {
  const most = peaks.reduce((found, one) => Math.max(found, Math.abs(one)), 0);
  if (most === 0) return `${clock(duration)} of silence`;
  const at = (peaks.findIndex((one) => Math.abs(one) === most) / peaks.length) * duration;
  const level = (20 * Math.log10(most)).toFixed(1).replace("-", "−").replace(/^−0\.0$/, "0.0");
  return `${clock(duration)}, loudest at ${clock(at)} with ${level} dB`;
}

function paint(canvas) {
  const { peaks, place } = drawn.get(canvas) ?? {};
  const { clientWidth: width, clientHeight: height } = canvas;
  if (!peaks || !width) return;
  const scale = devicePixelRatio || 1;
  Object.assign(canvas, { width: Math.round(width * scale), height: Math.round(height * scale) });
  const pen = canvas.getContext("2d");
  pen.scale(scale, scale);
  pen.fillStyle = getComputedStyle(canvas).color;
  const count = Math.max(1, Math.min(peaks.length, Math.floor(width / (BAR + GAP))));
  const step = width / count;
  bars(peaks, count).forEach((peak, at) => {
    const tall = Math.max(1, Math.min(1, peak) * height);
    pen.globalAlpha = place > 0 && at / count >= place ? PLAYED : 1;
    pen.fillRect(at * step, (height - tall) / 2, Math.max(1, step - GAP), tall);
  });
}

/** Where a key leads from `now` in a sound of this length, in seconds; undefined for other keys. */
export function placeAfter(key, now, duration) {
  const places = {
    ArrowLeft: now - STEP, ArrowDown: now - STEP, ArrowRight: now + STEP, ArrowUp: now + STEP,
    PageDown: now - PAGE * duration, PageUp: now + PAGE * duration, Home: 0, End: duration,
  };
  return key in places ? Math.max(0, Math.min(duration, places[key])) : undefined;
}

/** Make a waveform the slider of the player below it. */
function steer(canvas, audio, duration) {
  canvas.setAttribute("role", "slider");
  canvas.tabIndex = 0;
  canvas.setAttribute("aria-valuemin", "0");
  canvas.setAttribute("aria-valuemax", String(Math.round(duration)));
  const show = (seconds) => {
    drawn.get(canvas).place = seconds / duration;
    canvas.setAttribute("aria-valuenow", String(Math.round(seconds)));
    canvas.setAttribute("aria-valuetext", `${clock(seconds)} of ${clock(duration)}`);
    paint(canvas);
  };
  const go = (seconds) => {
    audio.preload = "metadata"; // with nothing loaded it keeps the place, but does not show it
    audio.currentTime = seconds;
    show(seconds);
  };
  audio.addEventListener("timeupdate", () => show(audio.currentTime));
  canvas.addEventListener("click", (event) => {
    const { left, width } = canvas.getBoundingClientRect();
    go((Math.max(0, Math.min(width, event.clientX - left)) / width) * duration);
  });
  canvas.addEventListener("keydown", (event) => {
    const place = placeAfter(event.key, audio.currentTime, duration);
    if (place === undefined || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    go(place);
  });
  show(audio.currentTime);
}

/** The canvas of what GET /api/jobs/{id}/peaks answers, or null when there is nothing to draw. */
export function waveform(answer, of, audio) {
  const peaks = Array.isArray(answer?.peaks) ? answer.peaks.filter(Number.isFinite) : [];
  if (peaks.length === 0) return null;
  const canvas = document.createElement("canvas");
  canvas.className = "waveform";
  const duration = answer.duration ?? 0;
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", `Waveform of ${of}: ${inWords({ peaks, duration })}`);
  drawn.set(canvas, { peaks, place: 0 });
  if (audio && duration > 0) steer(canvas, audio, duration);
  resized.observe(canvas); // it tells the size at once, and again whenever it changes
  return canvas;
}

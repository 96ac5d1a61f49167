// A waveform on a canvas, in the colours of the theme, with words for those who don't see it.

import { clock } from "./facts.js";

const BAR = 2; // CSS pixels
const GAP = 1;
const drawn = new WeakMap(); // canvas → its peaks

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
  const peaks = drawn.get(canvas);
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
    pen.fillRect(at * step, (height - tall) / 2, Math.max(1, step - GAP), tall);
  });
}

/** The canvas of what GET /api/jobs/{id}/peaks answers, or null when there is nothing to draw. */
export function waveform(answer, of) {
  const peaks = Array.isArray(answer?.peaks) ? answer.peaks.filter(Number.isFinite) : [];
  if (peaks.length === 0) return null;
  const canvas = document.createElement("canvas");
  canvas.className = "waveform";
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", `Waveform of ${of}: ${inWords({ peaks, duration: answer.duration ?? 0 })}`);
  drawn.set(canvas, peaks);
  resized.observe(canvas); // it tells the size at once, and again whenever it changes
  return canvas;
}

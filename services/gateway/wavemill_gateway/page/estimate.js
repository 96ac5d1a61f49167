// What the results will weigh, asked of the server before anything is converted.

import { estimate } from "./api.js";
import { Slots } from "./plan.js";
import { bytes } from "./words.js";

const PAUSE = 300; // ms without a change before anything is asked
const AT_ONCE = 2; // other calls come first

/** Several files' sizes by quality → one sum for each quality that is known of all of them. */
export function sums(sizes) {
  const total = {};
  for (const quality of Object.keys(sizes[0] ?? {})) {
    const known = sizes.map((one) => one[quality]);
    if (known.every(Number.isFinite)) total[quality] = known.reduce((sum, one) => sum + one, 0);
  }
  return total;
}

/** "About 12 MB for 3 files" */
export function sumInWords(size, count) {
  if (!Number.isFinite(size)) return "";
  return count > 1 ? `About ${bytes(size)} for ${count} files` : `About ${bytes(size)}`;
}

export class Estimates {
  #known = new Map();
  #turns = new Slots(AT_ONCE);
  #pausing = 0;
  #round = 0;

  /** `told({ sizes, count, problem })` when it is known, and with empty sizes when there is nothing. */
  constructor(told) {
    this.told = told;
  }

  /** What is to be converted now, to what, and the qualities to compare. */
  ask(fileIds, { format, options }, qualities) {
    const question = JSON.stringify({ fileIds, format, options, qualities });
    if (question === this.question) return;
    this.question = question;
    clearTimeout(this.#pausing);
    this.#round += 1;
    const round = this.#round;
    if (fileIds.length === 0) return void this.told({ sizes: {}, count: 0 });
    this.#pausing = setTimeout(() => this.#askAll(round, fileIds, { format, options, qualities }), PAUSE);
  }

  async #askAll(round, fileIds, what) {
    try {
      const sizes = await Promise.all(fileIds.map((fileId) => this.#one(round, fileId, what)));
      if (round === this.#round) this.told({ sizes: sums(sizes), count: sizes.length });
    } catch (error) {
      if (round !== this.#round) return;
      // What the server would refuse is better known now; that it cannot tell a size is no news.
      this.told({ sizes: {}, count: 0, problem: error.code === "invalid_option" ? error.message : "" });
    }
  }

  async #one(round, fileId, { format, options, qualities }) {
    const key = JSON.stringify([fileId, format, options, qualities]);
    if (this.#known.has(key)) return this.#known.get(key);
    const outputs = qualities.map((quality) => ({ format, quality, options }));
    return this.#turns.use(async () => {
      if (round !== this.#round) throw new Error("asked anew");
      const reply = await estimate({ fileId, outputs });
      const sizes = Object.fromEntries(reply.outputs.map(({ size }, at) => [qualities[at], size ?? NaN]));
      this.#known.set(key, sizes);
      return sizes;
    });
  }
}

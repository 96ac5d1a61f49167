// The two menus, format and quality, filled with what this installation offers.

import { rememberChoice, rememberedChoice } from "./store.js";
import { bytes, formatLabel, presetLabel } from "./words.js";

const POPULAR = ["mp3", "m4a", "opus", "flac", "wav"];
const FALLBACK = [{ id: "mp3", name: "MP3", lossless: false, presets: [{ id: "standard" }] }];

/** A preset may be given as an object or as its bare name. */
function presetsOf(format) {
  const presets = (format.presets ?? []).map((one) => (typeof one === "string" ? { id: one } : one));
  return presets.length ? presets : [{ id: "standard" }];
}

function option(value, text) {
  const element = document.createElement("option");
  element.value = value;
  element.textContent = text;
  return element;
}

function group(label, options) {
  const element = document.createElement("optgroup");
  element.label = label;
  element.append(...options);
  return element;
}

export class Choices {
  #formats = FALLBACK;
  #wish; // kept apart from the menus: FLAC has one quality, and MP3 after it has the old one again

  #labels = new Map();

  /** `changed()` after each change by a person. */
  constructor({ format, quality, options, changed }) {
    Object.assign(this, { format, quality, options });
    const wish = rememberedChoice();
    this.#wish = { format: wish.format ?? "mp3", quality: wish.quality ?? "standard" };
    const keep = () => {
      rememberChoice({ ...this.#wish, options: options.lasting });
      changed();
    };
    options.changed = keep;
    this.format.addEventListener("change", () => {
      this.#wish.format = this.format.value;
      this.#offerQualities();
      keep();
    });
    this.quality.addEventListener("change", () => {
      this.#wish.quality = this.quality.value;
      keep();
    });
    options.restore(wish.options ?? {});
    this.offer(FALLBACK);
  }

  get value() {
    return { format: this.format.value, quality: this.quality.value, ...this.options.wanted };
  }

  /** As on the first visit. */
  reset() {
    this.#wish = { format: "mp3", quality: "standard" };
    this.options.restore({});
    this.offer(this.#formats);
  }

  /** What there is to choose from, to be compared. */
  get qualities() {
    const { quality } = this.options.wanted;
    return quality ? [quality] : [...this.quality.options].map((one) => one.value);
  }

  /** What each quality would weigh, said beside it. */
  weigh(sizes) {
    for (const one of this.quality.options) {
      const size = sizes[one.value];
      const text = this.#labels.get(one.value) + (Number.isFinite(size) ? `, about ${bytes(size)}` : "");
      if (one.text !== text) one.text = text;
    }
  }

  offer(formats) {
    const usable = (Array.isArray(formats) ? formats : []).filter((one) => one && typeof one.id === "string");
    this.#formats = usable.length ? usable : FALLBACK;
    const byId = new Map(this.#formats.map((one) => [one.id, one]));
    const entry = (one) => option(one.id, formatLabel(one));
    const popular = POPULAR.filter((id) => byId.has(id)).map((id) => entry(byId.get(id)));
    const others = this.#formats.filter((one) => !POPULAR.includes(one.id)).map(entry);
    this.format.replaceChildren(...(others.length && popular.length
      ? [group("Most used", popular), group("More formats", others)]
      : [...popular, ...others]));
    this.format.value = byId.has(this.#wish.format) ? this.#wish.format : this.format.options[0].value;
    this.#offerQualities();
  }

  #offerQualities() {
    const chosen = this.#formats.find((one) => one.id === this.format.value);
    const presets = presetsOf(chosen);
    const ids = presets.map((one) => one.id);
    const onlyLossless = chosen.lossless && presets.length === 1;
    this.#labels = new Map(presets.map((one) => [one.id, presetLabel(one, onlyLossless)]));
    this.quality.replaceChildren(...ids.map((id) => option(id, this.#labels.get(id))));
    this.options.offer(chosen);
    const fallback = ids.includes("standard") ? "standard" : ids[0];
    this.quality.value = ids.includes(this.#wish.quality) ? this.#wish.quality : fallback;
  }
}

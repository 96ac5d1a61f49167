// The two menus, format and quality, filled with what this installation offers.

import { rememberChoice, rememberedChoice } from "./store.js";
import { formatLabel, presetLabel } from "./words.js";

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

  constructor({ format, quality }) {
    this.format = format;
    this.quality = quality;
    const wish = rememberedChoice();
    this.#wish = { format: wish.format ?? "mp3", quality: wish.quality ?? "standard" };
    this.format.addEventListener("change", () => {
      this.#wish.format = this.format.value;
      this.#offerQualities();
      rememberChoice(this.#wish);
    });
    this.quality.addEventListener("change", () => {
      this.#wish.quality = this.quality.value;
      rememberChoice(this.#wish);
    });
    this.offer(FALLBACK);
  }

  get value() {
    return { format: this.format.value, quality: this.quality.value };
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
    this.quality.replaceChildren(...presets.map((one) => option(one.id, presetLabel(one, onlyLossless))));
    const fallback = ids.includes("standard") ? "standard" : ids[0];
    this.quality.value = ids.includes(this.#wish.quality) ? this.#wish.quality : fallback;
  }
}

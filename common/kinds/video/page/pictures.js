// Pictures beside the first one: at a video's end, at frames on its way, and of what it shows anywhere.

import { $, field, h } from "../dom.js";
import { say } from "../language.js";
import * as number from "../number.js";
import { Problem } from "../problem.js";
import { Rows } from "./rows.js";
import { Slot } from "./slot.js";

const KEYFRAMES = {
  name: "keyframes",
  id: "keyframe",
  most: 8,
  words: { about: "keyframes.about", add: "keyframes.add", label: "keyframe" },
  parts: (id) => ({ frame: frameField(`${id}-frame`), strength: strengthField(`${id}-strength`) }),
};
const REFERENCES = {
  name: "reference_images",
  id: "reference",
  most: 4,
  words: { about: "references.about", add: "references.add", label: "reference" },
};

let last; // Slot
let keyframes; // Rows
let references; // Rows

/** Where they are chosen; `changed` is called after each choice. */
export function chooser(changed) {
  last = new Slot({ name: "last_image", id: "last_image", borrows: true, changed });
  [keyframes, references] = [KEYFRAMES, REFERENCES].map((kind) => new Rows({ ...kind, changed }));
  return h("details", { id: "pictures", class: "fold", "data-field": "pictures", hidden: true },
    h("summary", {}, () => say("pictures")), last.element, keyframes.element, references.element);
}

const frameField = (id) => field({ name: "", id }, () => say("keyframe.frame"),
  h("input", { id, placeholder: "48", ...number.numeric({ whole: true }) }));

const strengthField = (id) => field({ name: "", id }, () => say("keyframe.strength"),
  h("input", { id, placeholder: "1", ...number.numeric({ least: 0.01, most: 1 }) }));

/** `needsLast`: the checkpoint does nothing without a last picture. */
export function learn(capabilities, limits, needsLast) {
  last.offer(capabilities.includes("last_image") ? ["image"] : [], limits, () => say("last_image"));
  keyframes.offer(capabilities.includes("keyframes"), limits);
  references.offer(capabilities.includes("reference_images"), limits);
  $("pictures").hidden = [last, keyframes, references].every(({ element }) => element.hidden);
  $("pictures").open = needsLast;
}

/** As a request says them. Throws a Problem at the first that is not whole. */
export function current() {
  const [keys, shown] = [keyframes.pictures().map(keyframe), references.pictures()];
  return {
    last_image: last.picture(),
    keyframes: keys.length ? keys : undefined,
    reference_images: shown.length ? shown : undefined,
  };
}

function keyframe(image, index) {
  const { frame: at, strength } = keyframes.rows[index].parts;
  const frame = number.read(inputOf(at));
  if (frame !== undefined) return { image, frame, strength: number.read(inputOf(strength)) };
  throw new Problem({ param: at.dataset.field, message: () => say("keyframe.no_frame") });
}

const inputOf = (part) => part.querySelector("input");

export function fill({ last_image: end, keyframes: keys = [], reference_images: shown = [] }) {
  put(last, end);
  for (const { image, frame, strength } of refilled(keyframes, keys)) {
    const { slot, parts } = keyframes.add();
    put(slot, image ?? "");
    inputOf(parts.frame).value = number.shown(frame);
    inputOf(parts.strength).value = number.shown(strength ?? "");
  }
  for (const image of refilled(references, shown)) put(references.add().slot, image ?? "");
  if (end || keyframes.rows.length || references.rows.length) $("pictures").open = true;
}

/** Those that are to be put into an empty list; none where the checkpoint takes none. */
function refilled(list, given) {
  list.clear();
  return list.element.hidden ? [] : given;
}

/** A frame is named, a file is not on this machine: the record has words for it. */
function put(slot, image) {
  if (image?.job) slot.name(image);
  else if (typeof image === "string") slot.miss();
  else slot.remove();
}

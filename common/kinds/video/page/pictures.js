// Pictures that a video shows after its first one: at its end, and at frames on its way.

import { $, field, h, write } from "../dom.js";
import { say } from "../language.js";
import * as number from "../number.js";
import { Problem } from "../problem.js";
import { Slot } from "./slot.js";

const MOST = 8;

let last;
let keys = []; // {slot, element, frame, strength}, the inputs of each
let count = 0;
let limits;
let changed;

/** Where they are chosen; `whenChanged` is called after each choice. */
export function chooser(whenChanged) {
  changed = whenChanged;
  last = new Slot({ name: "last_image", id: "last_image", borrows: true, changed });
  return h("details", { id: "pictures", class: "fold", "data-field": "pictures", hidden: true },
    h("summary", {}, () => say("pictures")),
    last.element,
    h("div", { id: "keyframes", class: "stack", "data-field": "keyframes", hidden: true },
      h("p", { class: "hint" }, () => say("keyframes.about")),
      h("div", { id: "keyframe-rows", class: "rows" }),
      h("button", { type: "button", id: "keyframe-add", on: { click: () => (add(), changed()) } },
        () => say("keyframes.add"))));
}

/** `needsLast`: the checkpoint does nothing without a last picture. */
export function learn(capabilities, within, needsLast) {
  limits = within;
  last.offer(capabilities.includes("last_image") ? ["image"] : [], limits, () => say("last_image"));
  $("keyframes").hidden = !capabilities.includes("keyframes");
  $("pictures").hidden = last.element.hidden && $("keyframes").hidden;
  $("pictures").open = needsLast;
}

function add() {
  const id = `keyframe-${(count += 1)}`;
  const slot = new Slot({ name: "", id, borrows: true, changed });
  const frame = h("input", { id: `${id}-frame`, placeholder: "48", ...number.numeric({ whole: true }) });
  const strength = h("input", { id: `${id}-strength`, placeholder: "1", ...number.numeric({ least: 0.01, most: 1 }) });
  const key = { slot, frame, strength };
  key.element = h("div", { class: "row stack", role: "group" },
    slot.element,
    h("div", { class: "pair" },
      field({ name: "", id: frame.id }, () => say("keyframe.frame"), frame),
      field({ name: "", id: strength.id }, () => say("keyframe.strength"), strength)),
    h("button", { type: "button", class: "small quiet", on: { click: () => drop(key) } }, () => say("keyframe.remove")));
  keys.push(key);
  draw();
  slot.element.querySelector("input").focus();
  return key;
}

function drop(key) {
  key.slot.forget();
  keys = keys.filter((each) => each !== key);
  draw();
  $("keyframe-add").focus();
  changed();
}

/** Each under its number, by which the service speaks of it. */
function draw() {
  keys.forEach(({ element, slot, frame, strength }, index) => {
    const name = `keyframes.${index}`;
    const label = () => say("keyframe", { number: index + 1 });
    write(element, "aria-label", label);
    slot.offer(["image"], limits, label);
    element.dataset.field = name;
    slot.element.dataset.field = `${name}.image`;
    frame.closest(".field").dataset.field = `${name}.frame`;
    strength.closest(".field").dataset.field = `${name}.strength`;
  });
  const rows = $("keyframe-rows");
  for (const row of [...rows.children]) if (!keys.some(({ element }) => element === row)) row.remove();
  rows.append(...keys.filter(({ element }) => !element.isConnected).map(({ element }) => element));
  $("keyframe-add").disabled = keys.length === MOST;
}

/** As a request says them. Throws a Problem at the first that is not whole. */
export function current() {
  const found = keys.map((key, index) => {
    const image = key.slot.picture();
    if (!image) throw missing(`keyframes.${index}.image`, "keyframe.no_picture");
    const frame = number.read(key.frame);
    if (frame === undefined) throw missing(`keyframes.${index}.frame`, "keyframe.no_frame");
    return { image, frame, strength: number.read(key.strength) };
  });
  return { last_image: last.picture(), keyframes: found.length ? found : undefined };
}

const missing = (param, key) => new Problem({ param, message: () => say(key) });

export function fill({ last_image: end, keyframes = [] }) {
  put(last, end);
  for (const { slot } of keys) slot.forget();
  keys = [];
  draw();
  for (const { image, frame, strength } of $("keyframes").hidden ? [] : keyframes) {
    const key = add();
    put(key.slot, image ?? "");
    key.frame.value = number.shown(frame);
    key.strength.value = number.shown(strength ?? "");
  }
  if (end || keys.length) $("pictures").open = true;
}

/** A frame is named, a file is not on this machine: the record has words for it. */
function put(slot, image) {
  if (image?.job) slot.name(image);
  else if (typeof image === "string") slot.miss();
  else slot.remove();
}

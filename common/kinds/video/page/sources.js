// A finished video that the next one is made from: it goes on, it is made anew, or it lends its last frame.

import { $, h, tell } from "../dom.js";
import { say } from "../language.js";
import * as number from "../number.js";

const NEEDS = { extend: "extend", retake: "retake", remake: "video_to_video", frame: "image_to_video" };
const MOMENTS = ["retake_from", "retake_to"];

let ways = []; // what this checkpoint can do with a video, of NEEDS
let source = null; // {id, title}

const changed = () => $("form").dispatchEvent(new Event("input"));
const has = (way) => Boolean(source) && $("way").value === way;

/** Where it stands, once a video was taken. */
export const chooser = () =>
  h("div", { id: "source", class: "field stack", "data-field": "source", hidden: true },
    h("label", { for: "way" }, () => say("source")),
    h("p", { class: "hint", id: "source-title" }),
    h("select", { id: "way", "aria-describedby": "source-title", on: { change: show } }),
    h("div", { class: "pair", id: "span", hidden: true }, MOMENTS.map(moment)),
    h("div", { class: "field", id: "how-far", "data-field": "strength", hidden: true },
      h("label", { for: "strength" }, () => say("source.strength")),
      h("input", { id: "strength", placeholder: () => number.shown(0.8), ...number.numeric({ least: 0.01, most: 1 }) })),
    h("button", { type: "button", class: "quiet", on: { click: () => (remove(), $("prompt").focus()) } },
      () => say("source.remove")));

const moment = (name) => h("div", { class: "field", "data-field": name },
  h("label", { for: name }, () => say(`source.${name}`)),
  h("input", { id: name, ...number.numeric({ least: 0, most: 3600 }) }));

export function learn(capabilities) {
  ways = Object.keys(NEEDS).filter((way) => capabilities.includes(NEEDS[way]));
  $("way").replaceChildren(...ways.map((way) => h("option", { value: way }, () => say(`source.${way}`))));
}

/** What takes a job's video; null where the checkpoint can make nothing of one. */
export const button = ({ id, resolved: { prompt } }) => (ways.length
  ? h("button", { type: "button", class: "small", on: { click: () => take({ id, title: prompt }) } }, () => say("source.take"))
  : null);

function take(video) {
  use(video, ways[0]);
  changed();
  $("way").focus();
}

function use(video, way) {
  source = video;
  $("source").hidden = !video;
  $("way").value = way;
  tell($("source-title"), video?.title ?? "");
  show();
}

export function remove() {
  for (const name of [...MOMENTS, "strength"]) $(name).value = "";
  use(null, ways[0]);
  changed();
}

function show() {
  $("span").hidden = !has("retake");
  $("how-far").hidden = !has("remake");
  changed();
}

/** As a request says it; nothing where no video was taken. */
export function current() {
  const job = source?.id;
  if (has("extend")) return { extend: job };
  if (has("frame")) return { image: { job } };
  if (has("remake")) return { video: { job }, strength: number.read($("strength")) ?? 0.8 };
  if (!has("retake")) return {};
  return { retake: { job, from: number.read($("retake_from")) ?? 0, to: number.read($("retake_to")) }, duration: undefined };
}

export function fill({ extend, retake, video, image, strength, prompt }) {
  const named = { extend: extend && { job: extend }, retake, remake: video?.job && video, frame: image?.job && image };
  const way = ways.find((each) => named[each]);
  use(way ? { id: named[way].job, title: prompt ?? "" } : null, way ?? ways[0]);
  $("retake_from").value = number.shown(retake?.from ?? "");
  $("retake_to").value = number.shown(retake?.to ?? "");
  $("strength").value = number.shown(strength ?? "");
}

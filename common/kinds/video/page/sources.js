// The video that the next one is made from, a finished one or an uploaded file, and what becomes of it.

import { $, h, tell } from "../dom.js";
import { say } from "../language.js";
import * as number from "../number.js";
import * as media from "./media.js";

const REFINING = ["frame_interpolation", "upscaling"];
/** Of each way: one of these the checkpoint can, and whether it is for finished videos, files, or both. */
const WAYS = {
  extend: { needs: ["extend"], finished: true },
  continue: { needs: ["video_continuation"], finished: true, file: true },
  retake: { needs: ["retake"], finished: true },
  remake: { needs: ["video_to_video"], finished: true, file: true },
  follow: { needs: ["control_video"], finished: true, file: true },
  frame: { needs: ["image_to_video"], finished: true },
  refine: { needs: REFINING, finished: true, file: true },
};
const ABOUT = ["follow", "refine"]; // the ways that need words
const MOMENTS = ["retake_from", "retake_to"];

let ways = []; // what this checkpoint can do with a video, of WAYS
let source = null; // {id, title, frame}: a finished one
let wish = null; // the way that was chosen last
let changed;

const kind = () => (source ? "finished" : media.holds("video") ? "file" : null);
const has = (way) => kind() !== null && $("way").value === way;
const waysOf = (what) => ways.filter((way) => WAYS[way][what]);

/** Whether the video is made larger or smoother and nothing else. */
export const alone = () => has("refine");

/** Whether a finished video stands here. */
export const taken = () => source !== null;

/** Where it stands, once a video was taken; `whenChanged` is called after each choice. */
export function chooser(whenChanged) {
  changed = whenChanged;
  return h("div", { id: "source", class: "field stack", "data-field": "source", hidden: true },
    h("div", {},
      h("label", { for: "way", id: "way-label" }),
      h("select", { id: "way", "aria-describedby": "source-title way-about", on: { change: choose } }),
      h("p", { class: "hint", id: "source-title" }),
      h("p", { class: "hint", id: "way-about" })),
    h("div", { class: "pair", id: "span", hidden: true }, MOMENTS.map(moment)),
    h("div", { class: "field", id: "how-far", "data-field": "strength", hidden: true },
      h("label", { for: "strength" }, () => say("source.strength")),
      h("input", { id: "strength", placeholder: () => number.shown(0.8), ...number.numeric({ least: 0.01, most: 1 }) })),
    h("button", { type: "button", id: "source-remove", class: "quiet", on: { click: () => (remove(), $("prompt").focus()) } },
      () => say("source.remove")));
}

const moment = (name) => h("div", { class: "field", "data-field": name },
  h("label", { for: name }, () => say(`source.${name}`)),
  h("input", { id: name, ...number.numeric({ least: 0, most: 3600 }) }));

export function learn(capabilities) {
  ways = Object.keys(WAYS).filter((way) => WAYS[way].needs.some((need) => capabilities.includes(need)));
}

/** Whether something can be made of a video file. */
export const takesFiles = () => waysOf("file").length > 0;

/** What takes a job's video; null where the checkpoint can make nothing of one. */
export const button = (job) => (waysOf("finished").length
  ? h("button", { type: "button", class: "small", on: { click: () => take(job) } }, () => say("source.take"))
  : null);

function take({ id, resolved: { prompt } }) {
  if (media.holds("video")) media.remove(); // there is one video
  [source, wish] = [{ id, title: prompt }, null];
  changed();
  $("way").focus();
}

export function remove() {
  for (const name of [...MOMENTS, "strength"]) $(name).value = "";
  [source, wish] = [null, null];
  changed();
}

/** Show what stands here now, after any choice. */
export function show() {
  if (source && media.holds("video")) source = null; // the file came after it
  const what = kind();
  $("source").hidden = what === null;
  offer(what ? waysOf(what) : []);
  tell($("way-label"), () => say(source ? "source" : "source.file"));
  tell($("source-title"), source?.title ?? "");
  tell($("way-about"), ABOUT.filter(has).map((way) => () => say(`source.${way}_about`)));
  $("source-remove").hidden = !source;
  $("span").hidden = !has("retake");
  $("how-far").hidden = !has("remake");
}

function offer(now) {
  const options = [...$("way").options].map(({ value }) => value);
  if (String(options) !== String(now)) {
    $("way").replaceChildren(...now.map((way) => h("option", { value: way }, () => say(`source.${way}`))));
  }
  $("way").value = now.includes(wish) ? wish : now[0] ?? "";
}

function choose() {
  wish = $("way").value;
  changed();
}

/** As a request says it; nothing where no video was taken. */
export function current() {
  const video = source && { job: source.id };
  if (has("extend")) return { extend: source.id };
  if (has("frame")) return { image: { ...video, frame: source.frame } };
  if (has("continue") || has("follow")) return video ? { video } : {};
  if (has("remake")) return { ...(video && { video }), strength: number.read($("strength")) ?? 0.8 };
  if (has("refine")) return { ...(video && { video }), strength: 0 };
  if (!has("retake")) return {};
  const [from, to] = MOMENTS.map((name) => number.read($(name)));
  return { retake: { ...video, from: from ?? 0, to }, duration: undefined };
}

export function fill({ extend, retake, video, image, strength, prompt }) {
  const finished = video?.job && video;
  const whole = strength === 0 ? "refine" : "remake";
  const used = strength === undefined ? { continue: finished, follow: finished } : { [whole]: finished };
  const named = { extend: extend && { job: extend }, retake, ...used, frame: image?.job && image };
  const way = ways.find((each) => named[each]);
  source = way ? { id: named[way].job, title: prompt ?? "", frame: named[way].frame } : null;
  wish = way ?? (strength === undefined ? null : whole); // of a file, which is there or will be
  if (source && media.holds("video")) media.remove();
  $("retake_from").value = number.shown(retake?.from ?? "");
  $("retake_to").value = number.shown(retake?.to ?? "");
  $("strength").value = strength ? number.shown(strength) : "";
  show();
}

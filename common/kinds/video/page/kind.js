// The video's part of the page: what work.js of the page asks for.

import { h } from "../dom.js";
import { say } from "../language.js";
import { megabytes, rounded, size } from "../words.js";
import { useSeed } from "./fields.js";
import * as player from "./player.js";
import * as sources from "./sources.js";
import en from "./words.en.js";
import pt from "./words.pt.js";

export * as upload from "./media.js";
export { again, anew, fields, fill, learn, values } from "./fields.js";

export const words = { en, "pt-BR": pt };
export const first = "prompt";
const places = {
  num_frames: "duration",
  image: "media",
  get video() { return sources.taken() ? "source" : "media"; },
  get strength() { return sources.alone() ? "source" : "strength"; },
  extend: "source",
  retake: "source",
  "retake.from": "retake_from",
  "retake.to": "retake_to",
};
export const placeOf = (param) => places[param] ?? param;
/** A video that is only made larger has no words of its own. */
export const title = ({ resolved }) => resolved.prompt || say("source.refine");

export function preview({ resolved }, frame) {
  const picture = h("img", { alt: () => say("stage.preview"), hidden: true });
  frame.style.aspectRatio = `${resolved.width} / ${resolved.height}`;
  frame.append(picture);
  return ({ step, url }) => {
    const address = new URL(url, location.href);
    if (step !== undefined) address.searchParams.set("step", step); // a new picture under an old name
    picture.src = address.href;
    picture.hidden = false;
  };
}

export function result(job) {
  const { links, result: { width, height } } = job;
  const label = () => say("stage.video", { title: title(job) });
  return player.plays(job, h("video", { class: "screen", src: links.download, poster: links.thumbnail, controls: true, loop: true,
    playsinline: true, preload: "metadata", "aria-label": label, width, height }));
}

export function card({ state, links, resolved, result }) {
  const shown = state === "completed" && links.thumbnail;
  return {
    picture: shown ? h("img", { src: links.thumbnail, alt: "", loading: "lazy" }) : h("span", { class: "blank" }),
    about: () => `${sides({ resolved, result })}, ${seconds(resolved)}`,
  };
}

export function estimate(resolved) {
  const { num_frames: count, fps, num_inference_steps: steps } = resolved;
  return {
    headline: () => `${sides({ resolved })}, ${seconds(resolved)}`,
    figures: () => (resolved.strength === 0 ? "" : say("estimate.frames", { count, fps: rounded(fps), steps })),
  };
}

export function details(job) {
  const { resolved, result } = job;
  const take = result && !job.expired_at ? sources.button(job) : null;
  const { seed, enhanced_prompt: enhanced, negative_prompt: negative, fps, num_inference_steps: steps, guidance_scale } = resolved;
  const reuse = h("button", { type: "button", class: "small", on: { click: () => useSeed(seed) } }, () => say("details.reuse"));
  return [
    ["size", () => say("details.frames", { size: sides(job), time: seconds(resolved), fps: rounded(fps) })],
    ...(resolved.strength === 0 ? [] : [
      ["steps", () => say("details.guided", { steps, guidance: rounded(guidance_scale) })],
      ["seed", `${seed} `, reuse]]),
    ...(enhanced ? [["enhanced", enhanced]] : []),
    ...(negative ? [["negative", negative]] : []),
    ...(take ? [["source", take]] : []),
  ];
}

export const file = ({ has_audio, size_bytes }) =>
  say(has_audio ? "details.sound" : "details.silent", { bytes: megabytes(size_bytes) });

/** Of the file: enlarged, where that was asked for. */
function sides({ resolved: { width, height, upscaling_scale: scale = 1 }, result }) {
  return size(result ?? { width: width * scale, height: height * scale });
}

function seconds({ num_frames, video_frames = 0, extend_frames = 0, retake_frames = 0, fps }) {
  const frames = Math.max(num_frames + Math.max(video_frames, extend_frames), retake_frames);
  return `${rounded(frames / fps)} s`;
}

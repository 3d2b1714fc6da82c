// What a job was really made with.

import { h } from "./dom.js";
import { adjustment } from "./estimate.js";
import { say } from "./language.js";
import { megabytes, moment, rounded, seconds, size, tookWord } from "./words.js";

/** A foldable list of a job's figures; `reuse` is given its seed. */
export function details(job, reuse) {
  const on = { click: () => reuse(job.resolved.seed) };
  const seed = h("button", { type: "button", class: "small", on }, () => say("details.reuse"));
  const row = ([name, ...values]) => h("div", {}, h("dt", {}, () => say(`details.${name}`)), h("dd", {}, values));
  return h("details", {},
    h("summary", {}, () => say("details")),
    h("dl", {}, rows(job, seed).map(row)),
    h("ul", { class: "adjustments" }, job.adjustments.map(adjustment)));
}

function rows(job, seed) {
  const { resolved, result } = job;
  const negative = resolved.negative_prompt;
  return [
    ["size", () => say("details.frames",
      { size: size(resolved), time: seconds(resolved), fps: rounded(resolved.fps) })],
    ["steps", () => say("details.guided",
      { steps: resolved.num_inference_steps, guidance: rounded(resolved.guidance_scale) })],
    ["seed", `${resolved.seed} `, seed],
    ...(negative ? [["negative", negative]] : []),
    ...(result ? made(result) : []),
    ["asked", () => moment(job.created_at)],
    ["job", job.id],
  ];
}

function made({ checkpoint, stands_in_for, size_bytes, has_audio, timings }) {
  const stand = () => (stands_in_for ? `, ${say("stands_in", { model: stands_in_for })}` : "");
  const times = () => Object.entries(timings).map(([phase, spent]) => tookWord(phase, spent));
  return [
    ["made_by", checkpoint, stand],
    ["file", () => say(has_audio ? "details.sound" : "details.silent", { bytes: megabytes(size_bytes) })],
    ["took", () => times().join(", ")],
  ];
}

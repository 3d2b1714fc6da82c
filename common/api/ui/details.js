// What a job was really made with.

import { h } from "./dom.js";
import { adjustment } from "./estimate.js";
import { megabytes, moment, rounded, seconds, size, span } from "./words.js";

/** A foldable list of a job's figures; `reuse` is given its seed. */
export function details(job, reuse) {
  const on = { click: () => reuse(job.resolved.seed) };
  const seed = h("button", { type: "button", class: "small", on }, "Reuse");
  const row = ([name, ...values]) => h("div", {}, h("dt", {}, name), h("dd", {}, values));
  return h("details", {},
    h("summary", {}, "Details"),
    h("dl", {}, rows(job, seed).map(row)),
    h("ul", { class: "adjustments" }, job.adjustments.map(adjustment)));
}

function rows(job, seed) {
  const { resolved, result } = job;
  const negative = resolved.negative_prompt;
  return [
    ["Size", `${size(resolved)}, ${seconds(resolved)}, ${rounded(resolved.fps)} frames a second`],
    ["Steps", `${resolved.num_inference_steps}, guidance ${rounded(resolved.guidance_scale)}`],
    ["Seed", `${resolved.seed} `, seed],
    ...(negative ? [["Negative", negative]] : []),
    ...(result ? made(result) : []),
    ["Asked", moment(job.created_at)],
    ["Job", job.id],
  ];
}

function made({ checkpoint, stands_in_for, size_bytes, has_audio, timings }) {
  const stand = stands_in_for ? `, stands in for ${stands_in_for}` : "";
  const time = ([phase, spent]) => `${phase.replaceAll("_", " ")} ${span(spent)}`;
  const times = Object.entries(timings).map(time);
  return [
    ["Made by", `${checkpoint}${stand}`],
    ["File", `${megabytes(size_bytes)}, ${has_audio ? "with sound" : "no sound"}`],
    ["Took", times.join(", ")],
  ];
}

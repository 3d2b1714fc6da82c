// The trainer's part of the page: what work.js of the page asks for.

import { $, field, h } from "../dom.js";
import { say } from "../language.js";
import { numeric, read, shown } from "../number.js";
import { Problem, wordsOf } from "../problem.js";
import { rounded } from "../words.js";

export { words } from "./words.js";
export const first = "name";
export const title = ({ resolved }) => resolved.name;

const NUMBERS = {
  steps: { whole: true, least: 1 },
  rank: { whole: true, least: 1 },
  learning_rate: { least: 0 },
  prior_loss_weight: { least: 0, most: 100 },
  num_inference_steps: { whole: true, least: 1, most: 200 },
  guidance_scale: { least: 0, most: 20 },
  seed: { whole: true, least: 0, most: Number.MAX_SAFE_INTEGER },
};
const TEXTS = ["validation_prompt", "prior_prompts"];

const number = (name) => field({ name }, () => say(name), h("input", { id: name, ...numeric(NUMBERS[name]) }));
const text = (name) => field({ name }, () => say(name), h("textarea", { id: name, rows: 2 }));

export const fields = () => ({
  form: [
    field({ name: "name" }, () => say("name"), h("input", { id: "name", pattern: "[a-z0-9][a-z0-9_\\-]*", maxlength: 64 })),
    field({ name: "clips" }, () => say("clips"), h("input", { id: "clips", type: "file", accept: ".zip" })),
    h("div", { id: "clips-problem" }),
  ],
  more: [...Object.keys(NUMBERS).map(number), ...TEXTS.map(text)],
});

export function values({ draft }) {
  const name = $("name").value.trim();
  if (!name && !draft) throw new Problem({ param: "name", message: () => say("name.missing") });
  const said = { name: name || "draft" };
  for (const key of Object.keys(NUMBERS)) {
    const value = read($(key));
    if (value !== undefined) said[key] = value;
  }
  if ($("validation_prompt").value.trim()) said.validation_prompt = $("validation_prompt").value.trim();
  const priors = $("prior_prompts").value.split("\n").map((line) => line.trim()).filter(Boolean);
  if (priors.length) said.prior_prompts = priors;
  return said;
}

export function fill(request) {
  for (const key of ["name", "validation_prompt"]) $(key).value = request[key] ?? "";
  for (const key of Object.keys(NUMBERS)) $(key).value = shown(request[key] ?? "");
  $("prior_prompts").value = (request.prior_prompts ?? []).join("\n");
}

export const upload = {
  current({ draft = false } = {}) {
    const [file] = $("clips").files;
    if (!file) throw new Problem({ param: draft ? null : "clips", message: () => say("clips.missing") });
    return { field: "clips", file };
  },
  praise: () => $("clips-problem").replaceChildren(),
  blame({ status, param, ...problem }) {
    if (param !== "clips" && ![413, 415].includes(status)) return null;
    $("clips-problem").replaceChildren(h("p", { class: "problem" }, wordsOf(problem)));
    return "clips";
  },
};

export const result = ({ links, resolved }) =>
  h("video", { class: "screen", src: links.validation, controls: true, loop: true, playsinline: true,
    preload: "metadata", "aria-label": resolved.validation_prompt });

const clips = ({ num_clips: count, width, height }) => () => say("learnt", { count, width, height });

export const card = ({ resolved }) => ({ about: clips(resolved) });

export const estimate = (resolved) => ({ headline: clips(resolved) });

export const details = ({ resolved, result: made }) => [
  ["size", clips(resolved)],
  ["steps", `${resolved.steps}`],
  ...(made ? [["loss", () => say("losses", { first: rounded(made.first_loss), last: rounded(made.last_loss) })]] : []),
];

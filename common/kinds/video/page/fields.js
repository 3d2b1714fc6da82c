// The video's fields: built from /info, read into a request, filled from one.

import { $, field, h, tell, write } from "../dom.js";
import { say } from "../language.js";
import * as number from "../number.js";
import { Problem } from "../problem.js";
import { rounded, size } from "../words.js";
import * as loras from "./loras.js";
import * as media from "./media.js";
import * as presets from "./presets.js";
import * as refine from "./refine.js";
import * as sources from "./sources.js";

const CUSTOM = "custom";
const NUMBERS = ["duration", "fps", "num_inference_steps", "guidance_scale", "seed"];
const TEXTS = ["prompt", "negative_prompt"];
const SIZE = /^\d+\s*[x×*]\s*\d+$/i;

const place = (name) => $(name).closest(".field");
const about = (key) => h("span", { class: "muted" }, () => say(key));

export const fields = () => ({
  form: [
    presets.starters(),
    field({ name: "prompt" }, () => say("prompt"),
      h("textarea", { id: "prompt", rows: 4, maxlength: 5000, placeholder: () => say("prompt.example") })),
    presets.blanks(),
    h("div", { class: "field check", "data-field": "enhance_prompt", hidden: true },
      h("input", { id: "enhance_prompt", type: "checkbox" }),
      h("label", { for: "enhance_prompt" }, () => say("enhance_prompt"))),
    field({ name: "negative_prompt", hidden: true }, [() => say("negative_prompt"), " ", about("negative_prompt.about")],
      h("textarea", { id: "negative_prompt", class: "short", rows: 1, maxlength: 5000 })),
    media.chooser(),
    sources.chooser(),
    h("div", { class: "pair wide" }, resolutionField(), durationField()),
  ],
  more: [
    h("div", { class: "pair" },
      numberField("num_inference_steps", "steps"),
      numberField("guidance_scale", "guidance"),
      seedField(),
      numberField("fps", "fps")),
    h("div", { class: "field check", "data-field": "generate_audio", hidden: true },
      h("input", { id: "generate_audio", type: "checkbox", checked: true }),
      h("label", { for: "generate_audio" }, () => say("sound"))),
    refine.choosers(),
    loras.chooser(),
  ],
});

const resolutionField = () => field({ name: "resolution" }, () => say("resolution"),
  h("select", { id: "resolution", on: { change: showSize } }),
  h("input", { id: "size", class: "follows", placeholder: "1024x576", hidden: true,
    "aria-label": () => say("resolution.sides") }));

const durationField = () => field({ name: "duration" }, [() => say("duration"), " ", about("duration.unit")],
  h("input", { id: "duration", "aria-describedby": "duration-about" }),
  h("p", { class: "hint", id: "duration-about" }));

const numberField = (name, key) => field({ name }, () => say(key), h("input", { id: name }));

const seedField = () => field({ name: "seed" }, () => say("seed"),
  h("div", { class: "joined" },
    h("input", { id: "seed", placeholder: () => say("seed.drawn") }),
    h("button", { type: "button", id: "dice", on: { click: () => useSeed(drawn()) } }, () => say("seed.draw"))));

const drawn = () => String(crypto.getRandomValues(new Uint32Array(1))[0]);

/** This seed stands in the form. */
export function useSeed(value) {
  $("seed").value = value;
  $("more").open = true;
  $("seed").focus();
  $("form").dispatchEvent(new Event("change"));
}

export async function learn({ info, uploads, fill }) {
  const { limits, defaults, capabilities } = info;
  resolutions(limits, defaults);
  lengths(limits, defaults);
  numbers(limits, defaults);
  $("negative_prompt").placeholder = defaults.negative_prompt;
  place("negative_prompt").hidden = !limits.takes_negative_prompt;
  place("fps").hidden = limits.fixed_fps !== null;
  place("generate_audio").hidden = !capabilities.includes("audio");
  place("enhance_prompt").hidden = !capabilities.includes("prompt_enhancement");
  media.learn(capabilities, uploads);
  sources.learn(capabilities);
  await Promise.all([presets.learn(fill), loras.learn(capabilities)]);
}

function numbers({ min_steps, max_steps, max_guidance_scale }, defaults) {
  const kinds = {
    duration: {},
    fps: {},
    num_inference_steps: { whole: true, least: min_steps, most: max_steps },
    guidance_scale: { least: 0, most: max_guidance_scale },
    seed: { whole: true, least: 0, most: Number.MAX_SAFE_INTEGER },
  };
  for (const [name, kind] of Object.entries(kinds)) {
    for (const [attribute, value] of Object.entries(number.numeric(kind))) {
      if (value !== null) $(name).setAttribute(attribute, value);
    }
  }
  for (const name of ["fps", "num_inference_steps", "guidance_scale"]) {
    write($(name), "placeholder", () => rounded(defaults[name]));
  }
}

function resolutions(limits, defaults) {
  $("resolution").replaceChildren(
    h("option", { value: "" }, () => say("resolution.default", { size: size(defaults) })),
    ...choices(limits, defaults).map(({ shape, size: sides, value }) =>
      h("option", { value }, () => say(`shape.${shape}`, { size: sides }))),
    h("option", { value: CUSTOM }, () => say("resolution.other")),
  );
}

function showSize() {
  $("size").hidden = $("resolution").value !== CUSTOM;
}

function lengths(limits, defaults) {
  const [least, most] = spanOf(limits, defaults);
  const usual = defaults.num_frames / (limits.fixed_fps ?? defaults.fps);
  write($("duration"), "placeholder", () => rounded(usual));
  const span = { least: Math.ceil(least * 100) / 100, most: Math.floor(most * 100) / 100 }; // inside of it
  tell($("duration-about"), () => say("range", span));
}

/** The request: it says what the video shows, but for a draft, whose figures that does not change. */
export function values({ draft }) {
  const found = presets.complete(written());
  if (found.prompt || found.template) return found;
  if (draft) return { prompt: "…", ...found };
  throw new Problem({ param: "prompt", message: () => say("prompt.missing") });
}

function written() {
  const found = {};
  for (const name of TEXTS) if ($(name).value.trim()) found[name] = $(name).value.trim();
  for (const name of NUMBERS) found[name] = number.read($(name));
  found.resolution = resolution();
  if (!place("generate_audio").hidden && !$("generate_audio").checked) found.generate_audio = false;
  if (!place("enhance_prompt").hidden && $("enhance_prompt").checked) found.enhance_prompt = true;
  found.loras = loras.current();
  return { ...found, ...refine.current(), ...sources.current() };
}

function resolution() {
  const chosen = $("resolution").value;
  if (chosen !== CUSTOM) return chosen || undefined;
  const sides = $("size").value.trim();
  if (!SIZE.test(sides)) throw new Problem({ param: "resolution", message: () => say("resolution.wrong") });
  return sides.replace(/\s*[x×*]\s*/i, "x");
}

export function fill(given) {
  for (const name of TEXTS) $(name).value = given[name] ?? "";
  for (const name of NUMBERS) $(name).value = number.shown(given[name] ?? "");
  const known = [...$("resolution").options].some(({ value }) => value === (given.resolution ?? ""));
  $("resolution").value = known ? given.resolution ?? "" : CUSTOM;
  $("size").value = known ? "" : given.resolution;
  $("generate_audio").checked = given.generate_audio !== false;
  $("enhance_prompt").checked = given.enhance_prompt === true;
  loras.fill(given.loras);
  refine.fill(given);
  sources.fill(given);
  showSize();
}

/** The settings of a job, as they were asked for; the model draws another seed where none was. */
export function again({ requested, resolved }) {
  presets.reset();
  media.remove();
  const sent = (field) => resolved[field] && typeof requested[field] === "string"; // and not named
  if (sent("image") || sent("video")) media.miss();
  const frames = requested.num_frames;
  const duration = frames ? Number((frames / resolved.fps).toFixed(3)) : requested.duration;
  return { ...requested, duration, prompt: requested.prompt ?? resolved.prompt };
}

// Sizes and lengths that a checkpoint can make, from its limits

const SHAPES = [
  ["wide", 16 / 9],
  ["cinema", 21 / 9],
  ["classic", 4 / 3],
  ["square", 1],
  ["portrait", 3 / 4],
  ["tall", 9 / 16],
];

function sized(ratio, pixels, limits) {
  const multiple = limits.size_multiple;
  const down = (side) => Math.floor(side / multiple) * multiple;
  const near = (side) => Math.round(side / multiple) * multiple;
  let width = near(Math.sqrt(pixels * ratio));
  let height = near(width / ratio);
  while (width * height > limits.max_pixels) {
    width -= multiple;
    height = down(width / ratio);
  }
  return { width, height };
}

const legal = ({ width, height }, { min_side, max_side }) =>
  Math.min(width, height) >= min_side && Math.max(width, height) <= max_side;

/** [{shape, size, value}], each size once: every shape, at the default's pixels and at the most. */
function choices(limits, defaults) {
  const usual = defaults.width * defaults.height;
  const budgets = limits.max_pixels > usual * 1.2 ? [usual, limits.max_pixels] : [usual];
  const found = new Map();
  for (const pixels of budgets) {
    for (const [shape, ratio] of SHAPES) {
      const frame = sized(ratio, pixels, limits);
      const value = `${frame.width}x${frame.height}`;
      if (legal(frame, limits) && !found.has(value)) {
        found.set(value, { shape, size: `${frame.width} × ${frame.height}`, value });
      }
    }
  }
  return [...found.values()];
}

/** The shortest and longest video, in seconds. */
function spanOf(limits, defaults) {
  const fps = limits.fixed_fps ?? defaults.fps;
  return [limits.min_frames / fps, Math.min(limits.max_seconds ?? Infinity, limits.max_frames / fps)];
}

// The video's fields: built from /info, read into a request, filled from one.

import { $, field, h, tell, write } from "../dom.js";
import { say } from "../language.js";
import * as number from "../number.js";
import { Problem } from "../problem.js";
import { megabytes, rounded, size } from "../words.js";
import * as loras from "./loras.js";
import * as media from "./media.js";
import * as pictures from "./pictures.js";
import * as presets from "./presets.js";
import * as refine from "./refine.js";
import { choices, spanOf } from "./sizes.js";
import * as sources from "./sources.js";

const CUSTOM = "custom";
const NUMBERS = ["duration", "fps", "num_inference_steps", "guidance_scale", "seed"];
const TEXTS = ["prompt", "negative_prompt"];
const IN_BASE64 = 3 / 4; // bytes a letter
const TEXT_BYTES = 64e3; // that all other fields may take
const SIZE = /^\d+\s*[x×*]\s*\d+$/i;

let most; // bytes of a request in JSON
let texts; // bytes of all fields beside a file

const place = (name) => $(name).closest(".field");
const about = (key) => h("span", { class: "muted" }, () => say(key));

/** What is the model's alone, and out of sight where it is not asked. */
const asked = (...children) => h("div", { class: "asked" }, children);

export const fields = () => ({
  form: [
    asked(
      presets.starters(),
      field({ name: "prompt" }, () => say("prompt"),
        h("textarea", { id: "prompt", rows: 4, maxlength: 5000, placeholder: () => say("prompt.example") })),
      presets.blanks(),
      check("enhance_prompt", () => say("enhance_prompt"))),
    media.chooser(changed),
    sources.chooser(changed),
    asked(
      pictures.chooser(changed),
      h("div", { class: "pair wide" }, resolutionField(), durationField())),
  ],
  more: [
    asked(
      field({ name: "negative_prompt", hidden: true }, [() => say("negative_prompt"), " ", about("negative_prompt.about")],
        h("textarea", { id: "negative_prompt", class: "short", rows: 1, maxlength: 5000 })),
      h("div", { class: "pair" },
        numberField("num_inference_steps", "steps"),
        numberField("guidance_scale", "guidance"),
        seedField(),
        numberField("fps", "fps")),
      check("generate_audio", () => say("sound")),
      field({ name: "two_stages", hidden: true }, () => say("two_stages"),
        h("select", { id: "two_stages" },
          h("option", { value: "" }, () => say("two_stages.none")),
          h("option", { value: "true" }, () => say("two_stages.true")),
          h("option", { value: "false" }, () => say("two_stages.false"))))),
    ...refine.choosers(),
    asked(loras.chooser()),
    check("no_cache", () => say("no_cache")),
  ],
});

const check = (name, words) => h("div", { class: "field check", "data-field": name, hidden: true },
  h("input", { id: name, type: "checkbox" }), h("label", { for: name }, words));

/** What a file or video brings with it, in the form: not by an input of it. */
function changed() {
  sources.show();
  for (const part of document.querySelectorAll(".asked")) part.hidden = sources.alone();
  $("options").hidden = sources.alone(); // the model's own
  refine.show(sources.alone());
  if (sources.alone()) $("more").open = true; // what is left to choose
  $("form").dispatchEvent(new Event("input"));
}

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

export async function learn({ info, uploads }) {
  const { limits, defaults, capabilities } = info;
  resolutions(limits, defaults);
  lengths(limits, defaults);
  numbers(limits, defaults);
  $("negative_prompt").placeholder = defaults.negative_prompt;
  place("negative_prompt").hidden = !limits.takes_negative_prompt;
  place("fps").hidden = limits.fixed_fps !== null;
  place("generate_audio").hidden = !capabilities.includes("audio");
  $("generate_audio").checked = true;
  place("no_cache").hidden = !info.request_cache;
  place("enhance_prompt").hidden = !capabilities.includes("prompt_enhancement");
  place("two_stages").hidden = !capabilities.includes("two_stages");
  sources.learn(capabilities);
  refine.learn(capabilities, sources.alone());
  const first = { ...uploads, max_picture_bytes: uploads.max_body_bytes };
  media.learn(capabilities.includes("image_to_video"), sources.takesFiles(), first);
  [most, texts] = [uploads.max_json_bytes, uploads.max_text_bytes];
  const others = { ...uploads, max_picture_bytes: Math.floor(most * IN_BASE64) };
  pictures.learn(capabilities, others, limits.needs_last_image);
  await Promise.all([presets.learn(defaults), loras.learn(capabilities)]);
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
  if (sources.alone()) return refined({ draft });
  const found = presets.complete(written());
  if (found.prompt || found.template) return found;
  if (draft) return { prompt: "…", ...found };
  throw new Problem({ param: "prompt", message: () => say("prompt.missing") });
}

function refined({ draft }) {
  const wanted = refine.current();
  if (Object.keys(wanted).length) return { ...wanted, ...sources.current(), ...anyway() };
  const param = draft ? null : "frame_interpolation_exp"; // nothing is wrong yet
  throw new Problem({ param, message: () => say("source.refine_missing") });
}

function written() {
  const found = {};
  for (const name of TEXTS) if ($(name).value.trim()) found[name] = $(name).value.trim();
  for (const name of NUMBERS) found[name] = number.read($(name));
  found.resolution = resolution();
  if (!place("generate_audio").hidden && !$("generate_audio").checked) found.generate_audio = false;
  if (ticked("enhance_prompt")) found.enhance_prompt = true;
  if (!place("two_stages").hidden && $("two_stages").value) found.two_stages = $("two_stages").value === "true";
  found.loras = loras.current();
  const source = sources.current();
  return { ...found, ...refine.current(), ...shown(source), ...source, ...anyway() };
}

const ticked = (name) => !place(name).hidden && $(name).checked;
const anyway = () => (ticked("no_cache") ? { no_cache: true } : {});

/** The pictures; of several none is a file of its own. */
function shown({ image: first }) {
  const others = pictures.current();
  const beside = !first && Object.values(others).some(Boolean); // of two first ones the service says so
  const found = { image: media.picture({ beside }), ...others };
  const room = (media.holds("video") ? Math.min(texts, most) : most) - TEXT_BYTES;
  if (JSON.stringify(found).length > room) {
    throw new Problem({ param: "pictures", message: () => say("pictures.size", { most: megabytes(room * IN_BASE64) }) });
  }
  return found;
}

function resolution() {
  const chosen = $("resolution").value;
  if (chosen !== CUSTOM) return chosen || undefined;
  const sides = $("size").value.trim();
  if (!SIZE.test(sides)) throw new Problem({ param: "resolution", message: () => say("resolution.wrong") });
  return sides.replace(/\s*[x×*]\s*/i, "x");
}

export function fill(given) {
  presets.fill(given);
  for (const name of TEXTS) $(name).value = given[name] ?? "";
  for (const name of NUMBERS) $(name).value = number.shown(given[name] ?? "");
  const known = [...$("resolution").options].some(({ value }) => value === (given.resolution ?? ""));
  $("resolution").value = known ? given.resolution ?? "" : CUSTOM;
  $("size").value = known ? "" : given.resolution;
  $("generate_audio").checked = given.generate_audio !== false;
  for (const name of ["enhance_prompt", "no_cache"]) $(name).checked = given[name] === true;
  $("two_stages").value = String(given.two_stages ?? "");
  loras.fill(given.loras);
  refine.fill(given);
  pictures.fill(given);
  sources.fill(given);
  showSize();
  changed();
}

/** The settings of a job, as they were asked for; the model draws another seed where none was. */
export function again({ requested, resolved }) {
  media.remove();
  const sent = (field) => resolved[field] && typeof requested[field] === "string"; // and not named
  if (sent("image") || sent("video")) media.miss();
  const frames = requested.num_frames;
  const duration = frames ? Number((frames / resolved.fps).toFixed(3)) : requested.duration;
  return { ...requested, duration, prompt: requested.prompt ?? resolved.prompt };
}

/** The same job once more, made this time; `whole`: none of its files is missing here. */
export function anew({ requested }) {
  const { remix_of, ...request } = requested;
  const named = (picture) => typeof picture !== "string";
  const whole = ["image", "video", "last_image"].every((name) => named(request[name]))
    && (request.keyframes ?? []).every(({ image }) => image) && (request.reference_images ?? []).every(Boolean);
  return { request: { ...request, no_cache: true }, whole };
}

// What becomes of the frames after the model: more of them, and larger ones.

import { $, field, h } from "../dom.js";
import { say } from "../language.js";

const SMOOTHER = ["1", "2"]; // powers of two
const LARGER = ["2", "4"];
/** What makes them larger, besides what always can: what a service lists that has it, and its words. */
const UPSCALERS = {
  "realesrgan-x4plus": { needs: "x4plus_upscaling", words: "upscaler.finer" },
  latent: { needs: "latent_upscaling", words: "upscaler.latent" },
};

let able = []; // of UPSCALERS
let wish = ""; // what was chosen last, which may not be offered now

/** Where all are chosen. */
export const choosers = () => [
  h("div", { class: "pair" },
    chooser("frame_interpolation_exp", "frame_interpolation_exp.none", SMOOTHER, (exp) => say("smoother.times", { times: 2 ** exp })),
    chooser("upscaling_scale", "upscaling_scale.none", LARGER, (scale) => say("larger.times", { times: scale }))),
  chooser("upscaler", "upscaler.none", [], null, ({ target }) => (wish = target.value)),
];

export function learn(capabilities, alone) {
  able = Object.keys(UPSCALERS).filter((name) => capabilities.includes(UPSCALERS[name].needs));
  show(alone);
}

/** Offer what can be: the model's own enlarges a video that is there, `alone`, and nothing new. */
export function show(alone) {
  const names = able.filter((name) => name !== "latent" || alone);
  const [none] = $("upscaler").options;
  $("upscaler").replaceChildren(none, ...names.map((value) => h("option", { value }, () => say(UPSCALERS[value].words))));
  $("upscaler").value = names.includes(wish) ? wish : "";
  $("upscaler").closest(".field").hidden = names.length === 0;
}

const chooser = (name, none, values, words, change = () => {}) => field({ name }, () => say(name),
  h("select", { id: name, on: { change } },
    h("option", { value: "" }, () => say(none)),
    ...values.map((value) => h("option", { value }, () => words(Number(value))))));

/** As a request says it; nothing where nothing is chosen. */
export function current() {
  const [exp, scale, upscaler] = ["frame_interpolation_exp", "upscaling_scale", "upscaler"].map((name) => $(name).value);
  return {
    ...(exp ? { enable_frame_interpolation: true, frame_interpolation_exp: Number(exp) } : {}),
    ...(scale ? { enable_upscaling: true, upscaling_scale: Number(scale), ...(upscaler && { upscaler }) } : {}),
  };
}

export function fill(given) {
  const exp = given.enable_frame_interpolation ? given.frame_interpolation_exp ?? 1 : "";
  const scale = given.enable_upscaling ? given.upscaling_scale ?? 2 : "";
  $("frame_interpolation_exp").value = String(exp);
  $("upscaling_scale").value = String(scale);
  wish = given.upscaler ?? "";
}

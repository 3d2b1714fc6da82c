// What becomes of the frames after the model: more of them, and larger ones.

import { $, field, h } from "../dom.js";
import { say } from "../language.js";

const SMOOTHER = ["1", "2"]; // powers of two
const LARGER = ["2", "4"];

/** Where both are chosen. */
export const choosers = () => h("div", { class: "pair" },
  chooser("frame_interpolation_exp", "frame_interpolation_exp.none", SMOOTHER, (exp) => say("smoother.times", { times: 2 ** exp })),
  chooser("upscaling_scale", "upscaling_scale.none", LARGER, (scale) => say("larger.times", { times: scale })));

const chooser = (name, none, values, words) => field({ name }, () => say(name),
  h("select", { id: name },
    h("option", { value: "" }, () => say(none)),
    ...values.map((value) => h("option", { value }, () => words(Number(value))))));

/** As a request says it; nothing where nothing is chosen. */
export function current() {
  const [exp, scale] = [$("frame_interpolation_exp").value, $("upscaling_scale").value];
  return {
    ...(exp ? { enable_frame_interpolation: true, frame_interpolation_exp: Number(exp) } : {}),
    ...(scale ? { enable_upscaling: true, upscaling_scale: Number(scale) } : {}),
  };
}

export function fill(given) {
  const exp = given.enable_frame_interpolation ? given.frame_interpolation_exp ?? 1 : "";
  const scale = given.enable_upscaling ? given.upscaling_scale ?? 2 : "";
  $("frame_interpolation_exp").value = String(exp);
  $("upscaling_scale").value = String(scale);
}

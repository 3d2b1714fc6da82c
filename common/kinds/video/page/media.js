// The picture or video to begin with. It goes along as a file, but for a picture that has others beside it.

import { say } from "../language.js";
import { Slot } from "./slot.js";

let begin;
let inline = false; // the picture is a text of the request, as the others beside it

/** Where it is chosen; `changed` is called after each choice. */
export function chooser(changed) {
  begin = new Slot({ name: "media", id: "media", changed });
  return begin.element;
}

/** Which of both are taken, and their limits. */
export function learn(image, video, limits) {
  const key = image && video ? "media.either" : image ? "media.image" : "media.video";
  begin.offer([...(image ? ["image"] : []), ...(video ? ["video"] : [])], limits, () => say(key));
}

export const holds = (field) => begin.holds(field);
export const remove = () => begin.remove();
export const miss = () => begin.miss();

/** The picture as JSON says it, where there are others `beside` it; undefined where it is a file of its own. */
export function picture({ beside }) {
  inline = beside && begin.holds("image");
  return inline ? begin.picture() : undefined;
}

/** {field, file} as the API takes it, or null. Throws a Problem where what was chosen is not taken. */
export async function current() {
  await begin.look();
  const chosen = begin.current();
  return chosen && !inline ? { field: chosen.field, file: chosen.file } : null;
}

/** The service refuses this file: where that stands, and is said; null where it was not the file. */
export function blame({ status, param, ...problem }, sent) {
  const ofFile = ["image", "video"].includes(param) || [413, 415].includes(status);
  if (!sent || sent.file !== begin.file || !ofFile) return null;
  begin.blame(problem);
  return "media";
}

/** The service takes the file after all. */
export function praise(sent) {
  if (sent && sent.file === begin.file) begin.blame(null);
}

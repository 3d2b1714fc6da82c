// The picture or video to begin with. A file that is not taken stays here as refused, until the next choice.

import { $, h, tell } from "../dom.js";
import { say } from "../language.js";
import { Problem, wordsOf } from "../problem.js";
import { megabytes, size } from "../words.js";
import { accepted, carried, fieldOf, listen, shown } from "./files.js";

let fields = []; // what the model takes, of "image" and "video"
let uploads;
let chosen = null; // {field, file}
let refused = false; // what was chosen last is not taken
let choice = 0; // the newest one counts: to look at a file takes a moment
let address = null;

const changed = () => $("form").dispatchEvent(new Event("input"));

/** Where a file is chosen, or dropped, and looked at. */
export const chooser = () =>
  h("div", { class: "field", "data-field": "media", hidden: true },
    h("label", { for: "media", id: "media-label" }),
    h("div", { class: "drop", id: "drop" },
      h("input", { type: "file", id: "media", "aria-describedby": "media-about media-problem",
        on: { change: () => take(carried($("media").files)) } }),
      h("span", { id: "media-preview", class: "drop-shown" }),
      h("span", { id: "media-about", class: "drop-about" }),
      h("button", { type: "button", id: "media-remove", class: "quiet", hidden: true,
        on: { click: () => (remove(), $("media").focus()) } }, () => say("media.remove"))),
    h("div", { id: "media-problem" }));

export function learn(capabilities, limits) {
  const image = capabilities.includes("image_to_video");
  const video = capabilities.includes("video_continuation");
  uploads = limits;
  fields = [...(image ? ["image"] : []), ...(video ? ["video"] : [])];
  listen({ takes: fields.length > 0, zone: $("drop"), take });
  if (!fields.length) return;
  tell($("media-label"), () => say(image && video ? "media.either" : image ? "media.image" : "media.video"));
  $("media").accept = accepted(fields);
  $("drop").closest(".field").hidden = false;
  remove();
}

/** {field, file} as the API takes it, or null. Throws a Problem where what was chosen is not taken. */
export async function current() {
  if (chosen && !refused && (await vanished(chosen.file))) refuse(chosen.file.name, [() => say("media.gone")]);
  if (refused && !chosen) throw new Problem({ message: () => say("media.stands"), at: "media" });
  return chosen;
}

/** The service refuses this file: where that stands, and is said; null where it was not the file. */
export function blame({ status, param, ...problem }, sent) {
  const file = ["image", "video"].includes(param) || [413, 415].includes(status);
  if (!sent || sent !== chosen || !file) return null;
  point(sent.file.name, wordsOf(problem));
  return "media";
}

/** The service takes the file after all. */
export function praise(sent) {
  if (sent && sent === chosen) point(null);
}

export function remove() {
  choice += 1;
  show(null);
  point(null);
  tell($("media-about"), () => say("media.choose"));
  changed();
}

/** A video is made again that began with a file, which is not here. */
export function miss() {
  if (fields.length) refuse(() => say("media.again"), [() => say("media.add")]);
}

/** One file, or several, or a folder, as they come. */
async function take({ files, folder }) {
  if (!files.length) return;
  const mine = (choice += 1);
  const [file] = files;
  const name = files.length > 1 ? () => say("media.several", { count: files.length }) : file.name;
  const field = fieldOf(file, fields);
  const problem = files.length > 1 ? () => say("media.one")
    : folder ? () => say("media.folder") : await problemOf(field, file);
  if (mine !== choice) return;
  $("media").value = ""; // so that the same file can be chosen again
  if (problem) refuse(name, [problem]);
  else (point(null), show({ field, file }));
  changed();
}

/** Why a file is not taken, as a text of the page; null where nothing is known against it. */
async function problemOf(field, file) {
  if (!field) return () => say("media.kind", { kinds: shown(fields) });
  if (!file.size) return () => say("media.empty");
  const most = field === "video" ? uploads.max_video_bytes : uploads.max_body_bytes;
  if (file.size > most) {
    return () => say("media.size", { bytes: megabytes(file.size), most: megabytes(most) });
  }
  if (await vanished(file)) return () => say("media.gone");
  return field === "video" ? null : await pixelsProblem(file);
}

async function pixelsProblem(file) {
  const picture = await createImageBitmap(file).catch(() => null);
  if (!picture) return (await heifLike(file)) ? null : () => say("media.damaged");
  const { width, height } = picture;
  picture.close();
  const most = uploads.max_image_pixels;
  return width * height > most ? () => say("media.pixels", { pixels: width * height, most }) : null;
}

/** HEIC and AVIF, under whatever name: not every browser shows them, the service takes them. */
const heifLike = async (file) => (await file.slice(4, 8).text()) === "ftyp";

const vanished = (file) => file.slice(0, 1).arrayBuffer().then(() => false, () => true);

function refuse(name, why) {
  show(null);
  tell($("media-about"), name);
  $("media-remove").hidden = false;
  point(name, why);
}

/** Say at the field what is wrong with the file that stands there; null: nothing is. */
function point(name, why = []) {
  refused = name !== null;
  const called = typeof name === "function" ? name : () => say("media.refused", { name });
  const note = refused ? h("p", { class: "problem", role: "alert" }, called, " ", why) : null;
  tell($("media-problem"), note);
  $("media").setAttribute("aria-invalid", String(refused));
}

function show(media) {
  chosen = media;
  if (address) URL.revokeObjectURL(address);
  address = media ? URL.createObjectURL(media.file) : null;
  $("media-remove").hidden = !media;
  $("drop").classList.toggle("filled", Boolean(media));
  tell($("media-preview"), media ? preview(media) : null);
}

function preview({ field, file }) {
  const of = { name: file.name, bytes: () => megabytes(file.size) };
  const about = (key, more = {}) =>
    tell($("media-about"), () => say(key, { name: of.name, bytes: of.bytes(), ...more }));
  const error = ({ target }) => (target.remove(), about("media.plain"));
  tell($("media-about"), file.name);
  if (field === "image") {
    const load = ({ target }) =>
      about("media.shape", { size: size({ width: target.naturalWidth, height: target.naturalHeight }) });
    return h("img", { src: address, alt: () => say("media.picture"), on: { load, error } });
  }
  const loadedmetadata = ({ target }) =>
    about("media.shape", { size: size({ width: target.videoWidth, height: target.videoHeight }) });
  const video = h("video", { src: address, preload: "metadata", "aria-label": () => say("media.film"),
    on: { loadedmetadata, error } });
  video.muted = true;
  return video;
}

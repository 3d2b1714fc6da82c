// Files of people: which of them are taken, and how they come: chosen, dropped or pasted.

import { say } from "../language.js";
import { megabytes } from "../words.js";

// They are known by their type or by the end of their name, since browsers give many of them no type, or one
// of their own. What they really are the service sees.
const KINDS = {
  image: {
    shown: "PNG, JPEG, WebP, HEIC, AVIF, GIF",
    ends: ["png", "jpg", "jpeg", "webp", "heic", "heif", "avif", "gif"],
    types: ["png", "jpeg", "webp", "heic", "heif", "avif", "gif"].map((name) => `image/${name}`),
  },
  video: {
    shown: "MP4, MOV, MKV, WebM, M4V, 3GP",
    ends: ["mp4", "mov", "mkv", "webm", "m4v", "3gp"],
    types: ["mp4", "quicktime", "x-matroska", "matroska", "webm", "x-m4v", "3gpp"].map((name) => `video/${name}`),
  },
};

/** What a file is sent as, of these fields ("image", "video"); null: as none of them. */
export function fieldOf({ type, name }, fields) {
  const end = name.split(".").pop().toLowerCase();
  const by = (has) => Object.keys(KINDS).find((field) => has(KINDS[field]));
  const field = by(({ types }) => types.includes(type)) ?? by(({ ends }) => ends.includes(end));
  return fields.includes(field) ? field : null;
}

/** For people. */
const shown = (fields) => fields.map((field) => KINDS[field].shown).join(", ");

/** For the browser's own window of files. */
export const accepted = (fields) =>
  fields.flatMap((field) => [...KINDS[field].types, ...KINDS[field].ends.map((end) => `.${end}`)]).join(",");

/** Why a file is not taken as `field`, as a text of the page; null where nothing is known against it. */
export async function problemOf(field, file, fields, limits) {
  if (!field) return () => say("media.kind", { kinds: shown(fields) });
  if (!file.size) return () => say("media.empty");
  const most = field === "video" ? limits.max_video_bytes : limits.max_picture_bytes;
  if (file.size > most) {
    return () => say("media.size", { bytes: megabytes(file.size), most: megabytes(most) });
  }
  if (await vanished(file)) return () => say("media.gone");
  return field === "video" ? null : await pixelsProblem(file, limits.max_image_pixels);
}

async function pixelsProblem(file, most) {
  const picture = await createImageBitmap(file).catch(() => null);
  if (!picture) return (await heifLike(file)) ? null : () => say("media.damaged");
  const { width, height } = picture;
  picture.close();
  return width * height > most ? () => say("media.pixels", { pixels: width * height, most }) : null;
}

/** HEIC and AVIF, under whatever name: not every browser shows them, the service takes them. */
const heifLike = async (file) => (await file.slice(4, 8).text()) === "ftyp";

/** Whether a file was moved or changed since it was chosen. */
export const vanished = (file) => file.slice(0, 1).arrayBuffer().then(() => false, () => true);

/** A file as JSON carries it: a `data:` address, in base64. */
export const dataOf = (file) => new Promise((answer) => {
  const reader = new FileReader();
  reader.onloadend = () => answer(reader.result);
  reader.readAsDataURL(file);
});

// What is dropped or pasted on the page. Text goes on its way to where it was meant.

const TEXTS = "textarea, input:not([type]), input[type=text], input[type=password]";

const textField = (target) => target instanceof Element && target.matches(TEXTS);
const holdsFiles = (transfer) => [...transfer.types].includes("Files");
const holdsText = (transfer) => [...transfer.types].includes("text/plain");

/** Files of a window, a drop or the clipboard; `folder`: the first of them is one. */
export function carried(files, items = []) {
  const entry = items[0]?.webkitGetAsEntry?.();
  return { files: [...files], folder: Boolean(entry?.isDirectory) };
}

/**
 * Hand files to a place: `placeFor(target)` is the one for what happens there, {zone, take}, or null. They may be
 * dropped anywhere: beside a field, a browser would leave the page for them.
 */
export function listen(placeFor) {
  const meant = ({ dataTransfer, target }) => textField(target) && holdsText(dataTransfer);
  const wanted = ({ dataTransfer, target }) => (holdsFiles(dataTransfer) ? placeFor(target) : null);
  let lit = null;
  const over = (place) => {
    lit?.zone.classList.remove("over");
    (lit = place)?.zone.classList.add("over");
  };
  document.addEventListener("dragover", (event) => {
    if (meant(event)) return over(null);
    event.preventDefault();
    const place = wanted(event);
    event.dataTransfer.dropEffect = place ? "copy" : "none";
    over(place);
  });
  document.addEventListener("dragleave", (event) => event.relatedTarget || over(null));
  document.addEventListener("drop", (event) => {
    over(null);
    if (meant(event)) return;
    event.preventDefault();
    wanted(event)?.take(carried(event.dataTransfer.files, event.dataTransfer.items));
  });
  document.addEventListener("paste", (event) => {
    if (document.querySelector("dialog[open]") || isText(event)) return;
    placeFor(event.target)?.take(carried(event.clipboardData?.files ?? [], event.clipboardData?.items));
  });
}

/** Word and Excel put a picture of what was copied beside its text. A copied file has its name there. */
function isText({ clipboardData, target }) {
  const text = clipboardData?.getData("text/plain") ?? "";
  return textField(target) && text !== "" && text !== clipboardData.files[0]?.name;
}

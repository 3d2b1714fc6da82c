// The picture or video to begin with: chosen, dropped or pasted.

import { $, h } from "./dom.js";
import { megabytes } from "./words.js";

const IMAGES = ["image/png", "image/jpeg", "image/webp"];
const VIDEOS = ["video/mp4", "video/quicktime", "video/webm", "video/x-matroska"];

let accepted = [];
let uploads;
let chosen = null;
let changed = () => {};
let address = null;

export function onChange(call) {
  changed = call;
}

/** {field, file} as the API takes it, or null. */
export const current = () => chosen;

export function build(capabilities, limits) {
  const image = capabilities.includes("image_to_video");
  const video = capabilities.includes("video_continuation");
  uploads = limits;
  accepted = [...(image ? IMAGES : []), ...(video ? VIDEOS : [])];
  if (!accepted.length) return;
  $("media-label").textContent = image && video ? "Picture or video to begin with" : "First picture";
  if (!image) $("media-label").textContent = "Video to go on from";
  $("media").accept = accepted.join(",");
  $("form").querySelector('[data-field="media"]').hidden = false;
  remove();
  $("media").addEventListener("change", () => take($("media").files[0]));
  $("media-remove").addEventListener("click", remove);
  listen($("drop"));
}

function listen(drop) {
  const over = (is) => drop.classList.toggle("over", is);
  drop.addEventListener("dragover", (event) => (event.preventDefault(), over(true)));
  drop.addEventListener("dragleave", () => over(false));
  drop.addEventListener("drop", (event) => {
    event.preventDefault();
    over(false);
    take(event.dataTransfer.files[0]);
  });
  document.addEventListener("paste", (event) => take(event.clipboardData?.files[0]));
}

export function remove() {
  show(null);
  $("media").value = "";
  $("media-about").textContent = "Choose, drop or paste";
  changed();
}

async function take(file) {
  if (!file) return;
  const problem = await problemOf(file);
  if (problem) {
    show(null);
    $("media").value = "";
    $("media-about").textContent = problem;
    $("media-about").classList.add("problem");
    changed();
    return;
  }
  show({ field: IMAGES.includes(file.type) ? "image" : "video", file });
  changed();
}

async function problemOf(file) {
  const kinds = accepted.map((type) => type.split("/")[1]).join(", ");
  if (!accepted.includes(file.type)) return `${file.name} is none of ${kinds}.`;
  const video = VIDEOS.includes(file.type);
  const most = video ? uploads.max_video_bytes : uploads.max_body_bytes;
  if (file.size > most) {
    return `${file.name} has ${megabytes(file.size)}; ${megabytes(most)} are taken at most.`;
  }
  if (video) return null;
  const picture = await createImageBitmap(file).catch(() => null);
  if (!picture) return `${file.name} cannot be read as a picture.`;
  const pixels = picture.width * picture.height;
  picture.close();
  const limit = uploads.max_image_pixels;
  return pixels > limit ? `${file.name} has ${pixels} pixels; ${limit} are taken at most.` : null;
}

function show(media) {
  chosen = media;
  if (address) URL.revokeObjectURL(address);
  address = media ? URL.createObjectURL(media.file) : null;
  $("media-remove").hidden = !media;
  $("media-about").classList.remove("problem");
  $("drop").classList.toggle("filled", Boolean(media));
  $("media-preview").replaceChildren(...(media ? [preview(media)] : []));
}

function preview({ field, file }) {
  const about = (width, height) => {
    $("media-about").textContent = `${file.name}, ${width} × ${height}, ${megabytes(file.size)}`;
  };
  $("media-about").textContent = file.name;
  if (field === "video") {
    const on = { loadedmetadata: ({ target }) => about(target.videoWidth, target.videoHeight) };
    const video = h("video", { src: address, preload: "metadata", "aria-label": "The chosen video", on });
    video.muted = true;
    return video;
  }
  const on = { load: ({ target }) => about(target.naturalWidth, target.naturalHeight) };
  return h("img", { src: address, alt: "The chosen picture", on });
}

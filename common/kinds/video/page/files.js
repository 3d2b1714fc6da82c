// Files of people: which of them a video can begin with, and how they come: chosen, dropped or pasted.

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
export const shown = (fields) => fields.map((field) => KINDS[field].shown).join(", ");

/** For the browser's own window of files. */
export const accepted = (fields) =>
  fields.flatMap((field) => [...KINDS[field].types, ...KINDS[field].ends.map((end) => `.${end}`)]).join(",");

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

/** Hand files to `take`. They may be dropped anywhere: beside the field, a browser would leave the page for them. */
export function listen({ takes, zone, take }) {
  const meant = ({ dataTransfer, target }) => textField(target) && holdsText(dataTransfer);
  const wanted = ({ dataTransfer }) => takes && holdsFiles(dataTransfer);
  const over = (is) => zone.classList.toggle("over", is);
  document.addEventListener("dragover", (event) => {
    if (meant(event)) return over(false);
    event.preventDefault();
    event.dataTransfer.dropEffect = wanted(event) ? "copy" : "none";
    over(wanted(event));
  });
  document.addEventListener("dragleave", (event) => event.relatedTarget || over(false));
  document.addEventListener("drop", (event) => {
    over(false);
    if (meant(event)) return;
    event.preventDefault();
    if (wanted(event)) take(carried(event.dataTransfer.files, event.dataTransfer.items));
  });
  document.addEventListener("paste", (event) => {
    if (!takes || document.querySelector("dialog[open]") || isText(event)) return;
    take(carried(event.clipboardData?.files ?? [], event.clipboardData?.items));
  });
}

/** Word and Excel put a picture of what was copied beside its text. A copied file has its name there. */
function isText({ clipboardData, target }) {
  const text = clipboardData?.getData("text/plain") ?? "";
  return textField(target) && text !== "" && text !== clipboardData.files[0]?.name;
}

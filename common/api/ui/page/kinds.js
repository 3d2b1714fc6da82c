// Files that a video can begin with: known by their type or by the end of their name, since browsers
// give many of them no type, or one of their own. What they really are the service sees.

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

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
export function choices(limits, defaults) {
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
export function spanOf(limits, defaults) {
  const fps = limits.fixed_fps ?? defaults.fps;
  return [limits.min_frames / fps, Math.min(limits.max_seconds ?? Infinity, limits.max_frames / fps)];
}

// Numbers and states in plain words.

const PHASES = {
  loading: "Loading the model",
  encoding_prompt: "Reading the prompt",
  denoising: "Denoising",
  decoding: "Decoding frames",
  encoding_video: "Writing the file",
};

const STATES = {
  queued: "Queued",
  waiting: "Waiting",
  loading: "Loading",
  running: "Running",
  cancelling: "Cancelling",
  completed: "Done",
  failed: "Failed",
  cancelled: "Cancelled",
};

const FIELDS = {
  num_frames: "frames",
  num_inference_steps: "steps",
  guidance_scale: "guidance",
  fps: "frames a second",
  generate_audio: "sound",
  negative_prompt: "negative prompt",
};

export const ended = (job) => ["completed", "failed", "cancelled"].includes(job.state);
export const stateWord = (state) => STATES[state] ?? state;
export const fieldWord = (field) => FIELDS[field] ?? field;

export function rounded(value, digits = 2) {
  return typeof value === "number" ? String(Number(value.toFixed(digits))) : String(value);
}

export function gigabytes(bytes) {
  return bytes < 1e8 ? `${Math.max(1, Math.round(bytes / 1e6))} MB` : `${(bytes / 1e9).toFixed(1)} GB`;
}

export const megabytes = (bytes) => `${(bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)} MB`;

export function span(seconds) {
  if (seconds < 10) return `${rounded(seconds, 1)} s`;
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  return `${rounded(seconds / 3600, 1)} h`;
}

export function moment(text) {
  const time = new Date(text);
  const today = time.toDateString() === new Date().toDateString();
  const clock = { hour: "2-digit", minute: "2-digit" };
  return time.toLocaleString([], today ? clock : { day: "numeric", month: "short", ...clock });
}

export const size = ({ width, height }) => `${width} × ${height}`;

export function seconds({ num_frames, video_frames = 0, fps }) {
  return `${rounded((num_frames + video_frames) / fps)} s`;
}

/** What a job is doing now. */
export function activity(job) {
  const { phase, step, steps, chunk, chunks, waiting_for } = job.progress;
  if (job.state === "cancelling") return "Cancelling: the model stops at its next step";
  if (waiting_for) return `Waiting: ${waiting_for}`;
  if (job.state === "queued") return job.queue_position ? `Queued, ${job.queue_position} ahead` : "Queued";
  const parts = [PHASES[phase] ?? stateWord(job.state)];
  if (phase === "denoising" && steps) parts.push(`step ${step} of ${steps}`);
  if (chunks) parts.push(`piece ${Math.min(chunk + 1, chunks)} of ${chunks}`);
  return parts.join(", ");
}

/** Seconds until the job has ended, where somebody knows. */
export const secondsLeft = (job) => job.eta?.seconds_left ?? job.progress.seconds_left ?? null;

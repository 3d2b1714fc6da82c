// Numbers and states in plain words.

import { isSaid, number, say, time } from "./language.js";
import { theirs } from "./problem.js";

const named = (kind, name) => (isSaid(`${kind}.${name}`) ? say(`${kind}.${name}`) : name);

export const ended = (job) => ["completed", "failed", "cancelled"].includes(job.state);
export const stateWord = (state) => named("state", state);
export const fieldWord = (field) => named("field", field);
export const tookWord = (phase, spent) => `${named("phase", phase)}: ${span(spent)}`;

export const rounded = (value, digits = 2) => number(value, { maximumFractionDigits: digits });

export function gigabytes(bytes) {
  return bytes < 1e8 ? `${rounded(Math.max(1, bytes / 1e6), 0)} MB` : `${rounded(bytes / 1e9, 1)} GB`;
}

export function megabytes(bytes) {
  if (bytes < 1e5) return `${rounded(Math.ceil(bytes / 1e3))} kB`;
  return `${rounded(bytes / 1e6, bytes < 1e7 ? 1 : 0)} MB`;
}

export function span(seconds) {
  if (seconds < 10) return `${rounded(seconds, 1)} s`;
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  return `${rounded(seconds / 3600, 1)} h`;
}

export function moment(text) {
  const date = new Date(text);
  const today = date.toDateString() === new Date().toDateString();
  const clock = { hour: "2-digit", minute: "2-digit" };
  return time(date, today ? clock : { day: "numeric", month: "short", ...clock });
}

export const size = ({ width, height }) => `${width} × ${height}`;

/** What a job is doing now, for `tell`. */
export function activity({ state, progress, queue_position }) {
  if (state === "cancelling") return [() => say("doing.cancelling")];
  if (progress.waiting_for) return [() => say("doing.waiting"), theirs(progress.waiting_for)];
  if (state !== "queued") return [() => steps(state, progress)];
  return [() => (queue_position ? say("doing.ahead", { count: queue_position }) : stateWord(state))];
}

function steps(state, { phase, step, steps: all, chunk, chunks }) {
  const parts = [phase ? named("phase", phase) : stateWord(state)];
  if (all && isSaid(`step.${phase}`)) parts.push(say(`step.${phase}`, { step, steps: all }));
  if (chunks) parts.push(say("doing.piece", { piece: Math.min(chunk + 1, chunks), pieces: chunks }));
  return parts.join(", ");
}

/** Seconds until the job has ended, where somebody knows. */
export const secondsLeft = (job) => job.eta?.seconds_left ?? job.progress.seconds_left ?? null;

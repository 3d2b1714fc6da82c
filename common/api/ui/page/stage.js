// One job, large: how far it is, then what was made or the reason why there is nothing.

import { ask } from "./api.js";
import { $, announce, h, tell } from "./dom.js";
import { adjustment } from "./estimate.js";
import { follow } from "./follow.js";
import { percent as percentage, say } from "./language.js";
import { Problem, wordsOf } from "./problem.js";
import { activity, ended, moment, secondsLeft, span, stateWord, tookWord } from "./words.js";
import * as work from "./work.js";

let shown = null; // {id, state}: what stands on the stage
let stop = () => {};
let choice = 0; // how often another job, or none, was chosen: what was asked for an earlier one comes too late
let parts = {};
let calls;
let keeps = false; // whether old files go by themselves

/** `calls`: again(job), anew(job), cancel(job), keep(job), remove(job), changed(job). */
export function build(given) {
  calls = given;
  clear();
}

/** `retention` of /info: without any, everything stays and need not be kept. */
export function learn({ retention }) {
  keeps = retention !== null;
}

export const showing = () => shown?.id ?? null;

export function clear() {
  stop();
  choice += 1;
  shown = null;
  empty(() => say("stage.empty"), () => say("stage.empty_about"));
}

function empty(headline, about = null) {
  parts = {};
  $("stage").replaceChildren(
    h("div", { class: "empty" }, h("p", {}, headline), h("p", { class: "muted" }, about)));
}

/** Put a job on the stage and follow it to its end. */
export async function show(id) {
  stop();
  const mine = ++choice;
  shown = { id, state: null };
  try {
    const job = await ask(`/jobs/${encodeURIComponent(id)}`);
    if (mine !== choice) return;
    update(job);
    if (!ended(job)) stop = follow(job, { update, preview, lost, gone, refused });
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    if (mine !== choice) return;
    if (problem.status === 404) gone();
    else refused(problem);
  }
}

function update(job) {
  const fresh = job.state !== shown.state;
  if (fresh) draw(job);
  shown = { id: job.id, state: job.state };
  if (!ended(job)) progress(job);
  if (fresh) {
    announce(say("state.now", { state: stateWord(job.state), title: work.title(job) }));
    calls.changed(job);
  }
}

function draw(job) {
  if (!ended(job) && parts.id === job.id) return; // the running job's parts stay
  parts = { id: job.id };
  const completed = job.expired_at ? expired : work.result;
  const picture = { completed, failed: failure, cancelled: failure }[job.state] ?? running;
  const facts = h("div", { class: "facts" },
    h("p", { class: "prompt" }, () => work.title(job)),
    job.cached_from ? h("p", { class: "muted" }, () => say("stage.cached")) : null,
    h("div", { class: "actions" }, actions(job)),
    details(job));
  tell($("stage"), picture(job), facts);
}

function failure(job) {
  const why = job.error ? wordsOf(job.error) : () => say("stage.cancelled");
  return h("div", { class: "frame failure" },
    h("p", { class: "headline" }, () => stateWord(job.state)),
    h("p", {}, why));
}

function expired(job) {
  return h("div", { class: "frame failure" },
    h("p", { class: "headline" }, () => say("stage.expired")),
    h("p", {}, () => say("stage.expired_about", { moment: moment(job.expired_at) })));
}

function running(job) {
  parts.percent = h("p", { class: "percent" });
  parts.bar = h("progress", { max: 100, "aria-label": () => say("stage.progress") });
  parts.doing = h("p", { class: "doing" });
  parts.left = h("p", { class: "muted left" });
  parts.lost = h("p", { class: "muted lost", hidden: true }, () => say("stage.lost"));
  const frame = h("div", { class: "frame" });
  parts.preview = work.preview(job, frame);
  frame.append(parts.percent);
  return h("div", { class: "running" }, frame, parts.bar, parts.doing, parts.left, parts.lost);
}

function progress(job) {
  const { percent, seconds_elapsed } = job.progress;
  parts.lost.hidden = true;
  tell(parts.percent, () => percentage(percent));
  parts.bar.value = percent;
  tell(parts.doing, activity(job));
  const left = secondsLeft(job);
  const times = () => [
    seconds_elapsed ? say("stage.so_far", { time: span(seconds_elapsed) }) : null,
    left === null ? null : say("stage.left", { time: span(left) }),
  ];
  tell(parts.left, () => times().filter(Boolean).join(", "));
  parts.cancel?.toggleAttribute("disabled", job.state === "cancelling");
  if (percent >= 50 && !parts.half) {
    parts.half = true;
    announce(say("stage.half"));
  }
}

const preview = (news) => parts.preview(news);

function lost() {
  if (parts.lost) parts.lost.hidden = false;
}

function gone() {
  clear();
  announce(say("stage.gone"));
  empty(() => say("stage.gone"));
}

export const missing = (problem) => empty(wordsOf(problem));

/** It may be chosen once more: after another sign-in, for one. */
function refused(problem) {
  shown = null;
  missing(problem);
}

function actions(job) {
  const button = (key, call, name = null) =>
    h("button", { type: "button", class: name, on: { click: () => call(job) } }, () => say(key));
  const again = button("again", calls.again);
  if (!ended(job)) {
    parts.cancel = button("cancel", calls.cancel);
    return [parts.cancel, again];
  }
  const made = job.state === "completed" && !job.expired_at;
  const kept = job.kept ? "keep.undo" : "keep";
  const file = { class: "button primary", href: job.links.download, download: true };
  return [
    made ? h("a", file, () => say("download")) : null,
    again,
    job.cached_from && work.anew ? button("anew", calls.anew) : null,
    made && (keeps || job.kept) ? button(kept, calls.keep) : null,
    button("delete", calls.remove, "quiet"),
  ];
}

/** What a job was really made with, folded. */
function details(job) {
  const rows = [
    ...work.details(job),
    ...(job.result ? made(job.result) : []),
    ...(job.cached_from ? [["cached_from", job.cached_from]] : []),
    ["asked", () => moment(job.created_at)],
    ["job", job.id],
  ];
  const row = ([name, ...values]) => h("div", {}, h("dt", {}, () => say(`details.${name}`)), h("dd", {}, values));
  return h("details", {},
    h("summary", {}, () => say("details")),
    h("dl", {}, rows.map(row)),
    h("ul", { class: "adjustments" }, job.adjustments.map(adjustment)));
}

function made(result) {
  const { checkpoint, stands_in_for, size_bytes, timings } = result;
  const stand = () => (stands_in_for ? `, ${say("stands_in", { model: stands_in_for })}` : "");
  const times = () => Object.entries(timings).map(([phase, spent]) => tookWord(phase, spent));
  return [
    ...(checkpoint ? [["made_by", checkpoint, stand]] : []),
    ...(size_bytes ? [["file", () => work.file(result)]] : []),
    ...(Object.keys(timings ?? {}).length ? [["took", () => times().join(", ")]] : []),
  ];
}

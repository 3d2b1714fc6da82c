// Queued jobs in the order in which they will be made, for an admin, who may put them into another.

import { ask } from "./api.js";
import { $, announce, h, tell, write } from "./dom.js";
import { say } from "./language.js";
import { Problem } from "./problem.js";
import * as session from "./session.js";
import { secondsLeft, span } from "./words.js";
import * as work from "./work.js";

const SHOWN = 100; // as many as are listed at once
const KIND = "application/x-job"; // no text: a field does not take it

const items = new Map(); // job id -> {item, left, earlier, later}
let dragged = null; // a job's id
let calls;

/** `calls`: told(call), which does something and says what went wrong. */
export function build(given) {
  calls = given;
  $("queue").addEventListener("dragstart", lift);
  $("queue").addEventListener("dragover", over);
  $("queue").addEventListener("drop", drop);
  $("queue").addEventListener("dragend", lower);
}

/** Look at it; answers whether something is queued, as far as this is to be known. */
export async function refresh() {
  if (!session.admin()) return false;
  try {
    const { jobs, next_cursor: more } = await ask(`/queue?limit=${SHOWN}`);
    if (!dragged) show(jobs, more !== null);
    return jobs.length > 0;
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    return items.size > 0;
  }
}

function show(jobs, more) {
  const order = jobs.map(({ id }) => id);
  if (order.join() !== shown().join()) put(jobs);
  jobs.forEach((job, at) => {
    const { left, earlier, later } = items.get(job.id);
    const seconds = secondsLeft(job);
    tell(left, seconds === null ? null : () => say("stage.left", { time: span(seconds) }));
    write(earlier, "aria-disabled", String(at === 0));
    write(later, "aria-disabled", String(at === jobs.length - 1));
  });
  $("queue-more").hidden = !more;
  $("queue-section").hidden = jobs.length < 2; // one has no order
}

const shown = () => [...$("queue").children].map(({ dataset }) => dataset.id);

/** The items that are known stay, and with them what has the focus. */
function put(jobs) {
  const focused = document.activeElement;
  const known = new Map(items);
  items.clear();
  for (const job of jobs) items.set(job.id, known.get(job.id) ?? made(job));
  $("queue").replaceChildren(...[...items.values()].map(({ item }) => item));
  if ($("queue").contains(focused)) focused.focus();
}

function made(job) {
  const title = work.title(job);
  const left = h("span", { class: "muted" });
  const arrow = (key, sign, by) => h("button", {
    type: "button",
    class: "small quiet",
    "aria-label": () => say(key, { title }),
    "aria-keyshortcuts": by < 0 ? "Alt+ArrowUp" : "Alt+ArrowDown",
    on: { click: () => step(job.id, by) },
  }, sign);
  const earlier = arrow("queue.earlier.named", "↑", -1);
  const later = arrow("queue.later.named", "↓", 1);
  const link = h("a", { href: `#${job.id}`, draggable: "false" }, title);
  const keyed = (event) => {
    const by = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    if (event.altKey && by) (event.preventDefault(), step(job.id, by));
  };
  const item = h("li", { "data-id": job.id, draggable: "true", on: { keydown: keyed } },
    link, left, earlier, later);
  return { item, left, earlier, later };
}

function step(id, by) {
  const order = shown();
  const other = order[order.indexOf(id) + by];
  return other && move(id, by < 0 ? "before" : "after", other);
}

async function move(id, side, other) {
  const moved = await calls.told(() =>
    ask("/queue/move", { method: "POST", body: { job: id, [side]: other } }));
  await refresh();
  if (!moved) return;
  announce(say("queue.moved", { title: work.title(moved), place: moved.queue_position + 1 }));
}

function lift({ target, dataTransfer }) {
  dragged = target.dataset.id;
  dataTransfer.effectAllowed = "move";
  dataTransfer.setData(KIND, dragged);
}

function over(event) {
  if (!dragged) return; // a file: somebody else's
  event.preventDefault();
  event.stopPropagation();
  event.dataTransfer.dropEffect = "move";
  mark(at(event));
}

function drop(event) {
  if (!dragged) return;
  event.preventDefault();
  event.stopPropagation();
  const [id, { item, side }] = [dragged, at(event)];
  lower();
  if (item && item.dataset.id !== id) move(id, side, item.dataset.id);
}

function lower() {
  dragged = null;
  mark({});
}

/** The item below the pointer, and on which side of it a job would land. */
function at({ target, clientY }) {
  const item = target.closest("li");
  if (!item) return {};
  const { top, height } = item.getBoundingClientRect();
  return { item, side: clientY < top + height / 2 ? "before" : "after" };
}

function mark({ item, side }) {
  for (const one of $("queue").children) one.classList.remove("before", "after");
  item?.classList.add(side);
}

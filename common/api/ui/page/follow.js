// A job as it happens, by server-sent events, over restarts of the service.

import { ask, passing } from "./api.js";
import { Problem } from "./problem.js";
import { ended } from "./words.js";

const RETRY_MILLISECONDS = 2000;

/**
 * Follow a job until it has ended; answers a function that stops.
 * `update(job)` at each change, `preview({step, url})`, `lost()` while nobody answers; and where that is the
 * end of it, `gone()`, or `refused(problem)` for all else, as where nobody is signed in any more.
 */
export function follow(job, calls) {
  const address = `${job.links.self}/events`;
  let source;
  let timer;
  let stopped = false;

  function stop() {
    stopped = true;
    clearTimeout(timer);
    source?.close();
  }

  function happened(event) {
    const now = JSON.parse(event.data);
    if (ended(now)) stop();
    calls.update(now);
  }

  // Most breaks a browser mends by itself. What it gives up is asked for by hand, once it answers.
  async function broken() {
    if (stopped) return;
    calls.lost();
    if (source.readyState !== EventSource.CLOSED) return;
    try {
      const now = await ask(job.links.self);
      if (stopped) return;
      calls.update(now);
      if (ended(now)) stop();
      else timer = setTimeout(open, RETRY_MILLISECONDS);
    } catch (problem) {
      if (stopped) return;
      if (passing(problem)) {
        timer = setTimeout(broken, RETRY_MILLISECONDS);
        return;
      }
      stop();
      if (!(problem instanceof Problem)) throw problem;
      if (problem.status === 404) calls.gone();
      else calls.refused(problem);
    }
  }

  function open() {
    source = new EventSource(address);
    source.addEventListener("state", happened);
    source.addEventListener("progress", happened);
    source.addEventListener("preview", (event) => calls.preview(JSON.parse(event.data)));
    source.addEventListener("error", broken);
  }

  open();
  return stop;
}

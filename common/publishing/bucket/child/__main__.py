"""Reads tasks from its standard input, does them one by one, and ends with whoever sends them."""

import contextlib
import os
import queue
import sys
import threading

from common.publishing.bucket.child.objects import Objects
from common.publishing.bucket.child.words import failure
from common.publishing.bucket.tasks import (
    TASKS,
    Alive,
    Done,
    Hello,
    Look,
    Missing,
    Outcome,
    Remove,
    Seek,
    Task,
)

_NICENESS = 5
"""Those who ask how the service is do not wait for what is sent away."""


def main() -> None:
    """Until standard input ends: a task under way then is cut off, and done anew by another."""
    with contextlib.suppress(OSError):
        os.nice(_NICENESS)
    lines: queue.Queue[str] = queue.Queue()
    hello = Hello.model_validate_json(sys.stdin.readline())
    threading.Thread(target=_listen, args=(lines,), daemon=True).start()
    objects = Objects.open(hello, lambda: _say(Alive()))
    while True:
        _say(_done(objects, TASKS.validate_json(lines.get())))


def _listen(lines: "queue.Queue[str]") -> None:
    for line in sys.stdin:
        lines.put(line)
    os._exit(0)


def _done(objects: Objects, task: Task) -> Outcome:
    try:
        if isinstance(task, Look):
            objects.look(task.bucket)
        elif isinstance(task, Seek):
            return _sought(objects, task)
        elif isinstance(task, Remove):
            objects.remove(task.bucket, task.folder, task.claim)
        else:
            named = [objects.store(task.bucket, file) for file in task.files]
            return Done(refused=not all(named))
    except Exception as exc:
        return failure(exc)
    return Done()


def _sought(objects: Objects, task: Seek) -> Outcome:
    if not objects.is_there(task.bucket, task.key):
        return Missing()
    return Done(refused=task.claim is not None and not objects.is_held(task.bucket, task.claim))


def _say(line: Alive | Outcome) -> None:
    sys.stdout.write(line.model_dump_json() + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()

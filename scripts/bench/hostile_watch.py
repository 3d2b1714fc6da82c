"""How much memory a service and its children have, looked at again and again."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import psutil

EVERY_SECONDS = 0.1


@dataclass
class Watch:
    """The most that was seen, in bytes, and what the API process itself took of the processor."""

    api_rss: int = 0
    children_rss: int = 0
    """Of all that it started, but its worker."""
    descriptors: int = 0
    cpu_seconds: float = 0.0


@contextmanager
def watched(pid: int) -> Iterator[Watch]:
    """Look at a service inside the block."""
    watch, ended = Watch(), threading.Event()
    process = psutil.Process(pid)
    began = _cpu(process)
    thread = threading.Thread(target=_look, args=(process, watch, ended))
    thread.start()
    try:
        yield watch
    finally:
        ended.set()
        thread.join()
        watch.cpu_seconds = _cpu(process) - began


def settled_pss(pid: int) -> int:
    """Bytes of the API process, shared pages divided by those who share them."""
    return int(psutil.Process(pid).memory_full_info().pss)


def _look(process: psutil.Process, watch: Watch, ended: threading.Event) -> None:
    while not ended.wait(EVERY_SECONDS):
        with suppress(psutil.Error):
            watch.api_rss = max(watch.api_rss, process.memory_info().rss)
            watch.descriptors = max(watch.descriptors, process.num_fds())
            watch.children_rss = max(watch.children_rss, _children(process))


def _children(process: psutil.Process) -> int:
    total = 0
    for child in process.children(recursive=True):
        with suppress(psutil.Error):
            if "common.worker" not in child.cmdline() and not _of_worker(child):
                total += child.memory_info().rss
    return total


def _of_worker(process: psutil.Process) -> bool:
    return any("common.worker" in parent.cmdline() for parent in process.parents())


def _cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)

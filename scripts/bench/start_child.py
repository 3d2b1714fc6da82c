"""One start in a process of its own: ``scripts.bench.start`` starts it.

``python -m scripts.bench.start_child WHAT MODEL SPAWNED [--alone]``: SPAWNED is ``time.monotonic``
of whoever started it, a clock that all processes share. It answers a line of JSON. Nothing but
the standard library is imported up here: everything else is what is measured.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from types import ModuleType, SimpleNamespace

OURS = "common.runtime.libraries"


class _FirstByte(Exception):
    """Weights are coming in."""


def main() -> None:
    """Start as asked; answer seconds, and MiB that are then in memory."""
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=TASKS)
    parser.add_argument("model")
    parser.add_argument("spawned", type=float)
    parser.add_argument("--alone", action="store_true", help="libraries import what they like")
    arguments = parser.parse_args()
    if arguments.alone:
        _leave_libraries_alone()
    started = time.process_time()
    TASKS[arguments.what](arguments.model)
    answer = {
        "seconds": time.monotonic() - arguments.spawned,
        "cpu": time.process_time() - started,
        "memory": _resident() / 2**20,
    }
    print(json.dumps(answer), flush=True)


def _resident() -> int:
    """Bytes (man 5 proc_pid_statm)."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _torch(_model: str) -> None:
    import_module("torch")


def _pipeline(model: str) -> None:
    import_module(f"{model}.pipeline")


def _worker(model: str) -> None:
    """What ``python -m common.worker`` does until weights come in, but for waiting for its turn."""
    from common.base.settings import load_settings
    from common.contract.finding import load_spec
    from common.contract.hub import choose_variant, locate
    from common.jobs.opening import open_store
    from common.memory.demand import Appraiser
    from common.memory.opening import pool_size
    from common.worker.load_options import load_options
    from scripts.services import spec_address

    import_module("common.worker.__main__")
    spec = load_spec(spec_address(model))
    settings = load_settings(spec.id)
    open_store(settings, spec)
    checkpoint = locate(settings.models_dir, choose_variant(spec, settings.checkpoint))
    choice = Appraiser.of(spec, settings, *pool_size(settings)).choice(checkpoint)
    options = load_options(
        settings, checkpoint, choice, on_bytes=_on_bytes, on_report=lambda _report: None
    )
    try:
        spec.load(checkpoint.path, options)
    except _FirstByte:
        return
    raise RuntimeError("the model came without weights")


def _on_bytes(_done: int, _total: int) -> None:
    raise _FirstByte


def _leave_libraries_alone() -> None:
    """As if our module did nothing: what a start took before there was one."""
    module = ModuleType(OURS)
    nothing = SimpleNamespace(postponed=_Nothing, make_ready=lambda: None)
    vars(module)["compiler"] = nothing
    sys.modules[OURS] = module


class _Nothing:
    def __enter__(self) -> None: ...

    def __exit__(self, *_: object) -> None: ...


TASKS: dict[str, Callable[[str], None]] = {
    "torch": _torch,
    "pipeline": _pipeline,
    "worker": _worker,
}


if __name__ == "__main__":
    main()

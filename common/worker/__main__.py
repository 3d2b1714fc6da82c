"""``python -m common.worker wan21.model_config:SPEC``: one worker process."""

import argparse
import contextlib
import logging
import os
from pathlib import Path

from common.base.errors import INFRASTRUCTURE, VideosDGXError
from common.base.locks import held
from common.base.logs import configure_logs, get_logger
from common.base.privacy import keep_private
from common.base.settings import load_settings
from common.contract.finding import load_spec
from common.contract.messages import EXIT_RESTART
from common.jobs.opening import open_store
from common.publishing.volumes import open_volumes
from common.worker.control import Control, open_pipe
from common.worker.loop import Worker

LOCK_PATIENCE_SECONDS = 30
"""A worker whose API process died exits within a moment; its follower waits for that."""
OOM_SCORE_ADJ = 800
"""How gladly the kernel should end this process when memory runs out, up to 1000. The worker holds
the gigabytes and can be started again; what else runs on the machine is left alone."""


def main() -> int:
    """Run one worker; answers its exit code."""
    keep_private()
    parser = argparse.ArgumentParser(prog="python -m common.worker", description=__doc__)
    parser.add_argument("spec", help="module:NAME of a ModelSpec")
    parser.add_argument("--control-fd", type=int, help="the pipe to the API process")
    arguments = parser.parse_args()
    spec = load_spec(arguments.spec)
    settings = load_settings(spec.id)
    configure_logs(settings.log_level, settings.log_format, f"{spec.id}-worker")
    os.nice(settings.worker_niceness)
    volunteer()
    control = Control(open_pipe(arguments.control_fd))
    volumes = open_volumes(settings, spec.id)
    volumes.check()  # what is missing must not be made anew by opening it
    with held(settings.state_of(spec.id) / "worker.lock", LOCK_PATIENCE_SECONDS):
        store = open_store(settings, spec)
        return Worker(spec, settings, store, control, volumes).run()


def volunteer(oom_score_adj: Path = Path("/proc/self/oom_score_adj")) -> None:
    """Be the first to go when the kernel must end a process (man 5 proc_pid_oom_score_adj).

    Anybody may raise his own figure. Where it cannot be written, nothing is lost but that.
    """
    with contextlib.suppress(OSError):
        oom_score_adj.write_text(str(OOM_SCORE_ADJ))


if __name__ == "__main__":
    try:
        code = main()
    except VideosDGXError as exc:
        get_logger("worker").error(exc.body.in_full)
        code = EXIT_RESTART if isinstance(exc, INFRASTRUCTURE) else 1
    # Not sys.exit: a GPU library's threads could keep a finished process, and its memory, alive.
    logging.shutdown()  # the last words
    os._exit(code)

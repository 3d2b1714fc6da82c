"""What holds for every test."""

import os
import signal

# Tiny tensors are slower in several threads, and many times so on a busy machine, where all but one
# spin while they wait for it. Before torch is imported; the services of the tests inherit it.
os.environ.setdefault("OMP_NUM_THREADS", "1")


def pytest_configure() -> None:
    """Let children hear Ctrl+C: a run in a shell's background ignores it, and they inherit that."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)

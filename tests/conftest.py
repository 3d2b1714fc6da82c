"""What holds for every test."""

import signal


def pytest_configure() -> None:
    """Let children hear Ctrl+C: a run in a shell's background ignores it, and they inherit that."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)

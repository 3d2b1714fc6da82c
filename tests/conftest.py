"""What holds for every test."""

import signal
from collections.abc import Iterator

import pytest


def pytest_configure() -> None:
    """Let children hear Ctrl+C: a run in a shell's background ignores it, and they inherit that."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """Tiny tensors are slower in several threads, and many times so on a busy machine."""
    import torch  # most tests can do without

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)

"""What a process has freed goes back to the machine.

glibc keeps it for the next who asks: freed blocks lie between those that are still used, and with
each large block that is freed it learns to keep larger ones (man 3 mallopt, M_MMAP_THRESHOLD).
"""

import contextlib
import ctypes

LIBC = ctypes.CDLL(None)


def give_back_freed() -> None:
    """Blocks for some milliseconds. Elsewhere than on glibc it does nothing."""
    with contextlib.suppress(AttributeError):
        LIBC.malloc_trim(0)

"""A wall clock of a service's own, that a test can move while it runs.

libfaketime would do, but its 0.9.10 gives Python 3.11 EINVAL in ``time.sleep`` when it is to leave
the monotonic clock alone. This does one thing: what asks for CLOCK_REALTIME gets as many seconds
more as a file says. Waiting, and every other clock, stays the machine's.
"""

import shutil
import subprocess
from pathlib import Path

import pytest

_SOURCE = r"""
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static long ahead(void) {
    char text[32] = {0};
    const char *path = getenv("LD_WALL_CLOCK_AHEAD");
    int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (file < 0) return 0;
    ssize_t count = read(file, text, sizeof text - 1);
    close(file);
    return count > 0 ? atol(text) : 0;
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    int failed = syscall(SYS_clock_gettime, clock, now);
    if (!failed && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
        now->tv_sec += ahead();
    return failed;
}

int gettimeofday(struct timeval *now, void *zone) {
    struct timespec exact;
    (void)zone;
    int failed = clock_gettime(CLOCK_REALTIME, &exact);
    now->tv_sec = exact.tv_sec;
    now->tv_usec = exact.tv_nsec / 1000;
    return failed;
}

time_t time(time_t *where) {
    struct timespec exact;
    clock_gettime(CLOCK_REALTIME, &exact);
    if (where) *where = exact.tv_sec;
    return exact.tv_sec;
}
"""


HAS_COMPILER = shutil.which("cc") is not None


class WallClock:
    """Give ``settings`` to a service; from then on ``jump`` moves its clock, workers' included."""

    def __init__(self, folder: Path) -> None:
        if not HAS_COMPILER:
            pytest.skip("no C compiler: apt install gcc")
        source, self._library = folder / "wall_clock.c", folder / "wall_clock.so"
        source.write_text(_SOURCE)
        command = ["cc", "-shared", "-fPIC", "-O1", "-o", str(self._library), str(source)]
        subprocess.run(command, check=True)
        self._file = folder / "ahead"
        self.jump(0)

    def jump(self, seconds: int) -> None:
        """Be so many seconds ahead of the machine's clock, or behind it."""
        trial = self._file.with_suffix(".new")
        trial.write_text(str(seconds))
        trial.rename(self._file)

    @property
    def settings(self) -> dict[str, object]:
        """For ``LiveService``: its environment."""
        return {"ld_preload": self._library, "ld_wall_clock_ahead": self._file}

"""A child that reads strangers' bytes takes no more than its bounds, and ends with its service."""

import os
import sys
import tempfile
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from common.base.bounded_child import Bounds, Children, Ended, Ending, Stopping, bare_environment
from tests.unit.media.clips import Begun

MIB = 1024**2
BOUNDS = Bounds(seconds=60, cpu_seconds=30, address_bytes=1024 * MIB, output_bytes=MIB)


@pytest.fixture
def begun() -> Begun:
    return Begun()


def python(code: str, bounds: Bounds = BOUNDS, among: Children | None = None) -> Ended:
    with tempfile.TemporaryFile() as file:
        command = [sys.executable, "-c", code]
        return (among or Children()).run(command, stdin=file.fileno(), bounds=bounds)


def test_it_reads_and_answers(tmp_path: Path):
    path = tmp_path / "in"
    path.write_bytes(b"abc")
    code = "import sys; print(sys.stdin.read() * 2); print('so', file=sys.stderr); sys.exit(3)"
    with path.open("rb") as file:
        ended = Children().run([sys.executable, "-c", code], stdin=file.fileno(), bounds=BOUNDS)
    assert ended == Ended(3, b"abcabc\n", "so\n", Ending.ITSELF)


def test_memory_is_bounded():
    """It fails to get it, long before the machine does."""
    ended = python("b = bytearray(900 * 2**20)", replace(BOUNDS, address_bytes=512 * MIB))
    assert ended.status == 1
    assert "MemoryError" in ended.words


def test_cpu_seconds_are_bounded():
    ended = python("while True: pass", replace(BOUNDS, cpu_seconds=1))
    assert ended.ending is Ending.KILLED


def test_seconds_are_bounded(begun: Begun):
    ended = python("import signal; signal.pause()", replace(BOUNDS, seconds=0.5))
    assert ended.ending is Ending.LATE
    assert not begun.all()


@pytest.mark.parametrize("stream", [1, 2])
def test_what_it_writes_is_bounded(stream: int):
    endless = f"""
import os, signal
signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
while True: os.write({stream}, b"a" * 10000)
"""
    ended = python(endless)
    assert ended.ending is Ending.FULL
    assert len(ended.output) <= MIB


def test_it_is_the_first_to_be_killed_and_leaves_no_core():
    code = """
import resource, os
while (score := open('/proc/self/oom_score_adj').read().strip()) == '0': pass  # its parent sets it
print(score)
print(resource.getrlimit(resource.RLIMIT_CORE), resource.getrlimit(resource.RLIMIT_NOFILE))
print(os.getpid() == os.getsid(0), sorted(os.listdir('/proc/self/fd')))
"""
    score, limits, session = python(code).output.split(b"\n")[:3]
    assert score == b"1000"
    assert limits == b"(0, 0) (64, 64)"
    assert session == b"True ['0', '1', '2', '3']"  # 3 is the list itself


def test_its_environment_has_nothing_of_ours():
    names = set(bare_environment())
    assert names <= {"PATH", "LD_LIBRARY_PATH", "LANG"}
    ended = python("import os; print(*os.environ)")
    assert set(ended.output.decode().split()) - {"LC_CTYPE"} == names | {"MALLOC_ARENA_MAX"}


def test_those_in_flight_end_when_the_service_stops(tmp_path: Path, begun: Begun):
    """Told to stop, it waits for no decoder, and starts none."""
    running, ended = Children(), []
    told = tmp_path / "told"
    os.mkfifo(told)

    code = f"import signal; open({str(told)!r}, 'w').close(); signal.pause()"

    def look() -> None:
        with pytest.raises(Stopping) as caught:
            python(code, among=running)
        ended.append(caught.value)

    thread = threading.Thread(target=look)
    thread.start()
    told.read_text()
    running.end_all()
    thread.join(30)
    assert ended
    assert ended[0].status == 503
    with pytest.raises(Stopping):
        python("pass", among=running)
    assert not begun.all()

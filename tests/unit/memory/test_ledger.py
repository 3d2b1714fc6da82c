"""The ledger with real processes: what the kernel promises, and what death leaves behind."""

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from common.memory.gate import Gate
from common.memory.ledger import SETTLE_SECONDS, Ledger
from common.memory.pool import Lease
from tests.contract.conftest import Clock
from tests.live import ROOT, wait_until
from tests.unit.memory.pools import GB

JOIN = """
    import sys, threading
    from pathlib import Path
    from common.memory.ledger import Ledger
    from common.memory.pool import Lease
    Ledger(Path(sys.argv[1])).join(Lease(model="ltx2", pid=1, reserved_bytes=2**30))
    print("joined", flush=True)
    threading.Event().wait()
"""
HOLD = """
    import sys, threading
    from pathlib import Path
    from common.memory.gate import Gate
    with Gate(Path(sys.argv[1]) / "arbiter.lock").held():
        print("held", flush=True)
        threading.Event().wait()
"""


def child(script: str, folder: Path) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", textwrap.dedent(script), str(folder)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert process.stdout is not None
    process.stdout.readline()
    return process


def end(process: "subprocess.Popen[str]") -> None:
    process.kill()
    process.communicate()


def test_a_lease_dies_with_its_process(tmp_path: Path):
    ledger, process = Ledger(tmp_path), child(JOIN, tmp_path)
    assert [lease.model for lease in ledger.leases()] == ["ltx2"]
    end(process)
    assert ledger.leases() == ()


def test_a_stopped_process_keeps_its_lease(tmp_path: Path):
    ledger, process = Ledger(tmp_path), child(JOIN, tmp_path)
    os.kill(process.pid, signal.SIGSTOP)
    assert [lease.model for lease in ledger.leases()] == ["ltx2"]
    end(process)


def test_what_the_dead_held_is_expected_back(tmp_path: Path):
    now = [100.0]
    ledger, process = Ledger(tmp_path, lambda: now[0]), child(JOIN, tmp_path)
    end(process)
    ledger.bury(available_bytes=10 * GB)
    assert ledger.coming_bytes(10 * GB) == GB, "nothing is back yet"
    assert ledger.coming_bytes(10 * GB + GB // 2) == GB // 2, "half of it"
    assert ledger.coming_bytes(11 * GB) == 0, "all of it"
    now[0] += SETTLE_SECONDS
    assert ledger.coming_bytes(10 * GB) == 0, "it is given up as lost"


def test_what_two_owe_is_counted_together(tmp_path: Path):
    ledger, process = Ledger(tmp_path), child(JOIN, tmp_path)
    end(process)
    ledger.bury(available_bytes=10 * GB)
    end(child(JOIN, tmp_path))
    ledger.bury(available_bytes=10 * GB)
    assert ledger.coming_bytes(11 * GB) == GB, "one of two is back"


def test_a_new_worker_takes_the_place_of_a_dead_one(tmp_path: Path):
    ledger, process = Ledger(tmp_path), child(JOIN, tmp_path)
    ledger.evict(ledger.leases()[0], by="wan21")
    end(process)
    ledger.join(Lease(model="ltx2", pid=2))
    assert [lease.pid for lease in ledger.leases()] == [2]
    assert ledger.eviction("ltx2") is None, "that was asked of the dead one"


def test_a_stopped_holder_of_the_gate_is_passed(tmp_path: Path):
    process = child(HOLD, tmp_path)
    os.kill(process.pid, signal.SIGSTOP)
    gate = Gate(tmp_path / "arbiter.lock", patience=0.1)
    with gate.held():
        assert not _free(tmp_path), "one holds it, and only one"
    assert _free(tmp_path)
    os.kill(process.pid, signal.SIGCONT)
    end(process)
    assert _free(tmp_path)


def test_a_machine_that_was_paused_passes_nobody(tmp_path: Path):
    """All its processes stood still for a quarter of an hour: the holder goes on in a moment."""
    process, machine, looks = child(HOLD, tmp_path), Clock(), 0

    def pause(_seconds: float) -> None:
        nonlocal looks
        looks += 1
        machine.now += 900 if looks == 1 else 0
        if looks > 5:
            raise BlockingIOError

    with (
        pytest.raises(BlockingIOError),
        Gate(tmp_path / "arbiter.lock", clock=machine, pause=pause).held(),
    ):
        pass
    end(process)


def test_a_dead_holder_of_the_gate_is_nobody(tmp_path: Path):
    end(child(HOLD, tmp_path))
    assert _free(tmp_path)


def _free(folder: Path) -> bool:
    """Whether the gate can be had at once."""

    def give_up(_seconds: float) -> None:
        raise BlockingIOError

    try:
        with Gate(folder / "arbiter.lock", pause=give_up).held():
            return True
    except BlockingIOError:
        return False


def test_many_processes_take_turns(tmp_path: Path):
    count = """
        import sys
        from pathlib import Path
        from common.memory.gate import Gate
        folder = Path(sys.argv[1])
        print("ready", flush=True)
        for _ in range(200):
            with Gate(folder / "arbiter.lock").held():
                file = folder / "count"
                file.write_text(str(int(file.read_text()) + 1))
    """
    (tmp_path / "count").write_text("0")
    processes = [child(count, tmp_path) for _ in range(3)]
    wait_until(lambda: all(p.poll() == 0 for p in processes), what="all have counted")
    for process in processes:
        process.communicate()
    assert (tmp_path / "count").read_text() == "600"

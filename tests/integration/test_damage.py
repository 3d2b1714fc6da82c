"""A damaged job database: refused by name, restored with the words that are said, never spread."""

import os
import re
import shlex
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.integration.answers import error_of
from tests.integration.fleet import Fleet
from tests.live import ROOT, LiveService, wait_until
from tests.seldom import seldom

PAGE = 4096


def _overwrite(offset: int, data: bytes) -> Callable[[Path], None]:
    def do(path: Path) -> None:
        with path.open("r+b") as file:
            file.seek(offset)
            file.write(data)

    return do


def _another_programs(path: Path) -> None:
    path.unlink()
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE moz_places (id INTEGER)")


def _a_jobs_table_of_another_program(path: Path) -> None:
    path.unlink()
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE jobs (title TEXT, salary REAL)")


DAMAGE: dict[str, tuple[Callable[[Path], None], str]] = {
    "no header": (_overwrite(0, b"not a database at all"), "does not begin as a SQLite database"),
    "encrypted": (lambda path: path.write_bytes(os.urandom(9 * PAGE)) and None, "or encrypted"),
    "cut off": (lambda path: os.truncate(path, 3 * PAGE), "it is cut off: 12,288 of"),
    "a page of garbage": (_overwrite(2 * PAGE, os.urandom(PAGE)), "SQLite"),
    "pages of zeros": (_overwrite(PAGE, bytes(2 * PAGE)), "SQLite"),
    "another program's": (_another_programs, "the tables of another program: moz_places"),
    "another's jobs": (_a_jobs_table_of_another_program, "there is no id, model"),
}

COMMANDS = re.compile(
    r"(videosdgx [\w -]+) \(in containers: docker compose run --rm toy (python [\w. -]+)\)"
)


def say(service: LiveService, command: str) -> subprocess.CompletedProcess[str]:
    """Run a command of ours as it was written, on the folders of a service."""
    program, *arguments = shlex.split(command)
    if program == "videosdgx":
        arguments = ["-m", "scripts.cli", *arguments]
    names = ("MODELS_DIR", "OUTPUTS_DIR", "STATE_DIR")
    environment = {name: str(service.settings[name]) for name in names}
    return subprocess.run(
        [sys.executable, *arguments],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}", **environment},
        cwd=service.folder,
        text=True,
        capture_output=True,
        check=False,
    )


def backups(service: LiveService) -> list[Path]:
    return sorted((service.state / "backups").glob("jobs-*.db"))


def refused(service: LiveService) -> list[tuple[str, str]]:
    """What is said when it does not start: the commands in it, as here and in a container."""
    service.launch()
    assert service.exit_code() == 1
    log = service.log(8)
    assert "Traceback" not in log
    assert str(service.database) in log
    return COMMANDS.findall(log)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a service with a backup, and with a video that was made after it."""
    service = LiveService(tmp_path_factory.mktemp("template"), backup_every_hours=0.0002)
    try:
        _work(service)
    finally:
        service.close()
    return service.folder


def _work(service: LiveService) -> None:
    service.start()
    service.finish(seed=0)
    wait_until(lambda: backups(service), what="a backup, which will be the older one")
    service.finish(seed=1)
    # In the newest: it may have been made already, and then there is no other.
    wait_until(
        lambda: any(_completed(newest) == 2 for newest in backups(service)[-1:]),
        what="both jobs are in a backup",
    )
    service.stop()
    service.settings["BACKUP_EVERY_HOURS"] = 0
    service.start()
    service.finish(seed=2)
    service.stop()


def _completed(backup: Path) -> int:
    """How many jobs it knows as completed."""
    counted = "SELECT count(*) FROM jobs WHERE state = 'completed'"
    with closing(sqlite3.connect(f"file:{backup}?mode=ro", uri=True)) as connection:
        return int(connection.execute(counted).fetchone()[0])


@pytest.fixture
def service(fleet: Fleet, template: Path) -> LiveService:
    """That service in a folder of its own; it does not run."""
    folder = fleet.folder / "copy"
    shutil.copytree(template, folder)
    return fleet.prepare(folder=folder, backup_every_hours=0)


@pytest.mark.parametrize("kind", seldom(DAMAGE))
def test_a_start_on_a_damaged_database_is_refused_by_name(service: LiveService, kind: str) -> None:
    damage, words = DAMAGE[kind]
    damage(service.database)
    damaged = service.database.read_bytes()
    assert refused(service) == [
        ("videosdgx restore toy", "python -m scripts.restore toy"),
        ("videosdgx recover toy", "python -m scripts.recover toy"),
    ]
    assert words in service.log(8)
    assert str(backups(service)[-1]) in service.log(8)
    assert service.database.read_bytes() == damaged


@pytest.mark.slow
def test_the_words_of_a_refusal_restore_everything(service: LiveService) -> None:
    DAMAGE["a page of garbage"][0](service.database)
    damaged = service.database.read_bytes()
    (restore, _), (recover, _) = refused(service)
    done = say(service, restore)
    assert done.returncode == 0, done.stderr
    (aside,) = service.state.glob("jobs.db.damaged-*")
    assert aside.read_bytes() == damaged
    done = say(service, recover)
    assert (done.returncode, done.stdout) == (0, "toy: 1 taken back, 0 set aside\n"), done.stderr
    service.restart()
    jobs = service.jobs()
    assert [job["state"] for job in jobs] == ["completed"] * 3
    assert {job["resolved"]["seed"] for job in jobs} == {0, 1, 2}
    service.finish()


def test_without_a_backup_the_finished_videos_still_come_back(fleet: Fleet) -> None:
    service = fleet.start(backup_every_hours=0)
    job = service.finish()
    service.stop()
    service.database.write_bytes(b"garbage" * PAGE)
    ((here, empty),) = refused(service)
    assert here == "videosdgx restore toy --empty"
    assert say(service, "videosdgx restore toy").returncode == 4
    done = say(service, empty)
    assert (done.returncode, "toy: an empty table is in place" in done.stdout) == (0, True)
    service.restart()
    service.wait_swept()
    assert service.job(job["id"])["state"] == "completed"


def test_a_damaged_backup_is_not_put_back(service: LiveService) -> None:
    _overwrite(2 * PAGE, os.urandom(PAGE))(backups(service)[-1])
    before = service.database.read_bytes()
    done = say(service, "videosdgx restore toy")
    assert done.returncode == 4
    assert "is no good" in done.stderr
    assert service.database.read_bytes() == before
    older = backups(service)[-2]
    assert say(service, f"videosdgx restore toy --from {older}").returncode == 0


def test_a_database_that_cannot_be_opened_is_named(fleet: Fleet) -> None:
    service = fleet.prepare()
    service.database.mkdir(parents=True)
    assert refused(service) == []
    assert "cannot be opened" in service.log(8)


def test_an_interrupted_write_is_no_damage(service: LiveService) -> None:
    script = (
        "import os, sqlite3, sys; c = sqlite3.connect(sys.argv[1]);"
        "c.execute('PRAGMA cache_size=1');"
        "c.execute('CREATE TABLE pad (x)');"
        "c.executemany('INSERT INTO pad VALUES (?)', [('x' * 900,)] * 500); os._exit(1)"
    )
    subprocess.run([sys.executable, "-c", script, str(service.database)], check=False)
    assert service.database.with_name("jobs.db-journal").exists()
    service.restart()
    assert len(service.jobs()) == 3


def test_damage_that_comes_while_it_runs_is_said_and_not_backed_up(service: LiveService) -> None:
    service.settings["BACKUP_EVERY_HOURS"] = 0.0002
    service.settings["BACKUPS_KEPT"] = 1
    service.start()
    good = backups(service)[-1].read_bytes()
    for page in range(1, service.database.stat().st_size // PAGE):
        _overwrite(page * PAGE, os.urandom(PAGE))(service.database)
    answer = service.client.post("/generate", json={"prompt": "x"})
    assert (answer.status_code, error_of(answer)["code"]) == (503, "store_damaged")
    assert str(service.folder) not in answer.text
    ready = service.client.get("/ready")
    assert ready.status_code == 503
    (reason,) = ready.json()["reasons"]
    assert reason.startswith("store_damaged: The job database is damaged.")
    assert service.client.get("/health").status_code == 200

    def failed() -> bool:
        return "the job database was not backed up" in service.log(200)

    wait_until(failed, what="a backup is due")
    for _ in range(20):
        service.client.get("/jobs")
    assert service.log(400).count("The job database is damaged (") == 1
    assert "videosdgx restore toy" in service.log(400)
    assert good in [path.read_bytes() for path in backups(service)]
    service.process.terminate()
    assert service.exit_code() == 0

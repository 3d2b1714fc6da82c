"""A backup of a database that is being written to is as of one moment."""

import io
import sqlite3
import tarfile
import threading
from contextlib import closing
from pathlib import Path

from common.base.settings import Settings
from common.jobs.database import sqlite_url
from common.jobs.sql import SqlJobStore
from common.kinds.video import VIDEO_KIND
from scripts.backup import add, write

INSERT = "INSERT INTO pair VALUES (?), (?)"


def backed_up(folder: Path) -> tarfile.TarFile:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w|") as tar:
        add(tar, folder)
    buffer.seek(0)
    return tarfile.open(fileobj=buffer)


def test_a_database_is_copied_between_two_writes(tmp_path: Path):
    state = tmp_path / "state"
    (state / "toy").mkdir(parents=True)
    database = state / "toy" / "jobs.db"
    SqlJobStore(sqlite_url(database), "toy", VIDEO_KIND).close()
    with closing(sqlite3.connect(database)) as setup:
        setup.execute("CREATE TABLE pair (number INTEGER)")
        setup.executemany(INSERT, [(number, number) for number in range(1000)])
        setup.commit()
    over = threading.Event()
    writer = threading.Thread(target=_write, args=(database, over))
    writer.start()
    try:
        for attempt in range(4):
            with backed_up(state) as tar:
                tar.extract("state/toy/jobs.db", tmp_path / f"copy{attempt}", filter="data")
    finally:
        over.set()
        writer.join()
    for attempt in range(4):
        copy = tmp_path / f"copy{attempt}" / "state/toy/jobs.db"
        with closing(sqlite3.connect(copy)) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            assert connection.execute("SELECT count(*) % 2 FROM pair").fetchone() == (0,)


def _write(database: Path, over: threading.Event) -> None:
    with closing(sqlite3.connect(database, timeout=10)) as connection:
        number = 1000
        while not over.wait(0.001):
            connection.execute(INSERT, (number, number))
            connection.commit()
            number += 1


def test_only_what_cannot_be_made_again_is_kept(tmp_path: Path):
    outputs = tmp_path / "outputs"
    kept = ("toy/one/video.mp4", "toy/one/job.json")
    left_out = (
        "toy/.partial/two/video.mp4",
        "memory/toy.json",
        "compiled/x",
        "toy/backups/jobs-000001-20260101T000000Z.db",
        "toy/jobs.db-journal",
        "content_credentials/key.pem",
    )
    for name in (*kept, *left_out):
        (outputs / name).parent.mkdir(parents=True, exist_ok=True)
        (outputs / name).write_text(name)
    with backed_up(outputs) as tar:
        files = {member.name for member in tar if member.isfile()}
    assert files == {f"outputs/{name}" for name in kept}


def test_stored_loras_are_kept_and_checkpoints_are_not(tmp_path: Path):
    """What is in ``models`` comes from the hub again, but for what somebody has put there."""
    kept = ("state/toy/inputs/a.png", "outputs/toy/one/video.mp4", "models/loras/kite.safetensors")
    left_out = ("models/models--a--b/blobs/1", "models/.quantized/x", "models/loras/.a.partial")
    for name in (*kept, *left_out):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    folders = {f"{name}_dir": tmp_path / name for name in ("state", "outputs", "models")}
    buffer = io.BytesIO()
    write(Settings(**folders), buffer)
    buffer.seek(0)
    with tarfile.open(fileobj=buffer) as tar:
        assert {member.name for member in tar if member.isfile()} == set(kept)
        tar.extractall(tmp_path / "restored", filter="data")
    assert (tmp_path / "restored" / kept[-1]).read_text() == kept[-1]

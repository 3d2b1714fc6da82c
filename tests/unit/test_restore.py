"""What puts a job database back runs where a service does: without the CLI's packages."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from common.base.settings import load_settings
from common.jobs.backup import way_out, write_backup
from common.jobs.database import sqlite_url
from common.jobs.online_copy import connect
from common.jobs.sql import SqlJobStore
from common.kinds.video import VIDEO_KIND
from scripts import recover, restore
from scripts.services import MODELS
from tests.live import ROOT

MODEL = MODELS[0]
WITHOUT = """
import sys
sys.modules.update(dict.fromkeys(("httpx", "rich", "typer")))  # importing one of them fails
import scripts.recover, scripts.restore
"""


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where the job database of a service is; nothing is there."""
    umask = os.umask(0o077)  # the commands set theirs, and end with their process
    for name in ("STATE_DIR", "OUTPUTS_DIR", "MODELS_DIR"):
        monkeypatch.setenv(name, str(tmp_path / name.lower()))
    path = tmp_path / "state_dir" / MODEL / "jobs.db"
    path.parent.mkdir(parents=True)
    yield path
    os.umask(umask)


def test_they_run_without_the_packages_of_the_cli():
    command = [sys.executable, "-c", WITHOUT]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_newest_backup_is_put_back(database: Path, capsys: pytest.CaptureFixture[str]):
    SqlJobStore(sqlite_url(database), MODEL, VIDEO_KIND).close()
    with closing(connect(database)) as source:
        backup = write_backup(source, database.parent / "backups", threading.Event())
    database.write_bytes(b"garbage")
    restore.main([MODEL])
    assert database.read_bytes() == backup.read_bytes()
    (aside,) = database.parent.glob("jobs.db.damaged-*")
    assert aside.read_bytes() == b"garbage"
    said = f"{MODEL}: {backup} is in place; before it was {aside}\n"
    assert capsys.readouterr().out == said


def test_where_there_is_none_it_says_what_to_do(database: Path):
    with pytest.raises(SystemExit, match=r"There is no backup in .* --empty\.$"):
        restore.main([MODEL])
    with pytest.raises(SystemExit, match=rf"There is no service wan22\. There are: {MODEL}"):
        recover.main(["wan22"])


def test_finished_videos_are_looked_for_by_the_other(
    database: Path, capsys: pytest.CaptureFixture[str]
):
    recover.main([MODEL])
    assert capsys.readouterr().out == f"{MODEL}: 0 taken back, 0 set aside\n"


def test_a_message_has_the_words_for_here_and_for_containers(database: Path):
    said = way_out(load_settings(MODEL), MODEL)
    run = f"docker compose run --rm {MODEL} python -m scripts.restore {MODEL} --empty"
    assert f"videosdgx restore {MODEL} --empty (in containers: {run})" in said

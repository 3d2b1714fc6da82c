"""Keys: made once, kept as a hash, found again, and read from a file that people edit."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from common.api.auth.caller import Scope
from common.api.auth.key_file import KeyFile
from common.api.auth.keys import digest_of, line_for, new_key, parse_keys
from common.base.settings import SettingsError
from tests.live import ROOT


def test_a_key_is_long_and_new_each_time():
    keys = {new_key() for _ in range(100)}
    assert len(keys) == 100
    assert all(key.startswith("vdgx_") and len(key) == 48 for key in keys)


def test_a_line_holds_no_key_and_finds_it_again():
    user, admin = new_key(), new_key()
    lines = [line_for("ana", Scope.USER, user), line_for("root", Scope.ADMIN, admin)]
    assert user not in lines[0]
    ring = parse_keys(["# people", "", *lines], "here")
    found = ring.find(user)
    assert found is not None
    assert (found.caller.name, found.caller.scopes) == ("ana", {Scope.USER})
    assert ring.by_id(found.id) == found
    other = ring.find(admin)
    assert other is not None
    assert other.caller.admin
    for wrong in ("", user[:-1], user + "x", digest_of(user), new_key()):
        assert ring.find(wrong) is None


def test_a_name_may_have_two_keys():
    keys = [new_key(), new_key()]
    ring = parse_keys([line_for("ana", Scope.USER, key) for key in keys], "here")
    found = [ring.find(key) for key in keys]
    assert {entry.caller.name for entry in found if entry} == {"ana"}
    assert len({entry.id for entry in found if entry}) == 2


@pytest.mark.parametrize(
    "line",
    [
        "ana",
        "ana user",
        "ana user 12",
        "ana root sha256:" + "0" * 64,
        "ana user sha256:" + "0" * 63,
        "ana user sha256:" + "G" * 64,
        "ana user md5:" + "0" * 64,
        "ana user,admin sha256:" + "0" * 64,
        "an/a user sha256:" + "0" * 64,
        f"{'a' * 65} user sha256:" + "0" * 64,
        "ana user vdgx_secret",
    ],
)
def test_a_wrong_line_is_named_and_not_shown(line: str):
    good = line_for("ben", Scope.USER, new_key())
    with pytest.raises(SettingsError, match="KEYS: line 2 is not") as caught:
        parse_keys([good, line], "KEYS")
    assert "vdgx_secret" not in str(caught.value)
    assert caught.value.body.hint


def test_one_key_cannot_be_two_peoples():
    key = new_key()
    with pytest.raises(SettingsError, match="line 2 repeats a key"):
        parse_keys([line_for(name, Scope.USER, key) for name in ("ana", "ben")], "KEYS")


def test_a_file_is_read_again_when_it_changes(tmp_path: Path):
    path, keys = tmp_path / "keys", [new_key(), new_key()]
    path.write_text(line_for("ana", Scope.USER, keys[0]))
    file = KeyFile(path)
    assert file.ring() is file.ring(), "not read each time"
    with path.open("a") as lines:
        lines.write("\n" + line_for("ben", Scope.USER, keys[1]))
    assert [entry.caller.name for entry in file.ring().entries] == ["ana", "ben"]
    replaced = tmp_path / "new"
    replaced.write_text(line_for("eva", Scope.USER, keys[0]))
    os.replace(replaced, path)  # noqa: PTH105  # as editors do
    assert [entry.caller.name for entry in file.ring().entries] == ["eva"]


@pytest.mark.parametrize("damage", [b"nonsense", b"\xff\xfe", None])
def test_a_damaged_file_is_refused_at_first_and_later_changes_nothing(
    tmp_path: Path, damage: bytes | None, caplog: pytest.LogCaptureFixture
):
    path, key = tmp_path / "keys", new_key()
    path.write_text(line_for("ana", Scope.USER, key))
    file = KeyFile(path)
    path.unlink()
    if damage is not None:
        path.write_bytes(damage)
    for _ in range(3):
        assert file.ring().find(key) is not None
    said = [record for record in caplog.records if "the keys of before stay" in record.message]
    assert len(said) == 1
    with pytest.raises(SettingsError, match="API_KEYS_FILE"):
        KeyFile(path)


def make_key(*arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "scripts.make_key", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(("arguments", "admin"), [(["ana"], False), (["ana", "--admin"], True)])
def test_the_command_makes_a_key_and_its_line(arguments: list[str], admin: bool):
    done = make_key(*arguments)
    key = done.stderr.split()[-1]
    found = parse_keys(done.stdout.splitlines(), "here").find(key)
    assert found is not None
    assert (found.caller.name, found.caller.admin) == ("ana", admin)
    assert key not in done.stdout


def test_the_command_refuses_what_is_no_name():
    done = make_key("an a")
    assert (done.returncode, done.stdout) == (2, "")
    assert "NAME" in done.stderr

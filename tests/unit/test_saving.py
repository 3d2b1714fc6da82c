"""Where a video is to go is looked at before it is made."""

from pathlib import Path

import pytest

from scripts.cli.client import Client
from scripts.cli.errors import CliError
from scripts.cli.saving import check_place, save
from tests.receivers import Reply, receiver


def refused(output: Path | str) -> CliError:
    with pytest.raises(CliError) as caught:
        check_place(str(output), force=False)
    assert (caught.value.status, caught.value.body["param"]) == (2, "--output")
    assert caught.value.body["hint"]
    return caught.value


def test_folders_that_are_not_there_are_made_for_the_file(tmp_path: Path):
    wanted = tmp_path / "models" / "loras" / "kites.safetensors"
    check_place(str(wanted), force=False)
    assert list(tmp_path.iterdir()) == [], "nothing is made for a job that may be refused"
    with receiver() as service:
        service.answers(Reply(body=b"a LoRA"))
        found = save(Client(f"http://127.0.0.1:{service.port}"), "1", str(wanted), force=False)
    assert found == wanted
    assert wanted.read_bytes() == b"a LoRA"


@pytest.mark.parametrize("place", ["film.mp4/cat.mp4", "film.mp4/deep/cat.mp4", "film.mp4/"])
def test_no_folder_can_be_below_a_file(tmp_path: Path, place: str):
    film = tmp_path / "film.mp4"
    film.touch()
    assert str(refused(f"{tmp_path}/{place}")) == f"{film} cannot be written to: Not a directory."


@pytest.mark.parametrize("place", ["", "/", "/cat.mp4", "/new/cat.mp4", "/new/"])
def test_a_folder_in_which_nothing_can_be_made_is_told_before(place: str):
    assert str(refused(f"/proc{place}")).startswith("/proc cannot be written to: ")


def test_a_link_to_nothing_is_a_file_that_is_there(tmp_path: Path):
    link = tmp_path / "cat.mp4"
    link.symlink_to("elsewhere/cat.mp4")
    assert str(refused(link)) == f"{link} is there already."
    assert "cannot be written to" in str(refused(link / "cat.mp4"))

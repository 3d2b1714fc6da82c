"""Publishing, finding and removing the folders of finished videos."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from common.base.errors import EncodingFailed
from common.kinds.video import VIDEO_KIND
from common.kinds.video.files import THUMBNAIL, VIDEO
from common.publishing.draft import Draft
from common.publishing.storage import Storage

JOB, OTHER = "a" * 32, "b" * 32
FIRST, SECOND, THIRD = "1" * 32, "2" * 32, "3" * 32


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "outputs"


@pytest.fixture
def storage(root: Path) -> Storage:
    return Storage(root, VIDEO_KIND.files)


def filled(storage: Storage, job_id: str = JOB, token: str = FIRST, video: bytes = b"v") -> Draft:
    draft = storage.begin(job_id, token)
    (draft.folder / VIDEO.name).write_bytes(video)
    (draft.folder / THUMBNAIL.name).write_bytes(b"t")
    return draft


def published(storage: Storage, job_id: str = JOB, token: str = FIRST) -> str:
    return filled(storage, job_id, token).publish({"made_by": token})


def visible(root: Path) -> list[str]:
    return sorted(p.name for p in root.iterdir() if p.name != ".partial")


def partial(root: Path) -> list[str]:
    return sorted(p.name for p in (root / ".partial").iterdir())


def test_nothing_is_visible_before_everything_is(storage: Storage, root: Path):
    draft = filled(storage)
    assert visible(root) == []
    name = draft.publish({"seed": 7})
    assert visible(root) == [name] == [f"{JOB}-{FIRST}"]
    assert partial(root) == []
    files = ("video.mp4", "thumbnail.jpg", "manifest.json")
    video, thumbnail, manifest = (storage.path(name, file).read_bytes() for file in files)
    assert (video, thumbnail) == (b"v", b"t")
    assert json.loads(manifest) == {"seed": 7, "job_id": JOB, "token": FIRST}


KILLED = """
import os, sys
from pathlib import Path
from common.kinds.video import VIDEO_KIND
from common.publishing.storage import Storage
draft = Storage(Path(sys.argv[1]), VIDEO_KIND.files).begin(sys.argv[2], sys.argv[3])
(draft.folder / "video.mp4").write_bytes(b"v")
calls = 0
def die(event, args):
    global calls
    if event in ("open", "os.rename"):
        calls += 1
        if calls > int(sys.argv[4]):
            os._exit(9)
sys.addaudithook(die)
draft.publish({"n": 1})
os._exit(0)
"""


def test_death_at_any_point_of_publishing_leaves_all_or_nothing(storage: Storage, root: Path):
    endings = []
    for survived in range(9):
        command = [sys.executable, "-c", KILLED, str(root), JOB, FIRST, str(survived)]
        code = subprocess.run(command, check=False).returncode
        adopted = storage.adopt(JOB, SECOND)
        endings.append((code, visible(root) != []))
        assert (adopted is not None) == (visible(root) != [])
        assert adopted is None or adopted[1]["n"] == 1
        storage.remove(JOB)
        if code == 0:
            break
    assert endings[0] == (9, False)
    assert (9, True) in endings  # after the rename, before the folder's fsync
    assert endings[-1] == (0, True)


def test_a_draft_without_a_video_is_not_published(storage: Storage, root: Path):
    with pytest.raises(EncodingFailed):
        storage.begin(JOB, FIRST).publish({})
    with pytest.raises(EncodingFailed):
        filled(storage, video=b"").publish({})
    assert visible(root) == []


def test_discard_removes_a_draft_and_spares_a_published_one(storage: Storage, root: Path):
    draft = filled(storage)
    draft.discard()
    draft.discard()
    assert partial(root) == []
    draft = filled(storage)
    draft.publish({})
    draft.discard()
    assert visible(root) == [f"{JOB}-{FIRST}"]


def test_begin_removes_stale_drafts_of_the_same_job_only(storage: Storage, root: Path):
    filled(storage, JOB, FIRST)
    filled(storage, OTHER, FIRST)
    draft = storage.begin(JOB, SECOND)
    assert partial(root) == [f"{JOB}-{SECOND}", f"{OTHER}-{FIRST}"]
    assert list(draft.folder.iterdir()) == []


def test_adopt_hands_a_lost_result_to_the_new_attempt(storage: Storage, root: Path):
    published(storage, OTHER)
    published(storage)
    adopted = storage.adopt(JOB, SECOND)
    assert adopted is not None
    name, manifest = adopted
    assert name == f"{JOB}-{SECOND}"
    assert manifest["made_by"] == FIRST
    assert visible(root) == [name, f"{OTHER}-{FIRST}"]
    assert storage.path(name, "video.mp4").read_bytes() == b"v"


def test_adopt_takes_the_newest_and_removes_the_rest(storage: Storage, root: Path):
    for age, token in enumerate((SECOND, FIRST, THIRD)):
        folder = root / published(storage, token=token)
        os.utime(folder, (1000 - age, 1000 - age))
    adopted = storage.adopt(JOB, THIRD)
    assert adopted is not None
    assert adopted[1]["made_by"] == SECOND
    assert visible(root) == [f"{JOB}-{THIRD}"]


def test_adopt_of_its_own_folder_keeps_it(storage: Storage, root: Path):
    name = published(storage)
    adopted = storage.adopt(JOB, FIRST)
    assert adopted is not None
    assert visible(root) == [adopted[0]] == [name]


def test_adopt_of_nothing(storage: Storage):
    filled(storage)
    assert storage.adopt(JOB, SECOND) is None


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("manifest.json", None),
        ("manifest.json", b""),
        ("manifest.json", b"{"),
        ("manifest.json", b"[]"),
        ("manifest.json", b"\xff"),
        ("manifest.json", json.dumps({"job_id": OTHER}).encode()),
        ("video.mp4", None),
        ("video.mp4", b""),
    ],
)
def test_adopt_removes_what_cannot_be_trusted(
    storage: Storage, root: Path, file: str, content: bytes | None
):
    path = storage.path(published(storage), file)
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    assert storage.adopt(JOB, SECOND) is None
    assert visible(root) == partial(root) == []


def test_remove_takes_everything_of_one_job(storage: Storage, root: Path):
    published(storage, token=FIRST)
    published(storage, token=SECOND)
    filled(storage, token=THIRD)
    kept = published(storage, OTHER)
    storage.remove(JOB)
    storage.remove(JOB)
    assert visible(root) == [kept]
    assert partial(root) == []


def test_an_open_download_survives_remove(storage: Storage):
    with storage.path(published(storage), "video.mp4").open("rb") as file:
        storage.remove(JOB)
        assert file.read() == b"v"


def test_unfinished_attempts_are_cleared_one_by_one(storage: Storage, root: Path):
    kept = published(storage, JOB, FIRST)
    filled(storage, OTHER, FIRST)
    filled(storage, "c" * 32, SECOND)
    (root / ".partial" / "half-deleted").mkdir()
    (root / "lost+found").mkdir()
    (root / "notes.txt").write_text("mine")
    for name in storage.unfinished():
        if name != f"{OTHER}-{FIRST}":
            storage.clear_unfinished(name)
    assert visible(root) == [kept, "lost+found", "notes.txt"]
    assert partial(root) == [f"{OTHER}-{FIRST}"]
    assert list(storage.folders()) == [kept]


def test_a_removal_that_was_cut_short_is_finished(storage: Storage, root: Path):
    name = published(storage)
    (root / name).rename(root / ".partial" / f"{name}.gone")
    (unfinished,) = storage.unfinished()
    storage.clear_unfinished(unfinished)
    assert visible(root) == partial(root) == []


def test_what_is_set_aside_is_kept_out_of_sight(storage: Storage, root: Path):
    name = published(storage)
    assert storage.set_aside(name)
    assert list(storage.folders()) == []
    assert (root / ".unclaimed" / name / "video.mp4").read_bytes() == b"v"


def test_nothing_worth_keeping_is_set_aside(storage: Storage, root: Path):
    name = published(storage)
    (root / name / "video.mp4").write_bytes(b"")
    assert not storage.set_aside(name)
    assert visible(root) == []


def test_outputs_bear_a_name(storage: Storage, root: Path):
    assert storage.identity() is None
    storage.set_identity("a name")
    assert Storage(root, VIDEO_KIND.files).identity() == "a name"


def test_where_a_kind_has_several_files_the_result_names_the_one_that_must_be_there(
    storage: Storage, root: Path
):
    of_a_picture = {"result": {"file": THUMBNAIL.name}}
    for token in (FIRST, SECOND):
        draft = filled(storage, JOB if token == FIRST else OTHER, token)
        (draft.folder / VIDEO.name).unlink()
        draft.publish(of_a_picture)
    assert storage.adopt(JOB, THIRD) is not None
    assert storage.set_aside(f"{OTHER}-{SECOND}")
    draft = filled(storage)
    (draft.folder / THUMBNAIL.name).unlink()
    with pytest.raises(EncodingFailed, match=r"thumbnail\.jpg is missing"):
        draft.publish(of_a_picture)
    with pytest.raises(EncodingFailed, match=r"video\.mp4 is missing"):
        storage.begin(OTHER, THIRD).publish({"result": {"file": "../video.mp4"}})

"""The tiny checkpoints: in the hub's layout, the same every time, and never over real weights."""

import hashlib
from pathlib import Path

import pytest

from scripts.make_tiny_checkpoints import main
from scripts.tiny import publish

REPO = "org/name"
RECIPE = Path(__file__)


def save(folder: Path) -> None:
    (folder / "vae").mkdir()
    (folder / "vae" / "weights").write_text("1")
    (folder / "vae" / "weights").chmod(0o600)


def fail_halfway(folder: Path) -> None:
    save(folder)
    raise RuntimeError("halfway")


def test_a_checkpoint_lies_as_the_hub_client_leaves_it(tmp_path: Path) -> None:
    snapshot = publish(tmp_path, REPO, RECIPE, save, force=False)
    repository = tmp_path / "models--org--name"
    assert snapshot == repository / "snapshots" / (repository / "refs" / "main").read_text()
    assert snapshot.name.startswith("tiny-random-")
    assert (snapshot / "vae" / "weights").stat().st_mode & 0o777 == 0o644
    assert list(tmp_path.iterdir()) == [repository], "nothing is left beside it"


def test_what_is_there_is_kept_unless_forced(tmp_path: Path) -> None:
    weights = publish(tmp_path, REPO, RECIPE, save, force=False) / "vae" / "weights"
    weights.write_text("mine")
    publish(tmp_path, REPO, RECIPE, save, force=False)
    assert weights.read_text() == "mine"
    publish(tmp_path, REPO, RECIPE, save, force=True)
    assert weights.read_text() == "1"


def test_a_failure_leaves_nothing_half_made(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="halfway"):
        publish(tmp_path, REPO, RECIPE, fail_halfway, force=False)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_real_weights_are_never_replaced(tmp_path: Path) -> None:
    reference = tmp_path / "models--org--name" / "refs" / "main"
    reference.parent.mkdir(parents=True)
    reference.write_text("0fad780a534b6463e45facd96134c9f345acfa5b")
    with pytest.raises(FileExistsError, match="real weights"):
        publish(tmp_path, REPO, RECIPE, save, force=True)
    assert not (reference.parents[1] / "snapshots").exists()


def test_the_same_bytes_every_time(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("first", "second"):
        main(["--models-dir", str(tmp_path / name), "wan21"])
    assert digests(tmp_path / "first") == digests(tmp_path / "second")
    assert len(digests(tmp_path / "first")) > 30
    made = len(list((tmp_path / "first").iterdir()))
    assert capsys.readouterr().out.count("wan21: ") == 2 * made > 2


def test_an_unknown_model_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["wan22"])
    assert "no such model: wan22" in capsys.readouterr().err


def digests(folder: Path) -> dict[str, str]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
    }

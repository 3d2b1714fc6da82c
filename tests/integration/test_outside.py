"""A model, and a kind with its model, from a folder that lies outside of the tree."""

import re
from pathlib import Path
from types import ModuleType

import psutil
import pytest

from tests.integration.fleet import Fleet
from tests.kinds.text import model_config as text
from tests.live import ROOT
from tests.toy import model_config as toy

NAME = "strange"


def moved(package: str, place: Path) -> None:
    """A folder of the tree, outside of it and under another name; of the tree, ``common`` alone."""
    (place / "common").symlink_to(ROOT / "common")
    source = ROOT.joinpath(*package.split("."))
    for path in (path for path in source.rglob("*.*") if path.suffix in (".py", ".js")):
        copy = place / NAME / path.relative_to(source)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(re.sub(rf"\b{re.escape(package)}\b", NAME, path.read_text()))


@pytest.mark.parametrize(
    ("package", "model", "product"),
    [("tests.toy", toy, "video.mp4"), ("tests.kinds.text", text, "text.txt")],
    ids=["a model", "a kind with its model"],
)
def test_a_service_is_one_folder_wherever_it_lies(
    fleet: Fleet, tmp_path: Path, package: str, model: ModuleType, product: str
) -> None:
    place = tmp_path / "elsewhere"
    place.mkdir()
    moved(package, place)
    left = "".join(path.read_text() for path in (place / NAME).rglob("*.py"))
    assert "tests." not in left, "it needs nothing of the tree but common"
    service = fleet.prepare(module=f"{NAME}.app", model=model.SPEC.id, pythonpath=place)
    model.make_checkpoint(service.models)
    job = service.by_exec().start().finish(prompt="Elsewhere")
    answer = service.client.get(job["links"]["download"])
    [folder] = service.videos(job["id"])
    assert answer.content == (folder / product).read_bytes()
    assert service.client.get("/ui/kind/kind.js").status_code == 200
    worker = psutil.Process(service.worker_pid())
    assert f"{NAME}.model_config:SPEC" in worker.cmdline()

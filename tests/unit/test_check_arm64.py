"""``check_arm64`` with the real uv and an index of one name in a folder."""

import shutil
import sys
import zipfile
from pathlib import Path

import pytest

from scripts.check_arm64 import requirements, without_wheels
from tests.live import ROOT

WHEELS = {
    "1.0": ("cp312-cp312-manylinux_2_28_x86_64", "cp312-cp312-manylinux_2_28_aarch64"),
    "2.0": ("cp312-cp312-manylinux_2_28_x86_64",),
    "3.0": ("cp313-cp313-manylinux_2_28_aarch64",),
    "5.0": ("cp39-abi3-manylinux_2_17_aarch64.manylinux2014_aarch64",),
    "6.0": ("py3-none-any",),
    "7.0": ("cp312-cp312-manylinux_2_99_aarch64",),
}

pytestmark = pytest.mark.skipif(
    not (Path(sys.executable).with_name("uv").is_file() or shutil.which("uv")),
    reason="needs uv (make setup brings it)",
)


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for version, tags in WHEELS.items():
        for tag in tags:
            _make_wheel(tmp_path, version, tag)
    (tmp_path / "both-4.0.tar.gz").write_bytes(b"only a source")
    monkeypatch.setenv("UV_NO_INDEX", "1")
    monkeypatch.setenv("UV_FIND_LINKS", str(tmp_path))
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache"))


def _make_wheel(folder: Path, version: str, tag: str) -> None:
    info = f"both-{version}.dist-info"
    with zipfile.ZipFile(folder / f"both-{version}-{tag}.whl", "w") as wheel:
        wheel.writestr(
            f"{info}/METADATA", f"Metadata-Version: 2.1\nName: both\nVersion: {version}\n"
        )
        wheel.writestr(f"{info}/WHEEL", f"Wheel-Version: 1.0\nTag: {tag}\n")
        wheel.writestr(f"{info}/RECORD", "")


@pytest.mark.usefixtures("index")
@pytest.mark.parametrize("version", ["1.0", "5.0", "6.0"])
def test_a_wheel_for_a_spark(version: str):
    assert without_wheels([f"both=={version}"]) == {}


@pytest.mark.usefixtures("index")
@pytest.mark.parametrize("version", ["2.0", "3.0", "4.0", "7.0", "8.0"])
def test_no_wheel_for_a_spark(version: str):
    """Other processor, other Python, source only, newer glibc, no such version."""
    wanted = f"both=={version}"
    missing = without_wheels([wanted])
    assert missing.keys() == {wanted}
    assert "both" in missing[wanted]


@pytest.mark.usefixtures("index")
def test_one_that_is_missing_is_named_among_others():
    assert without_wheels(["both==1.0", "neither==1.0"]).keys() == {"neither==1.0"}


def test_a_range_cannot_be_checked():
    with pytest.raises(ValueError, match="not pinned"):
        without_wheels(["both>=1.0"])


def test_everything_that_the_images_install_is_asked_for():
    wanted = list(requirements(ROOT))
    assert {"torch==2.13.0", "fastapi==0.165.0", "diffusers==0.42.1"} <= set(wanted)
    assert [line for line in wanted if "==" not in line] == []

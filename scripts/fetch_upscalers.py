"""Fetch Real-ESRGAN's network for photographs: ``python -m scripts.fetch_upscalers ACTION``.

Its authors publish the files inside of an archive, beside programs that nothing here runs
(xinntao/Real-ESRGAN, release v0.2.5.0). Each comes whole, and checked, or not at all.
"""

import argparse
import hashlib
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from zipfile import BadZipFile, ZipFile

from common.base.settings import load_settings
from common.kinds.video.upscaler import x4plus_weights
from scripts.fetch_file import Refused, fetch
from scripts.services import MODELS

LICENCE = "BSD-3-Clause"


@dataclass(frozen=True)
class Archive:
    """Where it is, and the SHA-256 of it and of those of its ``models/`` that are wanted."""

    url: str
    sha256: str
    files: Mapping[str, str]


X4PLUS = Archive(
    url="https://github.com/xinntao/Real-ESRGAN/releases/download/v0.2.5.0/"
    "realesrgan-ncnn-vulkan-20220424-ubuntu.zip",
    sha256="e5aa6eb131234b87c0c51f82b89390f5e3e642b7b70f2b9bbe95b6a285a40c96",
    files={
        "realesrgan-x4plus.param": (
            "35330ececcea33b6c397a72548e788d5d53becee4734c50b7fada36e89f10a86"
        ),
        "realesrgan-x4plus.bin": "713ee713b0353afaa27976f0563a64a5043bd70b9bd8936c2e26e25ebcdbcddf",
    },
)


def main(arguments: Sequence[str] | None = None) -> None:
    """Fetch it where it is not there; ``list`` and ``verify`` only say whether it is."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("action", choices=["fetch", "list", "verify"])
    action = parser.parse_args(arguments).action
    folder = x4plus_weights(load_settings(MODELS[0]).models_dir).parent
    lacking = missing(folder, X4PLUS)
    if action == "fetch" and lacking:
        try:
            unpack(folder, X4PLUS)
        except Refused as exc:
            sys.exit(str(exc))
        lacking = []
    print(
        f"realesrgan-x4plus ({LICENCE}, 47 MB to fetch, 34 MB to keep): {_state(folder, lacking)}"
    )
    if action == "verify" and lacking:
        sys.exit("  fix: run scripts/download_models.sh upscalers.")


def _state(folder: Path, lacking: Sequence[str]) -> str:
    return f"{', '.join(lacking)} missing or damaged in {folder}" if lacking else f"in {folder}"


def missing(folder: Path, archive: Archive) -> list[str]:
    """Names of the files that are not there, or not what was published."""
    return [
        name
        for name, sha256 in archive.files.items()
        if not (path := folder / name).is_file() or _sha256(path.read_bytes()) != sha256
    ]


def unpack(folder: Path, archive: Archive) -> None:
    """Bring the files of ``archive`` to ``folder``.

    Raises:
        Refused: it cannot be had, or is not what was meant.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=folder) as drafts:
        packed = Path(drafts) / "archive.zip"
        fetch(archive.url, archive.sha256, packed)
        for name, sha256 in archive.files.items():
            draft = Path(drafts) / name
            draft.write_bytes(_read(packed, f"models/{name}", sha256))
            draft.replace(folder / name)


def _read(packed: Path, member: str, sha256: str) -> bytes:
    try:
        with ZipFile(packed) as opened:
            content = opened.read(member)
    except (BadZipFile, KeyError) as exc:
        raise Refused(f"{member} is not in the archive.") from exc
    if _sha256(content) != sha256:
        raise Refused(f"{member} of the archive is another file than the one that was checked.")
    return content


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


if __name__ == "__main__":
    main()

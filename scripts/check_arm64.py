"""Do all requirements have wheels for a DGX Spark (aarch64, Python 3.12)? Index queries only.

``python -m scripts.check_arm64``. Every pinned requirement of every image: one of which the package
index has no wheel would have to be compiled while the image is built. Only the index's pages and
the wheels' metadata are read. Exit status: 0 all have one, 1 some have not.
"""

import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PYTHON = "3.12"
PLATFORM = "aarch64-manylinux_2_39"
"""Ubuntu 24.04 on a Spark: glibc 2.39."""


def main() -> int:
    """Ask for all; name those that are missing, and why."""
    wanted = sorted(set(requirements(ROOT)), key=str.lower)
    missing = without_wheels(wanted)
    print(f"{len(wanted)} requirements, {len(missing)} without a wheel for aarch64 and {PYTHON}")
    for requirement, reason in missing.items():
        print(f"  {requirement}: {reason}")
    return 1 if missing else 0


def requirements(root: Path) -> Iterator[str]:
    """All requirements of the images: the project's, the models', and all below them."""
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    yield from project["dependencies"]
    for file in (*sorted(root.glob("*/requirements.txt")), root / "constraints.txt"):
        yield from _lines(file.read_text().splitlines())


def _lines(lines: Iterable[str]) -> Iterator[str]:
    for line in lines:
        if requirement := line.partition("#")[0].strip():
            yield requirement


def without_wheels(wanted: Sequence[str]) -> dict[str, str]:
    """What has no wheel, and the reason. All are asked for at once; one by one only if that fails.

    Raises:
        ValueError: a requirement is not pinned to one version.
    """
    if ranges := [requirement for requirement in wanted if "==" not in requirement]:
        raise ValueError(f"not pinned to one version: {', '.join(ranges)}")
    if not _reason(wanted):
        return {}
    reasons = {requirement: _reason([requirement]) for requirement in wanted}
    return {requirement: reason for requirement, reason in reasons.items() if reason}


def _reason(wanted: Sequence[str]) -> str:
    """Why uv cannot take these as wheels; nothing if it can. What they depend on is not looked at.

    Torch's CUDA libraries are such: they are gigabytes, and follow from its own pin.
    """
    command = [_uv(), "pip", "compile", "-", "--no-deps", "--quiet", "--no-header"]
    command += [f"--python-platform={PLATFORM}", f"--python-version={PYTHON}"]
    # This Python only runs uv: what is asked for is the other one's.
    command += ["--only-binary=:all:", "--no-python-downloads", f"--python={sys.executable}"]
    done = subprocess.run(
        command, input="\n".join(wanted), capture_output=True, text=True, check=False
    )
    return "" if done.returncode == 0 else " ".join(done.stderr.split()) or "uv says no reason"


def _uv() -> str:
    """The program beside this Python, else the PATH's."""
    beside = Path(sys.executable).with_name("uv")
    found = str(beside) if beside.is_file() else shutil.which("uv")
    if found is None:
        sys.exit("uv is not installed. Run: make setup")
    return found


if __name__ == "__main__":
    sys.exit(main())

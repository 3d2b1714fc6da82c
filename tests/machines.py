"""Machines as a shell script sees them: a PATH of a few real programs and of made-up ones.

The made-up ones stand at the process boundary, where docker, the driver or the hub would answer.
"""

import shutil
import subprocess
from pathlib import Path

from tests.live import ROOT

COREUTILS = (
    *("cat", "chmod", "cut", "date", "df", "dirname", "du", "env", "id", "mkdir", "mktemp", "mv"),
    *("numfmt", "rm", "sha256sum", "sort", "stat", "tail", "tee", "touch", "tr", "uname"),
)


class Machine:
    """A folder to be the whole PATH, and the settings of the environment."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.bin = folder / "bin"
        self.bin.mkdir(parents=True)
        self.settings: dict[str, str] = {"HOME": str(folder)}
        for name in COREUTILS:
            self.real(name)

    def real(self, name: str, path: str | Path | None = None) -> None:
        """A program of this machine."""
        found = path or shutil.which(name)
        assert found, f"{name} is not here"
        (self.bin / name).symlink_to(found)

    def fake(self, name: str, script: str) -> None:
        """A bash script that stands in for a program."""
        program = self.bin / name
        program.unlink(missing_ok=True)
        program.write_text(f"#!{shutil.which('bash')}\n{script}\n")
        program.chmod(0o755)

    def run(
        self, script: str, *arguments: str, stdin: str = ""
    ) -> "subprocess.CompletedProcess[str]":
        """Run a script of ``scripts/`` there, without a terminal."""
        return subprocess.run(
            [shutil.which("bash") or "bash", str(ROOT / "scripts" / script), *arguments],
            env={"PATH": str(self.bin), **self.settings},
            cwd=self.folder,
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

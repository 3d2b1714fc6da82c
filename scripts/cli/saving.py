"""Writing a video to where it was asked for: whole, or not at all."""

import os
import re
from pathlib import Path

import httpx

from scripts.cli.client import Client
from scripts.cli.errors import FAILED, WRONG, CliError


def save(client: Client, job_id: str, output: Path | None, *, force: bool) -> Path:
    """Download a finished video; into a folder, or where no name is given, under its own name.

    Raises:
        CliError: there is no video, the file is there already, or it cannot be written.
    """
    with client.video(job_id) as answer:
        path = _place(output, answer, job_id)
        if path.exists() and not force:
            raise CliError(
                f"{path} is there already.",
                status=WRONG,
                param="--output",
                hint="Give another name, or --force.",
            )
        try:
            _write(path, answer)
        except OSError as exc:
            raise CliError(
                f"{path} cannot be written: {exc.strerror}.", status=FAILED, param="--output"
            ) from exc
    return path


def _place(output: Path | None, answer: httpx.Response, job_id: str) -> Path:
    if output is not None and not output.is_dir():
        return output
    header = answer.headers.get("content-disposition", "")
    named = re.search(r'filename="([\w.-]+)"', header)
    # Only the last part of a name: a service says what the file is called, not where it goes.
    name = Path(named[1]).name if named else f"{job_id}.mp4"
    return (output or Path()) / name


def _write(path: Path, answer: httpx.Response) -> None:
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as file:
            for chunk in answer.iter_bytes():
                file.write(chunk)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)

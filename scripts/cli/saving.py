"""Writing a video to where it was asked for: whole, or not at all."""

import os
import re
import sys
import unicodedata
from pathlib import Path
from tempfile import TemporaryFile
from urllib.parse import unquote

import httpx

from scripts.cli.client import Client
from scripts.cli.errors import FAILED, WRONG, CliError

STDOUT = "-"
"""As a place: standard output."""
_REAL = re.compile(r"filename\*=utf-8''([\w.%~!#$&+^`|-]+)", re.IGNORECASE | re.ASCII)
"""https://www.rfc-editor.org/rfc/rfc8187#section-3.2.1"""
_PLAIN = re.compile(r'filename="([^"\\]+)"')


def check_place(output: str | None, *, force: bool, as_json: bool = False) -> None:
    """Refuse a place before a video is made for it, rather than after.

    Raises:
        CliError: a file is there already, it cannot be written there, or standard output is for
            something else.
    """
    if output == STDOUT:
        _check_stdout(force=force, as_json=as_json)
    elif output is not None:
        _check_writable(Path(output) if _is_folder(output) else Path(output).parent)
        if not _is_folder(output):
            _check_free(Path(output), force=force)


def save(client: Client, job_id: str, output: str | None, *, force: bool) -> Path | None:
    """Download a finished video; into a folder, or where no name is given, under its own name.

    Answers where it is; None on standard output.

    Raises:
        CliError: there is no video, the file is there already, or it cannot be written.
    """
    with client.video(job_id) as answer:
        if output == STDOUT:
            _pour(answer)
            return None
        path = _place(output, answer, job_id)
        _check_free(path, force=force)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            _write(path, answer)
        except OSError as exc:
            raise CliError(
                f"{path} cannot be written: {exc.strerror}.", status=FAILED, param="--output"
            ) from exc
    return path


def _is_folder(output: str) -> bool:
    """It is one, or is written as one: the slash at its end asks for it."""
    return output.endswith(("/", os.sep)) or os.path.isdir(output)  # noqa: PTH112  # Path's may raise


def _check_writable(folder: Path) -> None:
    """A folder that is not there is made later, in the nearest one that is."""
    there = next(one for one in (folder, *folder.parents) if os.path.lexists(one))
    try:
        with TemporaryFile(dir=there):
            pass
    except OSError as exc:
        raise CliError(
            f"{there} cannot be written to: {exc.strerror}.",
            status=WRONG,
            param="--output",
            hint="Give a place in a folder of your own.",
        ) from exc


def _check_free(path: Path, *, force: bool) -> None:
    if os.path.lexists(path) and not force:
        raise CliError(
            f"{path} is there already.",
            status=WRONG,
            param="--output",
            hint="Give another name, or --force.",
        )


def _check_stdout(*, force: bool, as_json: bool) -> None:
    if as_json:
        raise CliError(
            "--json and a video cannot both go to standard output.",
            status=WRONG,
            param="--output",
            hint="Leave --json out, or write the video to a file.",
        )
    if sys.stdout.isatty() and not force:
        raise CliError(
            "A video is nothing for a terminal.",
            status=WRONG,
            param="--output",
            hint="Send it on, as in `... -o - | ffplay -`, or give --force.",
        )


def _place(output: str | None, answer: httpx.Response, job_id: str) -> Path:
    if output is not None and not _is_folder(output):
        return Path(output)
    name = name_in(answer.headers.get("content-disposition", "")) or f"{job_id}.mp4"
    return Path(output or "") / name


def name_in(header: str) -> str | None:
    """The file name that a service gives, where it is no more than that.

    It says what the file is called, not where it goes, nor what a terminal does.
    """
    real, plain = _REAL.search(header), _PLAIN.search(header)
    for name in (real and unquote(real[1]), plain and plain[1]):
        if name and not name.startswith(".") and all(map(_harmless, name)):
            return name
    return None


def _harmless(letter: str) -> bool:
    return letter in "._-" or unicodedata.category(letter)[0] in "LMN"


def _write(path: Path, answer: httpx.Response) -> None:
    part = path.with_name(f".{path.name[:40]}.{os.getpid()}.part")
    try:
        with part.open("wb") as file:
            for chunk in answer.iter_bytes():
                file.write(chunk)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _pour(answer: httpx.Response) -> None:
    for chunk in answer.iter_bytes():
        sys.stdout.buffer.write(chunk)
    sys.stdout.buffer.flush()

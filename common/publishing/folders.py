"""Folders of finished work by their names: ``<job id>-<token>``, each 32 hexadecimal digits."""

import contextlib
import os
import re
from collections.abc import Iterator
from pathlib import Path

ID = re.compile(r"[0-9a-f]{32}")
FOLDER = re.compile(r"([0-9a-f]{32})-([0-9a-f]{32})")


def folder_name(job_id: str, token: str) -> str:
    """The folder of one attempt. Raises ValueError: something is no id or no token."""
    name = f"{job_id}-{token}"
    if not (ID.fullmatch(job_id) and ID.fullmatch(token)):
        raise ValueError("a job id and a token are 32 hexadecimal digits each")
    return name


def job_of(name: str) -> str:
    """The id of the job whose published or unfinished folder has this name."""
    return name.partition("-")[0]


def names_in(folder: Path) -> Iterator[str]:
    """What is in a folder, as it is read; nothing where there is none."""
    with contextlib.suppress(FileNotFoundError), os.scandir(folder) as entries:
        for entry in entries:
            yield entry.name


def modified(folder: Path) -> int:
    """When its content last changed, in nanoseconds since the epoch; 0 where it has gone."""
    with contextlib.suppress(FileNotFoundError):
        return folder.stat().st_mtime_ns
    return 0

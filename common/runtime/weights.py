"""What a checkpoint on disk is called, what its configurations say, and what is told of a bad one.

No torch here.
"""

import json
from pathlib import Path
from typing import Any

from common.base.errors import CheckpointError
from common.contract.hub import OTHER_CHECKPOINT, download_command


def checkpoint_name(checkpoint: Path) -> str:
    """The hub id of a snapshot in a hub cache (``models--org--name/snapshots/<revision>``).

    So it is for a folder below one. Any other folder is called by its own name. Good for
    messages: it holds no path.
    """
    for folder in (checkpoint, *checkpoint.parents):
        repository = folder.parent.parent.name
        if folder.parent.name == "snapshots" and repository.startswith("models--"):
            return "/".join(repository.split("--")[1:])
    return checkpoint.name


def download_hint(checkpoint: Path) -> str:
    """What to run where files are missing; what is there is not fetched twice."""
    return f"Run: {download_command(checkpoint_name(checkpoint))}"


def repair_hint(checkpoint: Path) -> str:
    """What to do where a file is there but bad: a download leaves alone what it finds."""
    command = download_command(checkpoint_name(checkpoint))
    return f"Delete the file, and the one that it links to; then run: {command}"


def missing(checkpoint: Path, reason: str) -> CheckpointError:
    """The error for files that are not there; ``reason`` names them, never a path."""
    message = f"checkpoint {checkpoint_name(checkpoint)} is incomplete: {reason}."
    return CheckpointError(message, hint=download_hint(checkpoint))


def damaged(checkpoint: Path, reason: str) -> CheckpointError:
    """The error for a file that is there and cannot be read; ``reason`` names it."""
    message = f"checkpoint {checkpoint_name(checkpoint)} is damaged: {reason}."
    return CheckpointError(message, hint=repair_hint(checkpoint))


def refused(checkpoint: Path, reason: str) -> CheckpointError:
    """The error for good files that are not this model's: fetching them again cannot help."""
    message = f"checkpoint {checkpoint_name(checkpoint)} does not fit: {reason}."
    return CheckpointError(message, hint=OTHER_CHECKPOINT)


def read_config(checkpoint: Path, component: str) -> dict[str, Any]:
    """The ``config.json`` of one component of a checkpoint. Raises CheckpointError."""
    name = f"{component}/config.json"
    try:
        text = (checkpoint / component / "config.json").read_text(encoding="utf-8")
        config: dict[str, Any] = json.loads(text)
    except FileNotFoundError as exc:
        raise missing(checkpoint, f"{name} is missing") from exc
    except (OSError, ValueError) as exc:
        raise damaged(checkpoint, f"{name} cannot be read") from exc
    return config

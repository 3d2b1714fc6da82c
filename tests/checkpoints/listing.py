"""What is known of published repositories: their files, sizes, configurations and tensors.

One JSON file a repository in ``listings/``, of public metadata; no weight was read to make it. Keys
are patterns: ``N`` is a number, ``count`` says how many keys a pattern stands for. ``null`` is not
known. ``CHECKPOINT_LISTINGS`` names another folder with files of the same form.
"""

import json
import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

FOLDER = Path(os.environ.get("CHECKPOINT_LISTINGS", Path(__file__).with_name("listings")))


@dataclass(frozen=True)
class Listing:
    """One repository. ``files`` are sizes in bytes by path; None where they are not known."""

    repository: str
    revision: str | None
    files: dict[str, int | None]
    configs: dict[str, Any]
    weights: dict[str, dict[str, Any]]

    @property
    def index(self) -> dict[str, Any]:
        """``model_index.json``."""
        index: dict[str, Any] = self.configs["model_index.json"]
        return index

    def folder_of(self, name: str) -> str:
        """Where a set of weights lies; of a second set in a folder the name says so behind it."""
        return str(self.weights[name].get("folder") or name.partition(" ")[0])

    def single_file(self, name: str) -> str:
        """The name of a set that is one file."""
        folder = self.folder_of(name)
        if folder.endswith(".safetensors"):
            return folder
        known = [path for path in self.files if path.startswith(f"{folder}/")]
        found = [path for path in known if path.endswith(("model.safetensors",))]
        assert len(found) == 1, (self.repository, name, found)
        return found[0].rpartition("/")[2]


@cache
def listing(repository: str) -> Listing:
    """What is known of a repository, by its hub id."""
    path = FOLDER / f"{repository.replace('/', '__')}.json"
    known = json.loads(path.read_text(encoding="utf-8"))
    assert known["repository"] == repository
    return Listing(
        repository,
        known["revision"],
        {file["path"]: file["bytes"] for file in known["files"]},
        known["configs"],
        known["weights"],
    )

"""The child that finds silence for a dry run, exactly as the worker will; never imported.

Run by ``studio.operations.edit.foreseeing`` in its bounds: ``FOLDER FFMPEG``, with the plan and the
files on standard input. Writes the plan that is left, or why none is.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any

from common.base.errors import Unresolvable
from common.media.codecs import EncoderSettings
from studio.operations.edit.plan import EditPlan
from studio.operations.edit.silence import without_silence
from studio.rendering.tools import Tools
from studio.sources import Facts


def main(asked: dict[str, Any], folder: Path) -> dict[str, Any]:
    """As JSON."""
    tools = Tools(
        job_id="",
        folder=folder,
        files={name: Path(path) for name, path in asked["files"].items()},
        found={name: Facts.model_validate(facts) for name, facts in asked["found"].items()},
        encoder=EncoderSettings(),
        look=lambda: None,
        progress=lambda *_: None,
    )
    try:
        left = without_silence(EditPlan.model_validate(asked["plan"]), tools)
    except Unresolvable as exc:
        return {"refused": exc.body.model_dump(mode="json")}
    return {"plan": left.model_dump(mode="json")}


if __name__ == "__main__":
    os.environ["IMAGEIO_FFMPEG_EXE"] = sys.argv[2]
    print(json.dumps(main(json.load(sys.stdin), Path(sys.argv[1]))))  # noqa: T201

"""Silence, found before a film is made: for a dry run, in a child that may take little."""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO

from imageio_ffmpeg import get_ffmpeg_exe

from common.base.bounded_child import Bounds, Ended, module_command, run_bounded
from common.base.errors import Unresolvable
from common.base.logs import get_logger
from studio.operations.edit.graph import branches
from studio.operations.edit.plan import EditPlan
from studio.rendering.ffmpeg import ADDRESS_BYTES
from studio.sources import Found
from studio.tasks import PlanAhead

log = get_logger("studio")

MOST_SECONDS = 600.0
"""Of sound: ten minutes are heard within seconds."""
_SECONDS, _CPU_SECONDS = 30.0, 60
_FILE_BYTES = 32 * 1024**2
"""Of the sound, 16 kHz in 16 bits: ten minutes are 19 MB."""
_CHILD = "studio.operations.edit.hearing"
_LONG = f"Silence is found when the film is made: more than {MOST_SECONDS:g} s are to be heard."
_NOT_HEARD = "Silence is found when the film is made: a dry run could not hear it in its bounds."


def foresee(plan: EditPlan, files: Mapping[str, BinaryIO | Path], found: Found) -> PlanAhead:
    """The plan with what is heard only, or why not. Blocks for as long as it may take.

    Raises:
        Unresolvable: nothing would be left.
        FileNotFoundError: the file of a finished job has gone.
        Stopping, NoThreads: it was not heard.
    """
    heard = [branch for branch in branches(plan, found) if branch.heard]
    if sum(float(branch.last / plan.rate) for branch in heard) > MOST_SECONDS:
        return PlanAhead(plan, (_LONG,))
    needed = {branch.take.source for branch in heard}
    with _opened({name: files[name] for name in needed}) as descriptors:
        return _told(plan, _heard(plan, descriptors, found))


def _heard(plan: EditPlan, descriptors: Mapping[str, int], found: Found) -> Ended:
    bounds = Bounds(_SECONDS, _CPU_SECONDS, ADDRESS_BYTES, _FILE_BYTES)
    with TemporaryDirectory(prefix="heard-") as folder:
        asked = Path(folder) / "asked.json"
        asked.write_text(_asked(plan, descriptors, found))
        with asked.open("rb") as file:
            return run_bounded(
                module_command(_CHILD, folder, get_ffmpeg_exe()),
                stdin=file.fileno(),
                bounds=bounds,
                pass_fds=tuple(descriptors.values()),
            )


def _asked(plan: EditPlan, descriptors: Mapping[str, int], found: Found) -> str:
    facts = {name: one.model_dump(mode="json") for name, one in found.items()}
    files = {name: f"/proc/self/fd/{number}" for name, number in descriptors.items()}
    return json.dumps({"plan": plan.model_dump(mode="json"), "found": facts, "files": files})


def _told(plan: EditPlan, ended: Ended) -> PlanAhead:
    if ended.status != 0:
        log.info("silence was not foreseen", extra={"ending": ended.ending, "words": ended.words})
        return PlanAhead(plan, (_NOT_HEARD,))
    said = json.loads(ended.output)
    if refused := said.get("refused"):
        raise Unresolvable(refused["message"], param=refused["param"], hint=refused["hint"])
    return PlanAhead(EditPlan.model_validate(said["plan"]))


@contextmanager
def _opened(files: Mapping[str, BinaryIO | Path]) -> Iterator[dict[str, int]]:
    """Descriptors of them all: paths are opened here, what was sent is open."""
    with ExitStack() as stack:
        descriptors = dict[str, int]()
        for name, file in files.items():
            if isinstance(file, Path):
                descriptors[name] = os.open(file, os.O_RDONLY)
                stack.callback(os.close, descriptors[name])
            else:
                file.flush()
                descriptors[name] = file.fileno()
        yield descriptors

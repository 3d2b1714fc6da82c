"""``POST /upload``: a file of one's own as a finished job, for steps and requests to name."""

from collections.abc import Mapping
from typing import Literal

from pydantic import Field

from common.base.disk import disk_named
from common.base.errors import InvalidRequest, Unresolvable
from studio.files import kept_name
from studio.rendering.tools import Tools
from studio.sources import CAPTIONS, MOVING, SHOWN, SOUNDING, Found, Source, Wanted
from studio.tasks import Made, Operation, Plan, Planned, Task

_AT_ONCE = 4 * 1024**2
"""Bytes; between them it is looked whether somebody cancels."""


class Upload(Task):
    """One file."""

    operation: Literal["upload"] = "upload"
    video: Source | None = Field(None, description="Upload it; or an address.")
    audio: Source | None = Field(None, description="Likewise, in place of `video`.")
    captions: Source | None = Field(None, description="Likewise.")
    overlay: Source | None = Field(None, description="Likewise: a picture.")

    @property
    def wanted(self) -> Mapping[str, Wanted]:
        return {
            "video": Wanted(MOVING, self.video, needed=False),
            "audio": Wanted(SOUNDING, self.audio, needed=False),
            "captions": Wanted(CAPTIONS, self.captions, needed=False),
            "overlay": Wanted(SHOWN, self.overlay, needed=False),
        }


class UploadPlan(Plan):
    """Which file is kept, and how it is called."""

    operation: Literal["upload"] = "upload"
    name: str = "video"
    file: str = kept_name("mp4")


def resolve(_task: Upload, found: Found) -> Planned:
    """Raises InvalidRequest, Unresolvable."""
    if not found:
        raise InvalidRequest(
            "video is missing.",
            param="video",
            hint="Send a file as video, audio, captions or overlay (a picture) in a form.",
        )
    (name, facts), *others = found.items()
    if others:
        raise Unresolvable(
            f"{name} and {others[0][0]} are both given.",
            param=others[0][0],
            hint="Send each by itself: each is a job.",
        )
    size = {"seconds": facts.seconds, "width": facts.width, "height": facts.height}
    kept = UploadPlan(**size, fps=facts.fps, name=name, file=kept_name(facts.format))
    return Planned(kept)


def make(plan: UploadPlan, _heard: None, tools: Tools) -> Made:
    """The file as it came, byte by byte. Raises StorageFull, and what ``tools.look`` raises."""
    source, target = tools.files[plan.name], tools.folder / plan.file
    with disk_named(), source.open("rb") as read, target.open("wb") as written:
        while piece := read.read(_AT_ONCE):
            tools.look()
            written.write(piece)
    return Made(plan.file, {"format": tools.found[plan.name].said})


UPLOAD = Operation(
    path="/upload",
    summary="Keep a file of your own, for other jobs to name",
    description='As it is, byte by byte: pipelines and requests name it as `{"job": id}`.',
    task=Upload,
    plan=UploadPlan,
    resolve=resolve,
    make=make,
)

"""What the cutting room takes in: it looks at the files of a request, and plans."""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from pathlib import Path
from secrets import token_hex
from typing import ClassVar

from common.base.errors import FileGone, InvalidRequest
from common.base.settings import Settings
from common.contract import Resolution, Upload
from common.contract.work import Finished, Foreseen, Medias, SentFile
from common.media.inputs import decode_base64_image
from studio.bounds import Bounds
from studio.files import WORDS
from studio.frames import Frames, is_video
from studio.looking import look_at
from studio.naming import name_of
from studio.objects import check_source
from studio.operations import operation_of
from studio.operations.edit.task import Edit
from studio.operations.edit.templates.folder import PACKAGED, EditTemplates
from studio.operations.film.asked import picture_name
from studio.pictures import PackedPicture, look_at_picture, packed_pictures
from studio.requests import Input, ResolvedStudio, StudioRequest
from studio.sources import ARCHIVES, CAPTIONS, SHOWN, Facts, JobFile, Wanted, inline_of
from studio.variants import StudioVariant

Look = Callable[[], Upload]
LOOKS_AT_ONCE = 4
"""Of one request: a film may have hundreds of pictures."""


@dataclass(frozen=True)
class Seen:
    """A file that was looked at."""

    told_apart: ClassVar[bool] = True
    field: str
    name: str
    """Of the stored file."""
    facts: Facts


@dataclass(frozen=True)
class StudioIntake:
    """With one checkpoint, under one operator's settings."""

    bounds: Bounds
    variant: StudioVariant
    settings: Settings
    templates: EditTemplates

    @classmethod
    def of(cls, variant: StudioVariant, settings: Settings) -> "StudioIntake":
        """With the templates that the operator has, or ours."""
        bounds = Bounds.of(settings, variant.limits.max_seconds)
        templates = EditTemplates(settings.edit_templates_dir or PACKAGED)
        return cls(bounds, variant, settings, templates)

    def look(
        self,
        request: StudioRequest | None,
        files: Mapping[str, SentFile],
        job_id: str,
        finished: Mapping[str, Finished],
    ) -> Callable[[], tuple[Upload, ...]] | None:
        """How to look at what was sent; None where nothing was."""
        if request is None:
            raise InvalidRequest(
                "Operations share no files.", param="requests", hint="Send each by itself."
            )
        wanted = request.task.wanted
        _check_names(wanted, files)
        frames = Frames(self.bounds)
        looks = [
            partial(self._looks, name, one, files.get(name), finished.get(name), frames, job_id)
            for name, one in wanted.items()
            if name in files or name in finished or inline_of(one.source) is not None
        ]
        return partial(_all_of, looks) if looks else None

    async def resolve(self, request: StudioRequest, uploads: Medias) -> Resolution:
        """What is made. Raises InvalidRequest, Unresolvable."""
        task = request.task
        if isinstance(task, Edit):
            task = await asyncio.to_thread(self.templates.filled, task)
        task.check(self.variant)
        wanted = task.wanted
        seen = {one.field: one for one in uploads}
        inputs = tuple(
            one
            for name in dict.fromkeys([*wanted, *seen])  # an archive's pictures are not named
            if (one := self._input(name, wanted.get(name), seen)) is not None
        )
        named, changes = name_of(request, has_bucket=self.settings.s3_bucket is not None)
        resolved = ResolvedStudio(task=task, inputs=inputs, named=named)
        if any(one.facts is None for one in inputs):  # planned once they are here
            return Resolution(resolved, changes)
        found = {one.name: one.facts for one in inputs if one.facts}
        planned = await asyncio.to_thread(operation_of(task).resolve, task, found)
        resolved = resolved.model_copy(update={"plan": planned.plan})
        foresee = partial(_foreseen, resolved) if planned.plan.unseen else None
        return Resolution(resolved, (*changes, *planned.adjustments), foresee)

    def _input(self, name: str, wanted: Wanted | None, seen: Mapping[str, Seen]) -> Input | None:
        if name in seen:
            return Input(name=name, file=Path(seen[name].name), facts=seen[name].facts)
        if wanted is not None and isinstance(wanted.source, str):
            with named(name):
                check_source(wanted.source, self.settings)
            stored = Path(f"{token_hex(16)}.{name}.fetched")
            return Input(name=name, file=stored, address=wanted.source)
        if wanted is not None and wanted.needed:
            raise _missing(name)
        return None

    def _looks(
        self,
        name: str,
        wanted: Wanted,
        sent: SentFile | None,
        finished: Finished | None,
        frames: Frames,
        job_id: str,
    ) -> list[Look]:
        """How to look at what came as ``name``: at several where that is an archive."""
        if wanted.forms == ARCHIVES and sent is not None:
            pictures = packed_pictures(sent.file, self.bounds)
            names = map(picture_name, range(len(pictures)))
            pairs = zip(names, pictures, strict=False)
            return [partial(self._packed, each, picture, job_id) for each, picture in pairs]
        if wanted.forms == SHOWN and sent is None and finished is None:
            return [partial(self._picture, name, wanted, job_id)]
        if wanted.forms == SHOWN and finished is not None and is_video(finished):
            return [partial(self._frame, name, wanted, finished, frames, job_id)]
        return [partial(self._look, name, wanted, sent, finished, job_id)]

    def _packed(self, name: str, picture: PackedPicture, job_id: str) -> Upload:
        file, facts = picture.looked_at(self.bounds)
        return Upload(file, self._seen(name, job_id, facts), None)

    def _picture(self, name: str, wanted: Wanted, job_id: str) -> Upload:
        with named(name):
            data = decode_base64_image(inline_of(wanted.source) or "")
            facts = look_at_picture(data, self.bounds)
        return Upload(BytesIO(data), self._seen(name, job_id, facts), None)

    def _frame(
        self, name: str, wanted: Wanted, finished: Finished, frames: Frames, job_id: str
    ) -> Upload:
        assert isinstance(wanted.source, JobFile)  # noqa: S101  # or it would not be finished
        with named(name):
            file, facts = frames.picture(finished, wanted.source)
        return Upload(file, self._seen(name, job_id, facts), None)

    def _look(
        self,
        name: str,
        wanted: Wanted,
        sent: SentFile | None,
        finished: Finished | None,
        job_id: str,
    ) -> Upload:
        with named(name):
            if finished is None:
                assert sent is not None  # noqa: S101  # one of the two is there
                facts = look_at(sent.file, wanted.forms, self.bounds)
                return Upload(sent.file, self._seen(name, job_id, facts), facts.said)
            try:
                path = _best_of(finished, wanted)
                with path.open("rb") as file:
                    facts = look_at(file, wanted.forms, self.bounds)
            except FileNotFoundError as exc:
                raise _gone() from exc
            return Upload(path, self._seen(name, job_id, facts), None)

    def _seen(self, name: str, job_id: str, facts: Facts) -> Seen:
        return Seen(name, f"{job_id}.{name}.{facts.format}", facts)


def _foreseen(resolved: ResolvedStudio, uploads: Sequence[Upload]) -> Foreseen:
    """For a dry run."""
    plan, operation = resolved.plan, operation_of(resolved.task)
    if plan is None or operation.foresee is None:
        return Foreseen(resolved)
    files = {upload.media.field: upload.file for upload in uploads}
    try:
        seen = operation.foresee(plan, files, resolved.found)
    except FileNotFoundError as exc:
        raise _gone() from exc
    return Foreseen(resolved.model_copy(update={"plan": seen.plan}), seen.notes)


def _gone() -> FileGone:
    return FileGone("Its file is no longer on disk.", hint="Make it again.")


def _best_of(finished: Finished, wanted: Wanted) -> Path:
    """Of a transcript, the file that knows the time of each word."""
    words = finished.path.with_name(WORDS.name)
    return words if wanted.forms == CAPTIONS and words.is_file() else finished.path


def _all_of(finds: Sequence[Callable[[], list[Look]]]) -> tuple[Upload, ...]:
    """Some at once: each is a child process that reads one file."""
    looks = [look for find in finds for look in find()]
    if len(looks) == 1:
        return (looks[0](),)
    with ThreadPoolExecutor(LOOKS_AT_ONCE, "look") as pool:
        return tuple(pool.map(lambda look: look(), looks))


def _check_names(wanted: Mapping[str, Wanted], files: Mapping[str, SentFile]) -> None:
    for name in files:
        if name not in wanted:
            raise InvalidRequest(
                f"{name}: this operation takes no such file.",
                param=name,
                hint=f"It takes {' and '.join(wanted)}.",
            )
        if wanted[name].source is not None:
            raise InvalidRequest(
                f"{name} was sent, and named as well.", param=name, hint="Do one of both."
            )


def _missing(name: str) -> InvalidRequest:
    return InvalidRequest(
        f"{name} is missing.",
        param=name,
        hint=f'Send the file as the multipart field {name}, or name a job: {{"job": "..."}}.',
    )


@contextmanager
def named(field: str) -> Iterator[None]:
    """What is wrong with a file is said of the field that it came in."""
    try:
        yield
    except (InvalidRequest, FileGone) as exc:
        said = {"param": field, "message": f"{field}: {exc.body.message}"}
        exc.body = exc.body.model_copy(update=said)
        raise

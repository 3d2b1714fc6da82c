"""What the trainer takes in: it looks at every clip of the archive, and resolves."""

import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

from pydantic import ValidationError

from common.base.errors import InvalidRequest, Unresolvable
from common.base.settings import MIB, Settings
from common.contract import ModelOptions, Resolution, Upload
from common.contract.words_of_errors import first_of, path_of, words_of
from common.contract.work import Finished, Medias, SentFile
from common.media.clip import VideoInput
from common.media.inputs import inspect_image
from common.media.videos import VideoLimits, inspect_video
from trainer.archive import Archive, Clip, refused
from trainer.requests import ResolvedTraining, TrainRequest
from trainer.variants import TrainingVariant

SEED_RANGE = 2**32


@dataclass(frozen=True)
class Shown:
    """A clip that was looked at: its size in pixels, and its frames at the checkpoint's rate."""

    name: str
    width: int
    height: int
    num_frames: int


@dataclass(frozen=True)
class Clips:
    """What is known of the archive before the job."""

    field: ClassVar[str] = "clips"
    told_apart: ClassVar[bool] = False
    name: str
    number: int
    width: int
    height: int
    num_frames: int
    caption: str
    """Of the first clip."""


@dataclass(frozen=True)
class TrainingIntake:
    """For one checkpoint, under one operator's settings."""

    options: type[ModelOptions]
    variant: TrainingVariant
    settings: Settings

    def look(
        self,
        _request: TrainRequest | None,
        files: Mapping[str, SentFile],
        job_id: str,
        _finished: Mapping[str, Finished],
    ) -> Callable[[], tuple[Upload, ...]] | None:
        """How to look at the clips; None where there are none."""
        sent = files.get(Clips.field)
        return None if sent is None else partial(self._look, sent, job_id)

    async def resolve(self, request: TrainRequest, uploads: Medias) -> Resolution:
        """What is trained. Raises InvalidRequest, Unresolvable."""
        clips = next(iter(uploads), None)
        if clips is None:
            raise InvalidRequest(
                "clips is missing: a LoRA is learnt from something.",
                param="clips",
                hint="Send multipart/form-data with a ZIP of videos or pictures and captions.",
            )
        defaults, limits = self.variant.defaults, self.variant.limits
        resolved = ResolvedTraining(
            name=request.name,
            rank=_within("rank", request.rank, defaults.rank, limits.max_rank),
            steps=_within("steps", request.steps, defaults.steps, limits.max_steps),
            learning_rate=request.learning_rate or defaults.learning_rate,
            prior_prompts=request.prior_prompts,
            prior_loss_weight=request.prior_loss_weight,
            validation_prompt=request.validation_prompt or clips.caption,
            width=clips.width,
            height=clips.height,
            num_frames=clips.num_frames,
            num_clips=clips.number,
            fps=limits.fps,
            flow_shift=defaults.flow_shift,
            num_inference_steps=request.num_inference_steps or defaults.num_inference_steps,
            guidance_scale=_or(request.guidance_scale, defaults.guidance_scale),
            seed=secrets.randbelow(SEED_RANGE) if request.seed is None else request.seed,
            clips=clips.name,
            options=self._options(request).model_dump(mode="json"),
        )
        return Resolution(resolved, ())

    def _look(self, sent: SentFile, job_id: str) -> tuple[Upload, ...]:
        archive = Archive(sent.file, int(self.settings.max_input_video_mb * MIB))
        clips, most = archive.clips(), self.variant.limits.max_clips
        if len(clips) > most:
            raise refused(f"clips has {len(clips)} clips; {most} are allowed.", "Take the best.")
        shown = [self._shown(archive, clip) for clip in clips]
        self._check_sizes(shown)
        first = shown[0]
        found = Clips(
            name=f"{job_id}.zip",
            number=len(shown),
            width=first.width,
            height=first.height,
            num_frames=max(each.num_frames for each in shown),
            caption=clips[0].caption,
        )
        summary = f"zip of {len(shown)}, {first.width}x{first.height}"
        return (Upload(sent.file, found, summary),)

    def _shown(self, archive: Archive, clip: Clip) -> Shown:
        settings, limits = self.settings, self.variant.limits
        with archive.opened(clip.name) as file, _named(clip.name):
            if not clip.moves:
                image = inspect_image(file, settings.max_image_pixels)
                return Shown(clip.name, image.width, image.height, 1)
            bounds = VideoLimits(settings.max_input_video_pixels, settings.max_input_video_seconds)
            wanted = VideoInput(limits.fps, 1, limits.max_frames, 1)
            video = inspect_video(file.fileno(), bounds, wanted)
            frames = (video.num_frames - 1) // limits.frames_step * limits.frames_step + 1
            return Shown(clip.name, video.width, video.height, frames)

    def _check_sizes(self, shown: list[Shown]) -> None:
        first, limits = shown[0], self.variant.limits
        for each in shown:
            if (each.width, each.height) != (first.width, first.height):
                raise refused(
                    f"clips are of several sizes: {first.name} is {first.width}x{first.height},"
                    f" {each.name} {each.width}x{each.height}.",
                    "Bring all to one size.",
                )
        multiple, sides = limits.size_multiple, (first.width, first.height)
        if any(side % multiple or side < limits.min_side for side in sides):
            raise refused(
                f"clips are {first.width}x{first.height}: sides must be multiples of {multiple},"
                f" and {limits.min_side} at least.",
                f"Scale them, as to {_nearest(sides, multiple, limits.min_side)}.",
            )
        if first.width * first.height > limits.max_pixels:
            raise refused(
                f"clips are {first.width}x{first.height}: more than {limits.max_pixels:,} pixels.",
                "Scale them down.",
            )

    def _options(self, request: TrainRequest) -> ModelOptions:
        try:
            return self.options(**request.options)
        except ValidationError as exc:
            path = f"options.{path_of(first_of(exc))}"
            raise Unresolvable(
                f"{path}: {words_of(first_of(exc))}.", param=path, hint="GET /info lists them."
            ) from exc


@contextmanager
def _named(clip: str) -> Iterator[None]:
    """What is said of a file says which one it is."""
    try:
        yield
    except InvalidRequest as exc:
        raise refused(f"clips: {clip}: {exc.body.message}", exc.body.hint) from exc


def _or(asked: float | None, usual: float) -> float:
    return usual if asked is None else asked


def _within(field: str, asked: int | None, usual: int, most: int) -> int:
    value = usual if asked is None else asked
    if value > most:
        raise Unresolvable(
            f"{field} {value} is out of range: 1 to {most}.", param=field, hint=f"Ask for {most}."
        )
    return value


def _nearest(sides: tuple[int, int], multiple: int, least: int) -> str:
    width, height = (max(least, round(side / multiple) * multiple) for side in sides)
    return f"{width}x{height}"

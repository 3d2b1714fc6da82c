"""What a service of videos takes in: it looks at what a video begins with, and resolves."""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from dataclasses import fields as dataclass_fields
from functools import partial
from io import BytesIO
from typing import BinaryIO

from common.base.errors import InvalidRequest, Unresolvable
from common.base.settings import MIB, Settings
from common.contract import Resolution, Upload
from common.contract.work import Finished, Medias, SentFile
from common.kinds.video.beginnings import (
    Beginning,
    remade_input_of,
    video_input_of,
    whole_input_of,
)
from common.kinds.video.clips import Clip, Control, Remade, Whole
from common.kinds.video.finished import Sent, clip_of, frame_of, was_made_here
from common.kinds.video.frame_size import KeyPicture, LastPicture, Picture, ReferencePicture
from common.kinds.video.loras import LoraFolder
from common.kinds.video.options import VideoOptions
from common.kinds.video.prompt_help.endpoint import open_endpoint
from common.kinds.video.refined_alone import refined_alone
from common.kinds.video.requests import GenerateRequest
from common.kinds.video.resolver import resolve
from common.kinds.video.sources import FrameOf, Keyframe
from common.kinds.video.templates.folder import PACKAGED, TemplateFolder
from common.kinds.video.two_stages import offer, wanted
from common.kinds.video.upscalers import chosen_upscaler
from common.kinds.video.variants import Capability, VideoVariant
from common.media.clip import VideoInput
from common.media.inputs import decode_base64_image, inspect_image
from common.media.videos import USED, VideoLimits, inspect_video, inspect_whole


@dataclass(frozen=True)
class VideoIntake:
    """For one checkpoint, under one operator's settings."""

    model: str
    options: type[VideoOptions]
    variant: VideoVariant
    settings: Settings
    templates: TemplateFolder
    loras: LoraFolder

    @classmethod
    def of(
        cls, model: str, options: type[VideoOptions], variant: VideoVariant, settings: Settings
    ) -> "VideoIntake":
        """With the templates that the operator has, or ours.

        Raises:
            SettingsError: prompt help is set up by half.
        """
        open_endpoint(settings)  # the worker asks it: what is wrong stops the service here
        templates = TemplateFolder(settings.templates_dir or PACKAGED)
        loras = LoraFolder(settings.models_dir)
        return cls(model, options, variant, settings, templates, loras)

    def look(
        self,
        request: GenerateRequest | None,
        files: Mapping[str, SentFile],
        job_id: str,
        finished: Mapping[str, Finished],
    ) -> Callable[[], tuple[Upload, ...]] | None:
        """How to look at what the video begins with; None where it begins with nothing."""
        image = files.get("image") or (request.image if request else None)
        video = files.get("video")
        used = next((field for field in ("extend", "retake", "video") if field in finished), None)
        if (image, video, used).count(None) < 2:
            raise Unresolvable(
                "A video begins with image or with another video, not with both.",
                param="video" if video is not None else used,
                hint="Leave one of them out.",
            )
        last = files.get("last_image") or (request.last_image if request else None)
        keys = request.keyframes if request and request.keyframes else ()
        looks = list[Callable[[], Upload]]()
        if used is not None and request is not None:
            looks.append(partial(self._clip, used, finished[used], request, job_id))
        elif video is not None:
            whole = request is not None and request.strength == 0
            wanted = None if whole else self._wanted(request)
            looks.append(partial(self._video, video, job_id, wanted))
        elif image is not None:
            looks.append(partial(self._image, image, finished, "image", job_id, Picture))
        if last is not None:
            name = f"{job_id}.last"
            looks.append(partial(self._image, last, finished, "last_image", name, LastPicture))
        for index, key in enumerate(keys):
            looks.append(partial(self._key, key, index, finished, job_id))
        for index, picture in enumerate((request and request.reference_images) or ()):
            looks.append(partial(self._reference, picture, index, finished, job_id))
        return (lambda: tuple(look() for look in looks)) if looks else None

    async def resolve(self, request: GenerateRequest, uploads: Medias) -> Resolution:
        """What the model makes of it, its template filled in."""
        if request.template is not None:
            request = await asyncio.to_thread(self.templates.filled, request)
        last = next((each for each in uploads if isinstance(each, LastPicture)), None)
        keys = [each for each in uploads if isinstance(each, KeyPicture)]
        references = [each for each in uploads if isinstance(each, ReferencePicture)]
        others = (last, *keys, *references)
        first = next((each for each in uploads if each not in others), None)
        if request.strength is not None and type(first) not in (Clip, Whole):
            raise Unresolvable(
                "strength says how far video is made anew, and there is none.",
                param="strength",
                hint="Send a video, or leave strength out.",
            )
        alone = first if isinstance(first, Whole) else None
        upscaler = None
        if request.upscaler is not None:
            upscaler = await asyncio.to_thread(
                chosen_upscaler, request, alone, self.variant, self.settings
            )
        if alone is not None:
            return refined_alone(request, alone, upscaler)
        beginning = _as_asked(first, request, self.variant)
        offered = None
        if wanted(request, self.variant):
            offered = await asyncio.to_thread(offer, self.variant, self.settings)
        pictures = (last, keys, references)
        resolution = resolve(
            request, self.model, self.options, self.variant, beginning, *pictures, offered
        )
        if not (request.loras or upscaler):
            return resolution
        loras = await asyncio.to_thread(self.loras.resolve, request.loras, self.variant)
        chosen = {"loras": loras, "upscaler": upscaler}
        resolved = resolution.request.model_copy(update=chosen)
        return Resolution(resolved, resolution.adjustments)

    def _image(
        self,
        sent: SentFile | str | FrameOf,
        finished: Mapping[str, Finished],
        field: str,
        name: str,
        known: Callable[[str, int, int], Picture],
    ) -> Upload:
        if isinstance(sent, FrameOf):
            file: BinaryIO = BytesIO(frame_of(finished[field], sent.frame, field))
        with _named(field):
            if not isinstance(sent, FrameOf):
                file = BytesIO(decode_base64_image(sent)) if isinstance(sent, str) else sent.file
            info = inspect_image(file, self.settings.max_image_pixels)
        told = None if isinstance(sent, FrameOf) else f"{info.format} {info.width}x{info.height}"
        return Upload(file, known(f"{name}.{info.format}", info.width, info.height), told)

    def _key(
        self, key: Keyframe, index: int, finished: Mapping[str, Finished], job_id: str
    ) -> Upload:
        known = partial(KeyPicture, index=index, frame=key.frame, strength=key.strength)
        field, name = f"keyframes.{index}.image", f"{job_id}.keyframe{index}"
        seen = self._image(key.image, finished, field, name, known)
        return replace(seen, summary=None)  # the record has its place

    def _reference(
        self, picture: str | FrameOf, index: int, finished: Mapping[str, Finished], job_id: str
    ) -> Upload:
        known = partial(ReferencePicture, index=index)
        field, name = f"reference_images.{index}", f"{job_id}.reference{index}"
        return replace(self._image(picture, finished, field, name, known), summary=None)

    def _clip(self, field: str, used: Finished, request: GenerateRequest, job_id: str) -> Upload:
        if field == "video" and not was_made_here(used):
            wanted = None if request.strength == 0 else self._wanted(request)
            with used.path.open("rb") as file:
                seen = self._video(Sent(file, used.path.stat().st_size), job_id, wanted)
            return Upload(used.path, seen.media, None)
        clip = clip_of(field, used, request, f"{job_id}.mp4")
        if type(clip) is Clip:
            wanted = self._wanted(request)
            frames = wanted.taken(max(1, round(clip.seconds * wanted.fps)))
            clip = replace(clip, num_frames=frames)
        return Upload(used.path, clip, None)

    def _wanted(self, request: GenerateRequest | None) -> VideoInput:
        """What the model takes of a video: to go on from, to follow, or to make anew."""
        remade = request is not None and request.strength is not None
        can = self.variant.capabilities
        shared = request is None and Capability.VIDEO_CONTINUATION not in can
        fps = request.fps if request else None
        if remade or (shared and Capability.VIDEO_TO_VIDEO in can):
            return remade_input_of(self.variant, fps)
        if Capability.CONTROL_VIDEO in can:
            return whole_input_of(self.variant, fps)
        return video_input_of(self.variant)

    def _video(self, sent: SentFile, job_id: str, wanted: VideoInput | None) -> Upload:
        """``wanted``: what the model takes of it; None where there is none."""
        settings = self.settings
        if (sent.size or 0) > settings.max_input_video_mb * MIB:
            raise InvalidRequest(
                f"The video is over {settings.max_input_video_mb:g} MB.",
                param="video",
                hint=f"Cut it{USED if wanted else ''}. MAX_INPUT_VIDEO_MB sets the limit.",
            )
        limits = VideoLimits(settings.max_input_video_pixels, settings.max_input_video_seconds)
        if wanted is None:
            info = inspect_whole(sent.file.fileno(), limits)
            size, name = (info.width, info.height), f"{job_id}.{info.format}"
            clip: Clip = Whole(name, *size, info.num_frames, info.seconds, info.fps)
        else:
            info = inspect_video(sent.file.fileno(), limits, wanted)
            size, name = (info.width, info.height), f"{job_id}.{info.format}"
            clip = Clip(name, *size, wanted.taken(info.num_frames), info.seconds)
        summary = f"{info.format} {info.width}x{info.height}, {info.seconds:g} s"
        return Upload(sent.file, clip, summary)


@contextmanager
def _named(field: str) -> Iterator[None]:
    """What is wrong with a picture is said of the field that it came in."""
    try:
        yield
    except InvalidRequest as exc:
        exc.body = exc.body.model_copy(update={"param": field})
        raise


def _as_asked(beginning: Beginning, request: GenerateRequest, variant: VideoVariant) -> Beginning:
    """A video that was sent is continued, followed, or made anew as far as a strength says."""
    controls = Capability.CONTROL_VIDEO in variant.capabilities
    if type(beginning) is not Clip or (request.strength is None and not controls):
        return beginning
    fields = {each.name: getattr(beginning, each.name) for each in dataclass_fields(beginning)}
    if request.strength is None:
        return Control(**fields)
    if request.strength == 0:
        raise Unresolvable(
            "strength: a batch's own upload is not refined alone.",
            param="strength",
            hint="Send it by itself: POST /generate with the same fields.",
        )
    return Remade(**fields, strength=request.strength)

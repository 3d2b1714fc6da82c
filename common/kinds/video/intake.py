"""What a service of videos takes in: it looks at what a video begins with, and resolves."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from io import BytesIO

from common.base.errors import InvalidRequest
from common.base.settings import MIB, Settings
from common.contract import Resolution, Upload
from common.contract.work import Medias, SentFile
from common.kinds.video.beginnings import Clip, video_input_of
from common.kinds.video.frame_size import Picture
from common.kinds.video.loras import LoraFolder
from common.kinds.video.options import VideoOptions
from common.kinds.video.requests import GenerateRequest
from common.kinds.video.resolver import resolve
from common.kinds.video.templates.folder import PACKAGED, TemplateFolder
from common.kinds.video.variants import VideoVariant
from common.media.clip import VideoInput
from common.media.inputs import decode_base64_image, inspect_image
from common.media.videos import VideoLimits, inspect_video


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
        """With the templates that the operator has, or ours."""
        templates = TemplateFolder(settings.templates_dir or PACKAGED)
        loras = LoraFolder(settings.models_dir)
        return cls(model, options, variant, settings, templates, loras)

    def look(
        self, request: GenerateRequest | None, files: Mapping[str, SentFile], job_id: str
    ) -> Callable[[], tuple[Upload, ...]] | None:
        """How to look at what the video begins with; None where it begins with nothing."""
        image, video = files.get("image"), files.get("video")
        data = request.image if request else None
        if video is not None:
            if image is not None or data is not None:
                raise InvalidRequest(
                    "A video begins with image or with video, not with both.",
                    param="video",
                    hint="Leave one of them out.",
                )
            return partial(self._video, video, job_id, video_input_of(self.variant))
        if image is None and data is None:
            return None
        return partial(self._image, image or data or "", job_id)

    async def resolve(self, request: GenerateRequest, uploads: Medias) -> Resolution:
        """What the model makes of it, its template filled in."""
        if request.template is not None:
            request = await asyncio.to_thread(self.templates.filled, request)
        beginning = next(iter(uploads), None)
        resolution = resolve(request, self.model, self.options, self.variant, beginning)
        if not request.loras:
            return resolution
        loras = await asyncio.to_thread(self.loras.resolve, request.loras, self.variant)
        resolved = resolution.request.model_copy(update={"loras": loras})
        return Resolution(resolved, resolution.adjustments)

    def _image(self, sent: SentFile | str, job_id: str) -> tuple[Upload, ...]:
        file = BytesIO(decode_base64_image(sent)) if isinstance(sent, str) else sent.file
        info = inspect_image(file, self.settings.max_image_pixels)
        picture = Picture(f"{job_id}.{info.format}", info.width, info.height)
        return (Upload(file, picture, f"{info.format} {info.width}x{info.height}"),)

    def _video(self, sent: SentFile, job_id: str, wanted: VideoInput) -> tuple[Upload, ...]:
        settings = self.settings
        if (sent.size or 0) > settings.max_input_video_mb * MIB:
            raise InvalidRequest(
                f"The video is over {settings.max_input_video_mb:g} MB.",
                param="video",
                hint="Cut it: only its beginning is used. MAX_INPUT_VIDEO_MB sets the limit.",
            )
        limits = VideoLimits(settings.max_input_video_pixels, settings.max_input_video_seconds)
        info = inspect_video(sent.file.fileno(), limits, wanted)
        name, frames = f"{job_id}.{info.format}", wanted.taken(info.num_frames)
        clip = Clip(name, info.width, info.height, num_frames=frames, seconds=info.seconds)
        summary = f"{info.format} {info.width}x{info.height}, {info.seconds:g} s"
        return (Upload(sent.file, clip, summary),)

"""From a clip to a finished video's files: the MP4, and mostly its thumbnail."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from common.base.settings import Settings
from common.contract import Making, Phase
from common.kinds.video.files import THUMBNAIL, VIDEO
from common.kinds.video.joining import joined, whole
from common.kinds.video.resolved import ResolvedRequest
from common.kinds.video.result import VideoResult
from common.kinds.video.upscaler import Upscaler, x4plus_weights
from common.media.clip import VideoClip
from common.media.codecs import EncoderSettings, resolve_codec
from common.media.credentials.manifest import Origin
from common.media.credentials.opening import open_credentials
from common.media.encoder import EncodedVideo, encode
from common.media.refining.spool import spooled
from common.media.thumbnail import try_thumbnail

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from common.media.credentials.signing import Credentials
    from common.media.refining.upscaling import Network


@dataclass(frozen=True)
class VideoPublisher:
    """Encodes while the model still decodes."""

    encoder: EncoderSettings
    credentials: "Credentials | None" = None
    models_dir: Path = Path()
    """Where the larger upscalers are."""

    @classmethod
    def of(cls, settings: Settings) -> "VideoPublisher":
        """With the encoder that works here."""
        codec = resolve_codec(settings.video_encoder)
        encoder = EncoderSettings(codec=codec, crf=settings.video_crf)
        return cls(encoder, open_credentials(settings), settings.models_dir)

    def publish(self, product: VideoClip | None, making: Making) -> VideoResult:
        """Draw all frames, and sign the file where that is wanted.

        ``product`` is None where a video is refined that no model has made here.

        Raises EncodingFailed, CredentialsFailed, and what ``making.look`` raises.
        """
        thumbnail = making.folder / THUMBNAIL.name
        refines = making.request.refined
        if product is None:
            making = _by_others(making)
            product = whole(making.request, making.inputs)
        else:
            product = joined(product, making.request, making.inputs)
        product = refined(product, making, self.models_dir) if refines else product

        def frames_done(poster: "NDArray[np.uint8]") -> None:
            if not refines:
                making.model_done()
            making.progress(Phase.ENCODING_VIDEO)
            try_thumbnail(poster, thumbnail, making.job_id)

        encoded = encode(
            product,
            making.folder / VIDEO.name,
            self.encoder,
            tags_of(making),
            on_chunk=lambda _frames: making.look(),
            on_frames_done=frames_done,
            on_wait=making.look,
        )
        if self.credentials is not None:
            size = self.credentials.sign(encoded.path, origin_of(making), making.look)
            encoded = replace(encoded, size_bytes=size)
        result = _result(making, product, encoded, thumbnail)
        return result.model_copy(update={"content_credentials": self.credentials is not None})


def refined(clip: VideoClip, making: Making, models_dir: Path) -> VideoClip:
    """The clip with more or larger frames.

    All of the model's are drawn first: it takes a processor long, and meanwhile the GPU is free.

    Raises:
        CheckpointError: the upscaler's files have gone, or are damaged.
    """
    exp, scale = making.request.frame_interpolation_exp, making.request.larger_afterwards
    network = _network(making.request, models_dir)  # what is wrong with it is told at once
    if making.request.needs_model:
        clip = spooled(clip, making.folder, making.look)
        making.model_done()
    if exp:
        from common.media.refining.interpolation import interpolated

        clip = interpolated(clip, exp)
    if scale > 1:
        from common.media.refining.upscaling import upscaled

        clip = upscaled(clip, scale, network)
    return replace(clip, frames=_told(clip, making))


def _network(request: ResolvedRequest, models_dir: Path) -> "Network | None":
    """What the request chose to make frames larger with; None where it is what does so anyway."""
    if request.upscaler is None or request.upscaler.name is not Upscaler.X4PLUS:
        return None
    from common.media.refining.upscaling import opened, x4plus

    return opened(x4plus(x4plus_weights(models_dir)))


def _by_others(making: Making) -> Making:
    """Said of it is what refines it: no checkpoint has made it."""
    request = making.request
    chosen = request.upscaler.name if request.upscaler else Upscaler.ANIMEVIDEO
    name = chosen if request.upscaling_scale > 1 else "opencv-dis"
    return replace(making, checkpoint=replace(making.checkpoint, id=name))


def _told(clip: VideoClip, making: Making) -> "Iterator[NDArray[np.uint8]]":
    """Each is a sign of life: some take seconds."""
    done = 0
    for chunk in clip.frames:
        done += len(chunk)
        making.progress(Phase.ENCODING_VIDEO, done, clip.num_frames)
        yield chunk


def _result(making: Making, clip: VideoClip, encoded: EncodedVideo, thumbnail: Path) -> VideoResult:
    return VideoResult(
        folder=making.folder.name,
        size_bytes=encoded.size_bytes,
        width=clip.width,
        height=clip.height,
        num_frames=encoded.num_frames,
        fps=clip.fps,
        duration_seconds=round(encoded.num_frames / clip.fps, 3),
        has_audio=encoded.has_audio,
        has_thumbnail=thumbnail.is_file(),
        checkpoint=making.checkpoint.id,
        revision=making.checkpoint.revision,
        stands_in_for=making.checkpoint.stands_in_for,
    )


def origin_of(making: Making) -> Origin:
    """What content credentials say of it."""
    resolved = making.request
    assert isinstance(resolved, ResolvedRequest)  # noqa: S101  # the kind's own
    return Origin(
        model=making.model,
        checkpoint=making.checkpoint,
        prompt=resolved.prompt,
        began_with=tuple(resolved.uploads),
        shows_upload=bool(resolved.uploads.keys() & {"video", "extend", "retake"}),
    )


def tags_of(making: Making) -> dict[str, str]:
    """The MP4's metadata: enough to make the same video again."""
    checkpoint, resolved = making.checkpoint, making.request
    assert isinstance(resolved, ResolvedRequest)  # noqa: S101  # the kind's own
    stand_in = {"stands_in_for": checkpoint.stands_in_for} if checkpoint.stands_in_for else {}
    enhanced = {"enhanced_prompt": resolved.enhanced_prompt} if resolved.enhanced_prompt else {}
    return {
        "title": resolved.prompt[:80],
        "prompt": resolved.prompt,
        **enhanced,
        "seed": str(resolved.seed),
        "model": making.model,
        "checkpoint": checkpoint.id,
        "revision": checkpoint.revision,
        **stand_in,
        "parameters": resolved.model_dump_json(exclude={"prompt", "enhanced_prompt"}),
    }

"""From a plan to the files of a finished job."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from common.base.settings import Settings
from common.contract import Making
from common.media.codecs import EncoderSettings, resolve_codec
from common.media.credentials.manifest import Origin
from common.media.credentials.opening import open_credentials
from studio.files import VIDEO
from studio.operations import operation_of
from studio.rendering.tools import Tools
from studio.requests import ResolvedStudio
from studio.result import StudioResult

if TYPE_CHECKING:
    from common.media.credentials.signing import Credentials


@dataclass(frozen=True)
class StudioPublisher:
    """Runs the operation: most of them are one run of ffmpeg."""

    encoder: EncoderSettings
    credentials: "Credentials | None" = None

    @classmethod
    def of(cls, settings: Settings) -> "StudioPublisher":
        """With the encoder that works here."""
        codec = resolve_codec(settings.video_encoder)
        return cls(EncoderSettings(codec=codec, crf=settings.video_crf), open_credentials(settings))

    def publish(self, product: Any, making: Making) -> StudioResult:
        """``product`` is what was heard, where the plan listens.

        Raises EncodingFailed, StorageFull, CredentialsFailed, and what ``making.look`` raises.
        """
        making.model_done()
        request = making.request
        assert isinstance(request, ResolvedStudio)  # noqa: S101  # the kind's own
        plan = request.plan
        assert plan is not None  # noqa: S101  # whatever was to be fetched is there
        files = {one.name: making.inputs / one.file for one in request.inputs}
        tools = Tools(
            job_id=making.job_id,
            folder=making.folder,
            files=files,
            found=request.found,
            encoder=self.encoder,
            look=making.look,
            progress=making.progress,
        )
        made = operation_of(plan).make(plan, product, tools)
        signed = self._signed(making, made.file, tuple(files))
        return StudioResult(
            folder=making.folder.name,
            size_bytes=(making.folder / made.file).stat().st_size,
            file=made.file,
            checkpoint=making.checkpoint.id,
            revision=making.checkpoint.revision,
            operation=request.title,
            duration_seconds=round(made.seconds if made.seconds is not None else plan.seconds, 3),
            width=plan.width,
            height=plan.height,
            fps=plan.fps,
            report=dict(made.report),
            has_captions=made.has_captions,
            content_credentials=signed,
        )

    def _signed(self, making: Making, file: str, inputs: tuple[str, ...]) -> bool:
        if self.credentials is None or file != VIDEO.name:
            return False
        origin = Origin(making.model, making.checkpoint, "", inputs, shows_upload=True)
        self.credentials.sign(making.folder / file, origin, making.look)
        return True

"""What a video is made from exactly: a request for which everything is decided."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from pydantic import Field

from common.contract.work import Resolved
from common.kinds.video.keyframes import ResolvedKeyframe
from common.kinds.video.loras import ResolvedLora
from common.kinds.video.second_stage import SecondStage
from common.kinds.video.upscaler import ResolvedUpscaler, Upscaler


class ResolvedRequest(Resolved):
    """Exactly what the model makes: every value is set and legal for the checkpoint."""

    prompt: str
    negative_prompt: str
    width: int
    height: int
    num_frames: int
    """Frames that are made; the file has ``video_frames`` more in front."""
    fps: float
    seed: int
    num_inference_steps: int
    guidance_scale: float
    generate_audio: bool = False
    image: Path | None = None
    """The input picture; in the job's record the file's name, in the worker its full path."""
    last_image: Path | None = None
    """The picture that the clip ends with; like ``image``."""
    keyframes: tuple[ResolvedKeyframe, ...] = ()
    """Pictures that frames of what is made show."""
    reference_images: tuple[Path, ...] = ()
    """Pictures of what it shows, as no frame of it; each like ``image``."""
    video: Path | None = None
    """The video that is continued, followed or made anew; like ``image``."""
    video_frames: int = 0
    """How many of its frames the model is shown and goes on from, at ``fps``: the first of
    ``video``, the last of ``extend``."""
    strength: float | None = None
    """How far ``video`` is made anew; None where it is continued."""
    extend: Path | None = None
    """The finished video that goes on; like ``image``."""
    extend_frames: int = 0
    """All of its frames at ``fps``, which the file has in front."""
    retake: Path | None = None
    """The finished video of which a span is made anew; like ``image``."""
    retake_frames: int = 0
    """All of its frames at ``fps``. The model is shown the first ``num_frames``."""
    retake_from: int = 0
    retake_to: int = 0
    """The first frame that is made anew, and the one behind the last."""
    options: dict[str, Any] = Field(default_factory=dict)
    """Already validated by the model's options class: ``SPEC.options(**request.options)``."""
    preset: str | None = None
    """Which one gave the values that the client did not."""
    second_stage: SecondStage | None = None
    """Set where the model makes it at half of its sides first."""
    loras: tuple[ResolvedLora, ...] = ()
    frame_interpolation_exp: int = 0
    """The file has 2 to this power times the model's frame rate."""
    upscaling_scale: int = 1
    """The file has so many times the model's sides."""
    upscaler: ResolvedUpscaler | None = None
    """What makes them larger; None: what does so where nothing is said."""
    enhance_prompt: bool = False
    """Whether the prompt is rewritten; no more, once that could not be done."""
    enhanced_prompt: str | None = None
    """What the model is given in place of ``prompt``, once it is written."""

    @property
    def awaits_help(self) -> bool:
        """Whether the prompt is still to be rewritten."""
        return self.enhance_prompt and self.enhanced_prompt is None

    @property
    def needs_model(self) -> bool:
        return self.strength != 0 or self.enlarges_latents

    @property
    def enlarges_latents(self) -> bool:
        """Whether the model makes ``video`` larger by its latents, and nothing else."""
        return self.upscaler is not None and self.upscaler.name is Upscaler.LATENT

    @property
    def larger_afterwards(self) -> int:
        """How many times the sides grow after the model."""
        return 1 if self.enlarges_latents else self.upscaling_scale

    @property
    def refined(self) -> bool:
        """Whether frames become more or larger after the model."""
        return self.frame_interpolation_exp > 0 or self.larger_afterwards > 1

    @property
    def clip_frames(self) -> int:
        """Frames of the clip that the model makes, with those in front that it was shown."""
        return self.video_frames + self.num_frames

    @property
    def begins(self) -> bool:
        """Whether the clip has frames in front that the model was shown."""
        return self.image is not None or self.video_frames > 0

    @property
    def frames_shown(self) -> int:
        """How many frames the model is shown, in front of the clip or as what is made anew."""
        anew = self.strength is not None or self.retake is not None
        return self.num_frames if anew else self.video_frames or int(self.image is not None)

    @property
    def follows(self) -> bool:
        """Whether ``video`` says frame by frame how the clip moves, and is none of its frames."""
        return self.video is not None and self.strength is None and self.video_frames == 0

    @property
    def guides(self) -> int:
        """How many pictures it is given for frames other than those that it begins with."""
        return len(self.keyframes) + int(self.last_image is not None)

    @property
    def retake_span(self) -> tuple[int, int] | None:
        """The first frame that is made anew and the one behind the last; None: all are new."""
        return None if self.retake is None else (self.retake_from, self.retake_to)

    @property
    def steps_taken(self) -> int:
        """Denoising steps that are really taken, in both stages where there are two.

        Of a video that is made anew a share.
        """
        strength = 1.0 if self.strength is None else self.strength
        first = max(1, int(self.num_inference_steps * strength))
        return first + (self.second_stage.num_inference_steps if self.second_stage else 0)

    @property
    def duration(self) -> float:
        """Seconds that the file plays."""
        unseen = max(0, self.extend_frames - self.video_frames)
        return max(unseen + self.clip_frames, self.retake_frames) / self.fps

    @property
    def uploads(self) -> dict[str, Path]:
        """The input files, by the names of their fields."""
        named = {
            "image": self.image,
            "last_image": self.last_image,
            "video": self.video,
            "extend": self.extend,
            "retake": self.retake,
            **{f"keyframe{index}": key.path for index, key in enumerate(self.keyframes)},
            **{f"reference{index}": path for index, path in enumerate(self.reference_images)},
        }
        return {field: path for field, path in named.items() if path is not None}

    @property
    def title(self) -> str:
        """The prompt."""
        return self.prompt

    def with_uploads(self, files: Mapping[str, Path]) -> Self:
        """As the class above; pictures in lists have their files in themselves."""
        named = {name: path for name, path in files.items() if name in type(self).model_fields}
        keys = tuple(
            key.model_copy(update={"path": files.get(f"keyframe{index}", key.path)})
            for index, key in enumerate(self.keyframes)
        )
        references = tuple(
            files.get(f"reference{index}", path) for index, path in enumerate(self.reference_images)
        )
        lists = {"keyframes": keys, "reference_images": references}
        return self.model_copy(update={**named, **lists})

    def seen_by_model(self, files: Mapping[str, Path]) -> Self:
        """With the rewritten prompt in place of the one that was sent."""
        words = {"prompt": self.enhanced_prompt or self.prompt}
        return self.with_uploads(files).model_copy(update=words)

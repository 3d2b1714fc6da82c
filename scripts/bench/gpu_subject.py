"""A transformer to be timed on a GPU: its size, its weights made on the spot, what is called."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from common.contract import Quantization
from common.kinds.video.resolved import ResolvedRequest
from common.runtime.keep import Keep

Call = dict[str, Any]
"""Keyword arguments of one forward pass."""


@dataclass(frozen=True)
class Case:
    """A video's size in pixels and frames."""

    width: int
    height: int
    num_frames: int
    fps: float

    @property
    def name(self) -> str:
        """As in the documents: 832x480x81."""
        return f"{self.width}x{self.height}x{self.num_frames}"

    def request(self) -> ResolvedRequest:
        """A job of one guided step."""
        return ResolvedRequest(
            prompt="",
            negative_prompt="",
            width=self.width,
            height=self.height,
            num_frames=self.num_frames,
            fps=self.fps,
            seed=0,
            num_inference_steps=1,
            guidance_scale=5.0,
        )


@dataclass(frozen=True)
class Subject:
    """A transformer at one size.

    ``step`` gives the forward passes of what is timed, a guided step unless ``unit`` says
    otherwise; ``flops`` its operations, None where no estimate holds. ``tunable`` says whether
    attention backends and compiling can be chosen.
    """

    model: str
    title: str
    scheme: Quantization
    cases: tuple[Case, ...]
    build: Callable[[], nn.Module]
    step: Callable[[Case, torch.device], Sequence[Call]]
    flops: Callable[[Case], float | None]
    keep: Callable[[Quantization], Sequence[Keep]]
    unit: str = "s/step"
    tunable: bool = True


def build(subject: Subject, device: torch.device) -> nn.Module:
    """Make the transformer where it will run, in bfloat16, with no copy anywhere else.

    What its class declares for float32 is made float32, as loading does.
    """
    with torch.device(device), _default_dtype(torch.bfloat16):
        model = subject.build()
    for name in getattr(model, "_keep_in_fp32_modules", None) or ():
        for parameter_name, parameter in model.named_parameters():
            if name in parameter_name.split("."):
                parameter.data = parameter.data.float()
    return model.requires_grad_(False).eval()


@contextmanager
def _default_dtype(dtype: torch.dtype) -> Iterator[None]:
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


def noise(device: torch.device, *shape: int) -> torch.Tensor:
    """Normally distributed, in bfloat16."""
    return torch.randn(shape, device=device, dtype=torch.bfloat16)

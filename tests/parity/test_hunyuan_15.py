"""HunyuanVideo 1.5 through the service's ``generate`` equals a diffusers call, bit for bit.

The call leaves out the padding of texts too, whose sums are rounded otherwise: that alone is held
to the library's own attention. It decodes in tiles, as in its authors' README.
"""

from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import common.runtime.libraries  # noqa: F401

import numpy as np
import pytest
import torch
from diffusers import (
    FlowMatchEulerDiscreteScheduler,
    HunyuanVideo15ImageToVideoPipeline,
    HunyuanVideo15Pipeline,
)
from PIL import Image

from common.base.errors import InvalidRequest, JobCancelled
from common.contract import Phase
from common.kinds.video.resolved import ResolvedRequest
from hunyuan.decoding_15 import decode, num_tiles, prepare_decoder
from hunyuan.model_config import SPEC
from hunyuan.pipeline import generate, load
from hunyuan.pipeline_15 import Hunyuan15, denoise
from hunyuan.unpadded_15 import leave_out_padding
from scripts.tiny import hunyuan_15 as tiny
from tests.formats import on_cpu
from tests.job_contexts import Context, Unwatched
from tests.parity import clips
from tests.parity.bare import bare

STEPS = 2
SIZE = (96, 48)
PROMPT = 'A cat before a sign that says "open"'
request_of = partial(
    clips.request_of, SPEC, SIZE, prompt=PROMPT, num_frames=5, num_inference_steps=STEPS
)


@pytest.fixture(scope="module")
def snapshots(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """For texts and for pictures."""
    return tiny.build(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def model(snapshots: list[Path]) -> Hunyuan15:
    loaded: Hunyuan15 = load(snapshots[0], on_cpu())
    return loaded


@pytest.fixture(scope="module")
def library(snapshots: list[Path]) -> Any:
    pipe = bare(HunyuanVideo15Pipeline, snapshots[0])
    pipe.vae.enable_tiling()
    return pipe


def bare_call(pipe: Any, request: ResolvedRequest, kind: str, **fields: Any) -> Any:
    """What one call of the library makes: ``kind`` is its ``output_type``."""
    return pipe(
        prompt=request.prompt,
        negative_prompt=request.negative_prompt,
        num_frames=request.num_frames,
        num_inference_steps=request.num_inference_steps,
        generator=torch.Generator("cpu").manual_seed(request.seed),
        output_type=kind,
        **fields,
    ).frames


def test_texts_become_the_librarys_frames(model: Hunyuan15, library: Any) -> None:
    """The published guider and shift: 6 and 5. Then guidance by another number, and none."""
    sides = {"width": SIZE[0], "height": SIZE[1]}
    guided = request_of(guidance_scale=6.0, negative_prompt="rain")
    leave_out_padding(library.transformer)
    latents = denoise(model, guided, Unwatched())
    assert torch.equal(latents, bare_call(library, guided, "latent", **sides))
    video = bare_call(library, guided, "np", **sides)[0]
    frames = np.asarray((video * 255).round(), dtype=np.uint8)
    assert np.array_equal(clips.frames_of(SPEC, model, guided), frames)

    asked = request_of(guidance_scale=0.5, options={"flow_shift": 3.0})
    library.scheduler = FlowMatchEulerDiscreteScheduler.from_config(
        library.scheduler.config, shift=3.0
    )
    library.guider = library.guider.new(guidance_scale=1.0)
    plain = denoise(model, asked, Unwatched())
    assert torch.equal(plain, bare_call(library, asked, "latent", **sides))
    assert torch.equal(denoise(model, guided, Context()), latents), "no job changes the next"
    assert not torch.equal(plain, latents)


def test_padding_is_left_out_and_nothing_else(snapshots: list[Path]) -> None:
    """In float32: what is rounded differs in the last digits, and padding that is seen in more."""
    wide = ("transformer", "text_encoder", "text_encoder_2", "vae")
    pipe = bare(HunyuanVideo15Pipeline, snapshots[0], float32=wide)
    pipe.guider = pipe.guider.new(guidance_scale=1.0)
    call = partial(bare_call, pipe, request_of(), "latent", width=SIZE[0], height=SIZE[1])
    padded = call()
    leave_out_padding(pipe.transformer)
    torch.testing.assert_close(call(), padded, rtol=0, atol=1e-4)
    pipe.transformer.transformer_blocks[0]._forward_pre_hooks.clear()
    assert float((call() - padded).abs().max()) > 1e-2


def test_a_picture_begins_the_librarys_frames(snapshots: list[Path], tmp_path: Path) -> None:
    """In a size that the library would choose as well, and in one of our own."""
    ours, pipe = (
        load(snapshots[1], on_cpu()),
        bare(HunyuanVideo15ImageToVideoPipeline, snapshots[1]),
    )
    pipe.vae.enable_tiling()
    leave_out_padding(pipe.transformer)
    assert (ours.flow_shift, ours.diffusers.guider.guidance_scale) == (7.0, 1.0)
    picture = clips.saved_picture(tmp_path)
    request = request_of(image=picture, width=80, height=48, guidance_scale=1.0)
    shown = Image.fromarray(clips.load_image(picture, 80, 48))
    latents = denoise(ours, request, Context())
    assert torch.equal(latents, bare_call(pipe, request, "latent", image=shown))
    own = request.model_copy(update={"width": 112, "height": 16})
    assert denoise(ours, own, Unwatched()).shape == (1, 32, 2, 1, 7)
    with pytest.raises(InvalidRequest, match="starts from a picture"):
        denoise(ours, request_of(), Context())


def test_a_prompt_is_read_whole_and_what_is_quoted_by_byt5(model: Hunyuan15) -> None:
    seen: dict[str, torch.Tensor] = {}
    pipe: Any = model.diffusers
    hooks = [
        getattr(pipe, name).register_forward_pre_hook(
            lambda _module, _args, given, name=name: seen.update({name: given["input_ids"]}),
            with_kwargs=True,
        )
        for name in ("text_encoder", "text_encoder_2")
    ]
    pipe.encode_prompt(PROMPT)
    for hook in hooks:
        hook.remove()
    read = pipe.tokenizer.decode(seen["text_encoder"][0, 108:])
    assert read.startswith(f"{PROMPT}<|im_end|>\n<|im_start|>assistant\n<|endoftext|>")
    assert pipe.tokenizer_2.decode(seen["text_encoder_2"][0]).startswith('Text "open". </s>')


def test_every_step_and_tile_is_reported(model: Hunyuan15) -> None:
    context = Context()
    wide = request_of(width=272, height=32, num_frames=17, guidance_scale=1.0)
    chunks = [len(chunk) for chunk in generate(model, wide, context).frames]
    assert chunks == [12, 5]
    assert context.reports == [
        (Phase.ENCODING_PROMPT, 0, 0),
        *[(Phase.DENOISING, step, STEPS) for step in (1, 2)],
        *[(Phase.DECODING, step, 2) for step in (0, 1, 2)],
    ]


def test_a_cancel_leaves_in_its_step_and_behind_its_tile(model: Hunyuan15) -> None:
    context = Context(stop_at=(Phase.DENOISING, 1))
    with pytest.raises(JobCancelled):
        generate(model, request_of(guidance_scale=1.0), context)
    assert context.reports[-1] == (Phase.DENOISING, 1, STEPS)
    decoding = Context(stop_at=(Phase.DECODING, 1))
    vae: Any = model.diffusers.vae
    with pytest.raises(JobCancelled):
        next(decode(vae, torch.zeros(1, 32, 1, 2, 17), decoding))
    assert decoding.reports[-1] == (Phase.DECODING, 1, 2)
    assert not vae.decoder._forward_hooks
    handing_out = Context()
    chunks = decode(vae, torch.zeros(1, 32, 5, 1, 1), handing_out)
    next(chunks)
    handing_out.stop_at = (Phase.DECODING, 1)  # which is reported already
    with pytest.raises(JobCancelled):
        next(chunks)


def test_tiles_are_counted_as_they_are_made(model: Hunyuan15) -> None:
    vae: Any = model.diffusers.vae
    assert [num_tiles(vae, *sides) for sides in ((16, 16), (17, 4), (30, 53), (45, 80))] == [
        *(1, 2),
        *(3 * 5, 4 * 7),
    ]


def test_a_changed_decoder_is_found_at_loading() -> None:
    with pytest.raises(RuntimeError, match="tile_overlap_factor"):
        prepare_decoder(SimpleNamespace())

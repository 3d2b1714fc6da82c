"""HunyuanVideo through the service's ``generate`` equals a diffusers call, bit for bit.

The call is given Llama 3's tokenizer as it is published, the shift of the checkpoint, and the parts
that are in float32 here; it decodes in tiles, as its authors do. It leaves out the padding of texts
too, whose sums are rounded otherwise: that alone is held to the library's own masks.
"""

import logging
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import common.runtime.libraries  # noqa: F401

import numpy as np
import pytest
import torch
from diffusers import FlowMatchEulerDiscreteScheduler, HunyuanVideoPipeline
from diffusers.pipelines.hunyuan_video.pipeline_hunyuan_video import DEFAULT_PROMPT_TEMPLATE
from numpy.typing import NDArray
from tokenizers import Tokenizer
from transformers import LlamaTokenizerFast

from common.base.errors import CheckpointError, JobCancelled
from common.contract import Phase
from common.kinds.video.resolved import ResolvedRequest
from hunyuan.decoding import prepare_decoder
from hunyuan.estimates import IN_FLOAT32
from hunyuan.model_config import SPEC
from hunyuan.pipeline import Hunyuan, denoise, generate, load
from hunyuan.tokenizer import FILE, published_tokenizer
from hunyuan.unpadded import leave_out_padding
from scripts.tiny import hunyuan as tiny
from tests.formats import on_cpu
from tests.job_contexts import Context
from tests.parity import clips
from tests.parity.bare import bare

STEPS = 2
request_of = partial(
    clips.request_of, SPEC, (48, 32), num_inference_steps=STEPS, guidance_scale=1.0
)
frames_of = partial(clips.frames_of, SPEC)


@pytest.fixture(scope="module")
def snapshots(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """FastHunyuan and HunyuanVideo."""
    return tiny.build(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def model(snapshots: list[Path]) -> Hunyuan:
    loaded: Hunyuan = load(snapshots[0], on_cpu())
    return loaded


@pytest.fixture(scope="module")
def library(snapshots: list[Path]) -> Any:
    tokenizer = published_tokenizer(snapshots[0])
    pipe = bare(HunyuanVideoPipeline, snapshots[0], float32=IN_FLOAT32, tokenizer=tokenizer)
    leave_out_padding(pipe.transformer)
    pipe.vae.enable_tiling()
    return pipe


def bare_call(
    pipe: Any, request: ResolvedRequest, shift: float = 17.0, *, embedded: float = 6.0, kind: str
) -> Any:
    """What one call of the library makes: ``kind`` is its ``output_type``."""
    pipe.scheduler = FlowMatchEulerDiscreteScheduler.from_config(pipe.scheduler.config, shift=shift)
    fields = request.model_dump(include=clips.SAMPLING_FIELDS - {"guidance_scale"})
    return pipe(
        **fields,
        true_cfg_scale=request.guidance_scale,
        guidance_scale=embedded,
        generator=torch.Generator("cpu").manual_seed(request.seed),
        output_type=kind,
    ).frames


def bare_frames(pipe: Any, request: ResolvedRequest) -> NDArray[np.uint8]:
    video = bare_call(pipe, request, kind="np")[0]
    return np.asarray((video * 255).round(), dtype=np.uint8)


@pytest.mark.parametrize(
    ("width", "height", "num_frames"),
    [
        (48, 32, 5),  # one piece
        (32, 48, 17),  # one and a little: five latents
        (32, 32, 25),  # seven: the library's third piece is empty
        (32, 32, 37),  # ten: three pieces and a last one of their own
        (272, 32, 21),  # two tiles in each of two pieces
    ],
)
def test_frames_are_bit_equal(
    model: Hunyuan, library: Any, width: int, height: int, num_frames: int
) -> None:
    request = request_of(width=width, height=height, num_frames=num_frames)
    assert np.array_equal(frames_of(model, request), bare_frames(library, request))


def test_latents_are_bit_equal_and_follow_the_options(model: Hunyuan, library: Any) -> None:
    plain, seeded = request_of(), request_of(seed=7)
    asked = request_of(options={"flow_shift": 3.0, "embedded_guidance_scale": 2.0})
    ours = [denoise(model, request, Context()) for request in (plain, seeded, asked, plain)]
    theirs = [
        bare_call(library, plain, kind="latent"),
        bare_call(library, seeded, kind="latent"),
        bare_call(library, asked, 3.0, embedded=2.0, kind="latent"),
    ]
    for mine, its in zip(ours, [*theirs, theirs[0]], strict=True):
        assert torch.equal(mine, its)
    assert len({float(latents.sum()) for latents in ours}) == 3


def test_the_checkpoint_that_is_not_distilled_has_its_own_shift_and_a_second_pass(
    snapshots: list[Path], library: Any
) -> None:
    whole = load(snapshots[1], on_cpu())
    assert whole.flow_shift == 7.0
    guided = request_of(guidance_scale=4.0, negative_prompt="rain")
    calls: list[object] = []
    hook = whole.diffusers.transformer.register_forward_hook(lambda *_: calls.append(None))
    latents = denoise(whole, guided, Context())
    hook.remove()
    assert len(calls) == 2 * STEPS
    assert torch.equal(latents, bare_call(library, guided, 7.0, kind="latent"))


# The padding


def test_no_mask_reaches_the_attention_of_a_single_text(model: Hunyuan) -> None:
    """With one torch takes no flash attention. The refiner of the text has its own."""
    transformer: Any = model.diffusers.transformer
    blocks = (*transformer.transformer_blocks, *transformer.single_transformer_blocks)
    seen: list[tuple[int, object]] = []
    hooks = [
        block.attn.register_forward_pre_hook(
            lambda _module, _args, given: seen.append(
                (given["encoder_hidden_states"].shape[1], given["attention_mask"])
            ),
            with_kwargs=True,
        )
        for block in blocks
    ]
    prompt = "a red fox"
    denoise(model, request_of(prompt=prompt, num_frames=1), Context())
    for hook in hooks:
        hook.remove()
    shown = DEFAULT_PROMPT_TEMPLATE["template"].format(prompt)
    length = len(model.diffusers.tokenizer(shown).input_ids) - DEFAULT_PROMPT_TEMPLATE["crop_start"]
    assert seen == [(length, None)] * (STEPS * len(blocks))


def test_padding_is_left_out_and_nothing_else(snapshots: list[Path]) -> None:
    """In float32: what is rounded differs in the last digits, and padding that is seen in more.

    Alone and together, texts of different lengths get what the library's masks give them.
    """
    transformer = bare(HunyuanVideoPipeline, snapshots[0], float32=("transformer",)).transformer
    torch.manual_seed(3)
    both = {
        "hidden_states": torch.randn(2, 16, 2, 4, 4),
        "timestep": torch.full((2,), 500.0),
        "encoder_hidden_states": torch.randn(2, 12, tiny.TEXT_DIM),
        "encoder_attention_mask": (torch.arange(12) < torch.tensor([[4], [9]])).float(),
        "pooled_projections": torch.randn(2, tiny.POOLED_DIM),
        "guidance": torch.full((2,), 6000.0),
    }
    each = [{name: tensor[i : i + 1] for name, tensor in both.items()} for i in (0, 1)]
    with torch.no_grad():
        masked = transformer(**both).sample
        leave_out_padding(transformer)
        for found in (
            transformer(**both).sample,
            torch.cat([transformer(**alone).sample for alone in each]),
        ):
            torch.testing.assert_close(found, masked, rtol=0, atol=1e-5)
        transformer._forward_pre_hooks.clear()
        assert float((transformer(**each[0]).sample - masked[:1]).abs().max()) > 1e-3


# The words


def test_the_template_is_cut_off_where_the_prompt_begins(snapshots: list[Path]) -> None:
    ids = published_tokenizer(snapshots[0])(DEFAULT_PROMPT_TEMPLATE["template"].split("{}")[0])
    assert len(ids.input_ids) == DEFAULT_PROMPT_TEMPLATE["crop_start"]


def test_llama_reads_what_is_published_and_the_named_class_does_not(snapshots: list[Path]) -> None:
    """Once the second holds no more, ``hunyuan/tokenizer.py`` can go."""
    folder, text = snapshots[0] / "tokenizer", "A cat,\n\nwalking on 12345 beaches: ünïcode"
    published = Tokenizer.from_file(str(folder / "tokenizer.json")).encode(text).ids
    tokenizer = published_tokenizer(snapshots[0])
    assert tokenizer(text).input_ids == published
    padded = tokenizer(text, padding="max_length", max_length=99).attention_mask
    assert padded == [1] * len(published) + [0] * (99 - len(published))
    assert LlamaTokenizerFast.from_pretrained(str(folder))(text).input_ids != published


def test_both_encoders_are_shown_the_prompt(model: Hunyuan) -> None:
    seen: dict[str, torch.Tensor] = {}
    pipe: Any = model.diffusers
    hooks = [
        pipe.text_encoder.register_forward_pre_hook(
            lambda _module, _args, given: seen.update(llama=given["input_ids"]), with_kwargs=True
        ),
        pipe.text_encoder_2.register_forward_pre_hook(
            lambda _module, args: seen.update(clip=args[0])
        ),
    ]
    denoise(model, request_of(prompt="a red fox"), Context())
    for hook in hooks:
        hook.remove()
    assert seen["llama"].shape[1] == 95 + 256
    assert pipe.tokenizer.decode(seen["llama"][0, 95:]).startswith("a red fox<|eot_id|><pad>")
    assert "redfox" in pipe.tokenizer_2.decode(seen["clip"][0]).replace(" ", "")


def test_a_long_prompt_does_not_come_into_the_log(
    model: Hunyuan, caplog: pytest.LogCaptureFixture
) -> None:
    logger = logging.getLogger("diffusers")
    logger.addHandler(caplog.handler)
    denoise(model, request_of(prompt="a secret " * 40, num_frames=5), Context())
    logger.removeHandler(caplog.handler)
    assert "secret" not in caplog.text


# The way of a job


def test_every_step_and_piece_is_reported_and_shown(model: Hunyuan) -> None:
    context = Context()
    chunks = [len(chunk) for chunk in generate(model, request_of(num_frames=29), context).frames]
    assert chunks == [13, 12, 4]
    assert context.reports == [
        (Phase.ENCODING_PROMPT, 0, 0),
        *[(Phase.DENOISING, step, STEPS) for step in (1, 2)],
        *[(Phase.DECODING, step, 3) for step in (0, 1, 2, 3)],
    ]


def test_five_latent_frames_are_decoded_at_a_time(model: Hunyuan) -> None:
    lengths: list[int] = []
    hook = model.diffusers.vae.decoder.register_forward_pre_hook(
        lambda _module, args: lengths.append(args[0].shape[2])
    )
    for _ in generate(model, request_of(num_frames=41), Context()).frames:
        assert torch.is_grad_enabled(), "the caller's own mode is left alone"
    hook.remove()
    assert lengths == [5, 5, 5, 2]


def test_a_cancel_leaves_in_its_step_and_decodes_nothing(model: Hunyuan) -> None:
    context = Context(stop_at=(Phase.DENOISING, 1))
    with pytest.raises(JobCancelled):
        generate(model, request_of(), context)
    assert context.reports[-1] == (Phase.DENOISING, 1, STEPS)


def test_a_cancel_stops_between_tiles(model: Hunyuan) -> None:
    """At its real size a piece takes half a minute, so no piece is waited for."""
    context = Context()
    clip = generate(model, request_of(width=272, num_frames=21), context)
    next(clip.frames)
    tiles: list[object] = []

    def cancel_at_the_first(*_: object) -> None:
        tiles.append(None)
        context.stop_at = (Phase.DECODING, 1)  # which is reported already

    hook = model.diffusers.vae.decoder.register_forward_hook(cancel_at_the_first)
    with pytest.raises(JobCancelled):
        next(clip.frames)
    hook.remove()
    assert len(tiles) == 1
    assert context.reports[-1] == (Phase.DECODING, 1, 2)


def test_a_preview_is_the_size_of_the_latents_and_changes_nothing(model: Hunyuan) -> None:
    latents = denoise(model, request_of(), Context())
    assert model.preview(latents).shape == (32 // 8, 48 // 8, 3)
    assert torch.equal(denoise(model, request_of(), Context()), latents)


def test_another_models_checkpoint_is_refused(tmp_path: Path) -> None:
    (tmp_path / "model_index.json").write_text('{"_class_name": "WanPipeline"}')
    with pytest.raises(CheckpointError, match="another model: it holds a WanPipeline"):
        load(tmp_path, on_cpu())


@pytest.mark.parametrize(("kept", "words"), [(0, "is missing"), (500, "cannot be read")])
def test_a_bad_tokenizer_is_found_before_the_weights(
    snapshots: list[Path], tmp_path: Path, kept: int, words: str
) -> None:
    whole = snapshots[0] / FILE
    (tmp_path / FILE).parent.mkdir()
    (tmp_path / FILE).write_bytes(whole.read_bytes()[:kept])
    if not kept:
        (tmp_path / FILE).unlink()
    (tmp_path / "model_index.json").write_text('{"_class_name": "HunyuanVideoPipeline"}')
    with pytest.raises(CheckpointError, match=f"{FILE} {words}"):
        load(tmp_path, on_cpu())


def test_a_changed_decoder_is_found_at_loading() -> None:
    with pytest.raises(RuntimeError, match="blend_t"):
        prepare_decoder(SimpleNamespace())

"""What stays in high precision when HunyuanVideo is quantized, and why. No torch here.

CLIP, ByT5, SigLIP and the autoencoders are never quantized: they run once a job, or are
convolutions. HunyuanVideo 1.5 has one stack of blocks, with two streams.
"""

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

from common.contract import Quantization
from common.runtime.keep import Keep, KeepRules, edge_blocks
from common.runtime.stored import saved_by
from common.runtime.weights import read_config
from hunyuan.version import is_15

NUM_LAYERS, NUM_SINGLE_LAYERS = 20, 40
"""Where a configuration does not say (``HunyuanVideoTransformer3DModel``)."""

NUM_LAYERS_15 = 54
"""The same of ``HunyuanVideo15Transformer3DModel``."""

_ENDS = "the first and the last block, as the authors of LTX-2 and MAGI-1 keep theirs"
_MODULATION = "modulation: one error here shifts or scales every token of a block"
_SELF_ATTENTION = "self-attention of the text encoder: it decides which words belong together"

_TRANSFORMER = (
    Keep("context_embedder", "the way in of the text, refined once for all blocks"),
    Keep("time_text_embed", "time, guidance and the pooled text: they steer every block"),
    Keep("x_embedder", "input projection: its error goes through every block"),
    Keep("norm_out", "modulation of the output: nothing after it corrects its error"),
    Keep(".proj_out", "output projection: nothing after it corrects its error"),
)
"""diffusers keeps ``x_embedder``, ``context_embedder`` and every ``norm`` from its own layerwise
casting (models/transformers/transformer_hunyuan_video.py, ``_skip_layerwise_casting_patterns``);
the authors' FP8 is of the blocks alone (hyvideo/modules/fp8_optimization.py)."""

_TRANSFORMER_15 = (
    *_TRANSFORMER,
    Keep("context_embedder_2", "the way in of text in quotation marks, for all blocks"),
    Keep("image_embedder", "the way in of the picture, for all blocks"),
    Keep("time_embed", "time: it steers every block"),
    Keep("cond_type_embed", "embeddings: looked up, not multiplied"),
)

_TEXT_ENCODER = (
    Keep("embed_tokens", "token embeddings: looked up, not multiplied"),
    Keep("*norm*", "normalization: a vector, whose error scales whole channels"),
)

_FOUR_BITS = (Quantization.NF4, Quantization.NVFP4)


def keep_transformer(
    scheme: Quantization,
    num_layers: int = NUM_LAYERS,
    num_single_layers: int = NUM_SINGLE_LAYERS,
) -> tuple[Keep, ...]:
    """Rules for a transformer of so many blocks with two streams, and with one after them.

    The modulation of the blocks is a quarter of all weights, 3.4 billion: 6.8 GB in bfloat16. Under
    four bits it has eight.
    """
    modulation = _modulation(scheme, "norm", "norm1", "norm1_context")
    first = edge_blocks("transformer_blocks", num_layers, _ENDS, last=0)
    last = edge_blocks("single_transformer_blocks", num_single_layers, _ENDS, first=0)
    return (*_TRANSFORMER, *modulation, *first, *last)


def keep_transformer_15(scheme: Quantization, num_layers: int = NUM_LAYERS_15) -> tuple[Keep, ...]:
    """Rules for 1.5. The modulation is a third of its weights: 2.7 of 8.3 billion."""
    ends = edge_blocks("transformer_blocks", num_layers, _ENDS)
    return (*_TRANSFORMER_15, *_modulation(scheme, "norm1", "norm1_context"), *ends)


def _modulation(scheme: Quantization, *norms: str) -> Iterator[Keep]:
    its_own = Quantization.FP8 if scheme in _FOUR_BITS else Quantization.NONE
    return (Keep(f"{norm}.linear", _MODULATION, its_own) for norm in norms)


def keep_text_encoder(scheme: Quantization) -> tuple[Keep, ...]:
    """Rules for Llama 3 and Qwen2.5, whose layers are called alike.

    Under four bits their self-attention has eight.
    """
    attention = Quantization.FP8 if scheme in _FOUR_BITS else Quantization.NONE
    return (*_TEXT_ENCODER, Keep("self_attn", _SELF_ATTENTION, attention))


def keep_rules(checkpoint: Path) -> Mapping[str, KeepRules]:
    """By component; only these two are quantized. Raises CheckpointError."""
    config = read_config(checkpoint, "transformer")
    if is_15(checkpoint):
        layers = config.get("num_layers", NUM_LAYERS_15)
        rules = partial(keep_transformer_15, num_layers=layers)
        return {"transformer": rules, "text_encoder": keep_text_encoder}
    return {
        "transformer": partial(
            keep_transformer,
            num_layers=config.get("num_layers", NUM_LAYERS),
            num_single_layers=config.get("num_single_layers", NUM_SINGLE_LAYERS),
        ),
        "text_encoder": keep_text_encoder,
    }


saved_bytes = saved_by(keep_rules)
"""What a scheme takes off a checkpoint's weights. Raises CheckpointError."""

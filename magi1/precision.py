"""What stays in high precision when MAGI-1 is quantized, and why.

In the blocks the projections to queries, keys and values and the feed-forward layers are
quantized. The autoencoder (0.6 billion parameters) never is, as in the other models.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from common.contract import Quantization
from common.contract.compute_dtype import ComputeDtype
from common.runtime.keep import Keep, KeepRules, component_scheme, rules_under
from common.runtime.keep import saved_bytes as saved_of_shapes
from common.runtime.keep_t5 import KEEP_T5
from common.runtime.live_weights import Naming, shapes_in
from magi1.configuration import SCALES, find_config, weights_folder
from magi1.estimates import text_encoder_shapes
from magi1.key_names import our_name

_EDGE = "the first and the last block: the official FP8 models leave them in bfloat16 too"

_ALWAYS = (
    Keep("time_embed", "the timestep: it opens and closes the gates of every block; float32"),
    Keep("caption_embed", "the caption's way in: every block's cross attention reads it; float32"),
    Keep("patch_embed", "input projection: its error goes through every block; float32"),
    Keep("proj_out", "output projection: nothing after it corrects its error; float32"),
    Keep("gates", "adaptive gates: one error here scales a whole channel of a chunk"),
    Keep(
        "to_out",
        "the product of both attentions, which the official code computes in float32: its sums "
        "are kept in float32 here, which a quantized layer's are not",
    ),
    Keep("*norm*", "normalization: a vector, whose error scales whole channels"),
)


def keep_transformer(num_layers: int) -> tuple[Keep, ...]:
    """Rules for a transformer of so many blocks.

    Blocks 1 to ``num_layers`` - 2 are what the official FP8 files quantize (keys of
    ``ckpt/magi/*_distill_quant`` in sand-ai/MAGI-1). Those quantize ``to_out`` as well, with
    scales that were calibrated for each input channel; nothing is calibrated here.
    ``MagiTransformer3DModel`` itself declares for float32 what is called so above.
    """
    edges = (Keep("blocks.0", _EDGE), Keep(f"blocks.{num_layers - 1}", _EDGE))
    return (*_ALWAYS, *edges)


def keep_rules(num_layers: int) -> Mapping[str, KeepRules]:
    """By component, for a transformer of so many blocks; only these two are quantized."""
    return {"transformer": keep_transformer(num_layers), "text_encoder": KEEP_T5}


def saved_bytes(
    checkpoint: Path, scheme: Quantization, dtype: ComputeDtype = ComputeDtype.BFLOAT16
) -> int:
    """What ``scheme`` takes off the weights in ``dtype`` of ``ckpt/magi/<variant>``.

    Raises:
        CheckpointError: a configuration or a weights file is damaged.
    """
    transformer = list(_transformer_shapes(checkpoint))
    text_encoder = text_encoder_shapes(checkpoint.parents[1] / "t5" / "t5-v1_1-xxl")
    shapes: dict[str, Sequence[tuple[str, Sequence[int]]]] = {
        "transformer": transformer,
        "text_encoder": text_encoder,
    }
    blocks = {name.split(".")[1] for name, _ in transformer if name.startswith("blocks.")}
    saved = 0
    for component, rules in keep_rules(len(blocks)).items():
        its_own = component_scheme(component, scheme)
        saved += saved_of_shapes(shapes[component], its_own, rules_under(rules, its_own), dtype)
    return saved


def _transformer_shapes(checkpoint: Path) -> Iterator[tuple[str, Sequence[int]]]:
    """Our names; the official FP8 weights have a leading dimension of 1."""
    files = weights_folder(checkpoint, find_config(checkpoint))
    for key, shape in shapes_in(files, Naming.TRANSFORMERS, without=SCALES):
        with suppress(KeyError):  # the loader says what it does not know
            yield our_name(key), shape[1:] if shape[:1] == (1,) else shape

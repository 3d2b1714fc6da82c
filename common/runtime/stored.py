"""What a checkpoint on disk takes, and what a scheme saves of it, told from its files' headers.

No torch here.
"""

from collections.abc import Callable, Collection, Mapping
from pathlib import Path

from common.contract import Quantization, SavedFunction
from common.contract.compute_dtype import ComputeDtype
from common.runtime.keep import KeepRules, component_scheme, rules_under, saved_bytes
from common.runtime.live_weights import parameter_count, stored_shapes


def weight_bytes(
    checkpoint: Path,
    dtype: ComputeDtype,
    *,
    components: Collection[str] = (),
    float32: Collection[str] = (),
) -> int:
    """Bytes of a diffusers checkpoint's weights before they are quantized.

    Args:
        checkpoint: folder with one folder per component.
        dtype: what they are loaded in.
        components: those that are loaded; empty is every one of the index.
        float32: those that are in float32 in any case.

    Raises:
        CheckpointError: an index or a header cannot be read.
    """
    wider = ComputeDtype.FLOAT32.itemsize - dtype.itemsize
    more = wider * parameter_count(checkpoint, float32) if float32 else 0
    return dtype.itemsize * parameter_count(checkpoint, components) + more


def saved_of_folders(
    checkpoint: Path, scheme: Quantization, dtype: ComputeDtype, keep: Mapping[str, KeepRules]
) -> int:
    """Bytes that ``scheme`` takes off the weights of a diffusers checkpoint.

    Args:
        checkpoint: folder with one folder per component.
        scheme: of the service.
        dtype: what is not quantized is in.
        keep: rules by component; a component that is not named is not quantized.

    Raises:
        CheckpointError: a header cannot be read.
    """
    saved = 0
    for component, rules in keep.items():
        its_own = component_scheme(component, scheme)
        shapes = stored_shapes(checkpoint, [component])
        saved += saved_bytes(shapes, its_own, rules_under(rules, its_own), dtype)
    return saved


def saved_by(keep_rules: Callable[[Path], Mapping[str, KeepRules]]) -> SavedFunction:
    """A SPEC's ``saved_bytes``, from the rules by component of a diffusers checkpoint."""

    def saved(checkpoint: Path, scheme: Quantization, dtype: ComputeDtype) -> int:
        return saved_of_folders(checkpoint, scheme, dtype, keep_rules(checkpoint))

    return saved

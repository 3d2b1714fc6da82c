"""What a scheme saves of a checkpoint on disk, told from its files' headers. No torch here."""

from collections.abc import Mapping
from pathlib import Path

from common.compute_dtype import ComputeDtype
from common.contract import Quantization
from common.runtime.keep import KeepRules, component_scheme, rules_under, saved_bytes
from common.runtime.live_weights import stored_shapes


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

"""What the settings say about loading, as a model's ``load`` takes it."""

from collections.abc import Callable

from common.base.settings import GIB, Settings
from common.contract import LoadOptions, LoadReport
from common.contract.schemes import Choice
from common.contract.variants import Checkpoint


def load_options(
    settings: Settings,
    checkpoint: Checkpoint,
    choice: Choice,
    *,
    on_bytes: Callable[[int, int], None],
    on_report: Callable[[LoadReport], None],
    cuda_bytes: int | None = None,
    while_busy: Callable[[], object] = lambda: None,
) -> LoadOptions:
    """How ``checkpoint`` is to be brought into memory here; the last four are passed through.

    ``choice`` is the appraiser's: the scheme that the job's memory was asked for.
    """
    return LoadOptions(
        quantization=choice.scheme,
        reason=choice.reason,
        device=settings.device,
        compute_dtype=settings.compute_dtype,
        adapter=checkpoint.adapter,
        adapter_2=checkpoint.adapter_2,
        extra=checkpoint.extra,
        models_dir=settings.models_dir,
        cache_dir=settings.quantized_cache_dir,
        cache_max_bytes=int(settings.quantized_cache_gb * GIB),
        attention_backend=settings.attention_backend,
        compile_blocks=settings.compile_blocks,
        group_offload=settings.group_offload,
        cuda_bytes=cuda_bytes,
        while_busy=while_busy,
        on_bytes=on_bytes,
        on_report=on_report,
    )

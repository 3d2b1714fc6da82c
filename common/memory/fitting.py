"""Whether a request can ever fit into this machine's pool, and what would if it cannot."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice

from common.base.errors import NotEnoughMemory
from common.contract import Kind, Quantization, Resolved, Variant
from common.contract.compute_dtype import ComputeDtype
from common.contract.variants import Checkpoint
from common.memory.demand import Appraiser
from common.memory.words import in_gb


@dataclass(frozen=True)
class Fitting:
    """Measures requests against ``capacity_bytes``, the most that one job could ever get."""

    appraiser: Appraiser
    checkpoint: Checkpoint
    variant: Variant
    capacity_bytes: int

    @property
    def _kind(self) -> Kind:
        return self.appraiser.spec.kind

    def check(self, request: Resolved) -> None:
        """Refuse what no waiting would help.

        Raises:
            NotEnoughMemory: with the numbers and what would fit.
        """
        demand = self.appraiser.demand(self.checkpoint, request)
        if demand.total_bytes <= self.capacity_bytes:
            return
        weights, running = in_gb(demand.load_bytes), in_gb(demand.run_bytes)
        raise NotEnoughMemory(
            f"This needs {in_gb(demand.total_bytes)} of memory ({weights} for the weights,"
            f" {running} to run), and this machine has {in_gb(self.capacity_bytes)} for all.",
            param=self._kind.sized_by if demand.loading_bytes <= self.capacity_bytes else None,
            hint=self._hint(request),
        )

    def _hint(self, request: Resolved) -> str:
        ways = [*self._smaller(request), *self._schemes(request)]
        ways += self._narrower(request)
        if not ways:
            return "Run the service with a smaller checkpoint, or on a machine with more memory."
        return f"These would fit: {'; '.join(ways)}."

    def _fits(self, request: Resolved, appraiser: Appraiser | None = None) -> bool:
        demand = (appraiser or self.appraiser).demand(self.checkpoint, request)
        return demand.total_bytes <= self.capacity_bytes

    def _smaller(self, request: Resolved) -> Iterator[str]:
        """Along each way to ask for less, the first that fits."""
        for way in self._kind.smaller(self.variant, request):
            fitting = (words for words, smaller in way if self._fits(smaller))
            yield from islice(fitting, 1)

    def _schemes(self, request: Resolved) -> Iterator[str]:
        for scheme in (Quantization.FP8, Quantization.NF4):
            if scheme is not self.appraiser.choice(self.checkpoint).scheme:
                other = replace(self.appraiser, asked=scheme)
                if self._fits(request, other):
                    yield f"QUANTIZATION={scheme.value} for the service"
                    return

    def _narrower(self, request: Resolved) -> Iterator[str]:
        """Half the bytes; on a CPU without units for it, for many times the seconds."""
        narrow = ComputeDtype.BFLOAT16
        other = replace(self.appraiser, dtype=narrow)
        if self.appraiser.dtype is not narrow and self._fits(request, other):
            yield f"COMPUTE_DTYPE={narrow} for the service, which is much slower on this CPU"

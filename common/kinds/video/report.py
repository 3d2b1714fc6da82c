"""What of a request was not taken as asked, while it is resolved."""

from dataclasses import dataclass, field
from typing import Self

from common.contract.work import Adjustment
from common.kinds.video.variants import VideoVariant


@dataclass
class Report:
    """Collects adjustments."""

    adjustments: list[Adjustment] = field(default_factory=list)

    def note(self, name: str, asked: str | float, got: str | float, reason: str) -> None:
        """A value became another one, unless they are equal."""
        if asked != got:
            change = Adjustment(field=name, requested=asked, resolved=got, reason=reason)
            self.adjustments.append(change)

    @classmethod
    def of(cls, variant: VideoVariant) -> Self:
        """Whoever asks a service for its model is told where another one makes the video."""
        report = cls()
        if variant.stands_in_for:
            model = variant.stands_in_for
            reason = f"it stands in for {model}, whose weights this service does not have"
            report.note("checkpoint", model, variant.name, reason)
        return report

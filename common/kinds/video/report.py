"""What of a request was not taken as asked, while it is resolved."""

from dataclasses import dataclass, field

from common.contract.work import Adjustment


@dataclass
class Report:
    """Collects adjustments."""

    adjustments: list[Adjustment] = field(default_factory=list)

    def note(self, name: str, asked: str | float, got: str | float, reason: str) -> None:
        """A value became another one, unless they are equal."""
        if asked != got:
            change = Adjustment(field=name, requested=asked, resolved=got, reason=reason)
            self.adjustments.append(change)

"""Texts, as the core sees them."""

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from common.base.settings import Settings
from common.contract import Intake, Kind, ModelOptions, Publisher, Work
from tests.kinds.text.files import TEXT
from tests.kinds.text.requests import ResolvedText, TextRequest
from tests.kinds.text.result import TextResult, TextResultView, TextShown
from tests.kinds.text.variants import TextVariant


class TextKind(Kind):
    """Texts from words."""

    name = "text"
    noun = "text"
    less = "fewer words"
    sized_by = "words"

    request = TextRequest
    option_bodies = frozenset({"TextRequest"})
    uploads: Mapping[str, str] = {}
    batch_examples: Mapping[str, Any] = {
        "requests": {
            "summary": "Whole requests",
            "value": {"requests": [{"prompt": "A kite"}, {"prompt": "The sea", "words": 3}]},
        }
    }

    resolved = ResolvedText
    nothing = ResolvedText(prompt="", words=1, seed=0)
    result = TextResult
    result_view = TextResultView
    clip_view = TextShown

    files = (TEXT,)
    routers = ()
    routes: Mapping[str, str] = {}
    creating = ()
    tags = ()
    page = Path(__file__).with_name("page")

    def bounded(self, variant: TextVariant, _settings: Settings) -> TextVariant:
        """No setting bounds a text."""
        return variant

    def page_limits(self, _settings: Settings) -> Mapping[str, int]:
        """There are no uploads."""
        return {}

    def intake(
        self, _model: str, options: type[ModelOptions], variant: TextVariant, _settings: Settings
    ) -> Intake:
        """Resolves."""
        from tests.kinds.text.intake import TextIntake

        return TextIntake(options, variant)

    def publisher(self, _settings: Settings) -> Publisher:
        """Writes."""
        from tests.kinds.text.publisher import TextPublisher

        return TextPublisher()

    def usual(self, variant: TextVariant) -> Iterator[ResolvedText]:
        yield self.nothing.model_copy(update={"words": variant.defaults.words})

    def shape(self, request: ResolvedText) -> str:
        return f"{request.words}"

    def smaller(
        self, _variant: TextVariant, request: ResolvedText
    ) -> Iterator[Iterator[tuple[str, ResolvedText]]]:
        yield (
            (f"words {words}", request.model_copy(update={"words": words}))
            for words in range(request.words - 1, 0, -1)
        )

    def work(self, request: ResolvedText, cost: float) -> Work:
        return Work(cost, size=request.words, steps=request.words)

    def together(self, request: ResolvedText) -> str | None:
        alike = f"{request.words} {sorted(request.options.items())}"
        return hashlib.sha256(alike.encode()).hexdigest()


TEXT_KIND = TextKind()

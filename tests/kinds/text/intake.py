"""What a service of texts takes in: no files, so there is nothing to look at."""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pydantic import ValidationError

from common.base.errors import Unresolvable
from common.contract import ModelOptions, Resolution, Upload
from common.contract.words_of_errors import first_of, path_of, words_of
from common.contract.work import Finished, Medias, SentFile
from tests.kinds.text.requests import ResolvedText, TextRequest
from tests.kinds.text.variants import TextVariant

SEED_RANGE = 2**32


@dataclass(frozen=True)
class TextIntake:
    """For one checkpoint."""

    options: type[ModelOptions]
    variant: TextVariant

    def look(
        self,
        _request: TextRequest,
        _files: Mapping[str, SentFile],
        _job_id: str,
        _finished: Mapping[str, Finished],
    ) -> Callable[[], tuple[Upload, ...]] | None:
        """There are no uploads."""
        return None

    async def resolve(self, request: TextRequest, _uploads: Medias) -> Resolution:
        """What the model makes of it. Raises Unresolvable."""
        resolved = ResolvedText(
            prompt=request.prompt,
            words=self._words(request.words),
            seed=secrets.randbelow(SEED_RANGE) if request.seed is None else request.seed,
            options=self._options(request).model_dump(mode="json"),
        )
        return Resolution(resolved, ())

    def _words(self, asked: int | None) -> int:
        words, most = asked or self.variant.defaults.words, self.variant.limits.max_words
        if words > most:
            raise Unresolvable(
                f"words {words} is out of range: 1 to {most}.",
                param="words",
                hint=f"Ask for {most}.",
            )
        return words

    def _options(self, request: TextRequest) -> ModelOptions:
        try:
            return self.options(**request.options)
        except ValidationError as exc:
            path = f"options.{path_of(first_of(exc))}"
            raise Unresolvable(
                f"{path}: {words_of(first_of(exc))}.", param=path, hint="GET /info lists them."
            ) from exc

"""Captions as the transformer reads them: special tokens in front, no padding.

Special tokens are embeddings beside the text encoder's: marks of quality and style, and for each
chunk how many are left. They are put in front of a caption one after another, so that the last
one put there comes first.

Source: SandAI-org/MAGI-1, inference/pipeline/prompt_process.py and example/assets/
special_tokens.npz; ``_process_null_embeddings`` in inference/pipeline/video_generate.py.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from common.runtime.weights import damaged, missing

DURATION = "DURATION_TOKEN"
"""Stands for the token of the chunks left: its own one for each chunk."""

ORDER = (
    "STATIC_FIRST_FRAMES_TOKEN",
    "DYNAMIC_FIRST_FRAMES_TOKEN",
    "BORDERNESS_TOKEN",
    "HQ_TOKEN",
    "THREE_D_MODEL_TOKEN",
    "TWO_D_ANIME_TOKEN",
    DURATION,
)
"""The order in which tokens are put in front of a caption."""

DEFAULT = ("HQ_TOKEN", DURATION)
"""What the official scripts switch on (example/4.5B/run.sh)."""

NEGATIVE = ("CAPTION_TOKEN", "LOGO_TOKEN", "TRANS_TOKEN", "BORDERNESS_TOKEN")
"""Put in front of the null caption: what guidance leads away from."""

_OTHER = {
    "TRANS_TOKEN": 0,
    "HQ_TOKEN": 1,
    "STATIC_FIRST_FRAMES_TOKEN": 2,
    "DYNAMIC_FIRST_FRAMES_TOKEN": 3,
    "BORDERNESS_TOKEN": 4,
    "THREE_D_MODEL_TOKEN": 15,
    "TWO_D_ANIME_TOKEN": 16,
}
_FIRST_DURATION = 7
_MAX_DURATION = 8
_NULL_LENGTH = 50
"""Tokens of the null caption that are read."""


@dataclass(frozen=True)
class Prompt:
    """A text encoder's output: ``embeds`` [L, C], ``mask`` [L], 1 where there is a token."""

    embeds: torch.Tensor
    mask: torch.Tensor

    @property
    def is_empty(self) -> bool:
        """No token at all: the chunk is made without text."""
        return not bool(self.mask.any())


class SpecialTokens:
    """The tokens of one file, by name; each [1, C]."""

    def __init__(self, tokens: dict[str, torch.Tensor]) -> None:
        self._tokens = tokens

    @classmethod
    def read(cls, path: Path) -> "SpecialTokens":
        """Read ``special_tokens.npz``. The official code rounds them to float16.

        Raises:
            CheckpointError: the file is missing or is another one.
        """
        try:
            with np.load(path) as file:
                arrays = {key: torch.from_numpy(file[key].astype(np.float16)) for key in file}
            return cls(_named(arrays))
        except FileNotFoundError as exc:
            raise missing(path.parent, f"{path.name} is missing") from exc
        except (OSError, ValueError, KeyError) as exc:
            raise damaged(path.parent, f"{path.name} cannot be read") from exc

    def prepend(
        self, names: Sequence[str], prompt: Prompt, max_length: int, chunks_left: int = 1
    ) -> torch.Tensor:
        """A chunk's caption: the tokens ``names`` in front, cut to ``max_length``, unpadded.

        ``chunks_left`` counts this chunk too; above 8 it is 8.

        Returns:
            Shape [L, C], the tokens that the mask leaves.

        Raises:
            KeyError: no such token.
        """
        embeds, mask = prompt.embeds, prompt.mask.bool()
        for name in names:
            token = self._token(name, chunks_left).to(embeds)
            embeds = torch.cat([token, embeds])[:max_length]
            mask = torch.cat([mask.new_ones(len(token)), mask])[:max_length]
        return embeds[mask]

    def null(self, null_caption: torch.Tensor, *, negative: bool = False) -> torch.Tensor:
        """The caption of no text: the first 50 tokens of the learned one, [50, C].

        With ``negative`` it names what is unwanted: captions, logos, cuts, borders.
        """
        prompt = Prompt(null_caption, null_caption.new_ones(len(null_caption)))
        names = NEGATIVE if negative else ()
        return self.prepend(names, prompt, len(null_caption))[:_NULL_LENGTH]

    def _token(self, name: str, chunks_left: int) -> torch.Tensor:
        if name == DURATION:
            name = f"{DURATION}_{min(chunks_left, _MAX_DURATION)}"
        return self._tokens[name]


def _named(arrays: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    other = arrays["other_tokens"]
    durations = {
        f"{DURATION}_{left}": other[_FIRST_DURATION + left - 1][None]
        for left in range(1, _MAX_DURATION + 1)
    }
    by_index = {name: other[index][None] for name, index in _OTHER.items()}
    own = {"CAPTION_TOKEN": arrays["caption_token"], "LOGO_TOKEN": arrays["logo_token"]}
    return {**own, **by_index, **durations}


def in_order(names: Sequence[str]) -> tuple[str, ...]:
    """The same tokens in the official order."""
    return tuple(sorted(names, key=ORDER.index))

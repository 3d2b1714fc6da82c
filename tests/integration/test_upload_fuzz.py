"""Damaged pictures and videos, sent for real: taken or refused, and nothing ever breaks."""

import random
from collections import Counter
from pathlib import Path

import pytest

from tests.films import film
from tests.integration.fleet import Fleet
from tests.integration.pictures import png

ROUNDS = 60


def damaged(data: bytes, chance: random.Random) -> bytes:
    """Some bytes changed, a piece cut out or doubled, or the end missing."""
    spoilt = bytearray(data)
    for _ in range(chance.choice((0, 1, 8, 64))):
        spoilt[chance.randrange(min(len(spoilt), 2000))] = chance.randrange(256)
    start = chance.randrange(len(spoilt))
    end = min(len(spoilt), start + chance.randrange(200))
    piece = chance.choice((None, b"", spoilt[start:end] * 2))
    if piece is not None:
        spoilt[start:end] = piece
    return bytes(spoilt[: chance.choice((len(spoilt), chance.randrange(len(spoilt))))])


@pytest.mark.parametrize("field", ["image", "video"])
def test_a_damaged_upload_is_taken_or_refused(fleet: Fleet, tmp_path: Path, field: str):
    service = fleet.start(module="magi1.app", model="magi1")
    whole = png() if field == "image" else film(tmp_path / "whole.mp4", 40).read_bytes()
    chance = random.Random(field)
    outcomes: Counter[int] = Counter()
    for _ in range(ROUNDS):
        form = {"prompt": "x", "dry_run": "true", "resolution": "256x256"}
        answer = service.client.post(
            "/generate", data=form, files={field: damaged(whole, chance)}, timeout=60
        )
        outcomes[answer.status_code] += 1
        assert answer.status_code in (200, 422), answer.text
        if answer.status_code == 422:
            assert answer.json()["error"]["param"] == field, answer.text
            assert answer.json()["error"]["hint"]
    assert min(outcomes[200], outcomes[422]) > ROUNDS // 10, outcomes
    assert "Traceback" not in service.log()
    assert not list((service.state / "inputs").iterdir())

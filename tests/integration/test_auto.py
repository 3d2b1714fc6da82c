"""``QUANTIZATION=auto`` behind the real service: what is loaded is what the pool has room for."""

import json
from pathlib import Path
from typing import Any

import pytest

from scripts.tiny import waver as tiny
from tests.integration.test_models import serving
from tests.live import LiveService, wait_until

pytestmark = pytest.mark.slow

PATIENCE = 240
GIB = 2**30


@pytest.mark.parametrize(
    ("pool_gib", "scheme", "words"),
    [(64, "none", "auto: none takes"), (2, "nf4", "auto: the smallest; none takes")],
)
def test_auto_takes_what_the_pool_has_room_for_and_says_so(
    tmp_path: Path, pool_gib: int, scheme: str, words: str
):
    """A worker alone is said to take more than 1.5 GB, and in fact takes less."""
    tiny.build(tmp_path / "models")
    pool = tmp_path / "pool.json"
    pool.write_text(json.dumps({"total_bytes": pool_gib * GIB, "available_bytes": pool_gib * GIB}))
    settings = {"quantization": "auto", "memory_source": pool}
    with serving("waver", tmp_path / "models", tmp_path / "waver", **settings) as service:
        assert service.client.post("/load").status_code < 300
        loaded = wait_until(lambda: _loaded(service), PATIENCE, "a loaded model")
    assert loaded["quantization"] == scheme
    assert loaded["quantization_reason"].startswith(words)
    assert loaded["quantization_reason"].endswith("GB")


def _loaded(service: LiveService) -> dict[str, Any] | None:
    found: dict[str, Any] = service.get("/info")["loaded"]
    return found if found["state"] == "loaded" else None

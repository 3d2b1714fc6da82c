"""With steps left out a video still shows what it was asked for, and is nearly the whole one."""

import pytest

from common.contract.step_caches import StepCache
from scripts.shapes.asking import Asked, Wish, ask
from scripts.shapes.captions import english
from scripts.shapes.step_caches import psnr
from tests.live import LiveService
from tests.meaning.conftest import LEARNT, SIX

CACHES = [{"step_cache": cache.value} for cache in StepCache]


def made(service: LiveService, seed: int, *options: dict[str, str]) -> list[Asked]:
    """A scene with each of them in turn."""
    scene = SIX[seed]
    wanted = [Wish(scene, english(scene), seed, {"options": each}) for each in options]
    return list(ask(service.url, wanted))


@pytest.mark.slow
def test_what_is_left_out_is_not_missed(waver: LiveService):
    whole, *cached, after = made(waver, 0, {}, *CACHES, {})
    for each in cached:
        assert 35 < psnr(each.frames, whole.frames) < 60, "and something was"
    assert (whole.frames == after.frames).all(), "nothing of the other jobs stays"
    for each in [*cached, *made(waver, 1, *CACHES)]:
        assert each.right(*LEARNT)


def test_what_cannot_be_cached_is_refused(waver: LiveService):
    body = {"prompt": "a circle", "num_inference_steps": 4, "options": {"step_cache": "mag"}}
    answer = waver.client.post("/generate", json=body)
    assert answer.status_code == 422
    assert answer.json()["error"]["param"] == "options.step_cache"
    assert "step_cache" in waver.get("/info")["capabilities"]

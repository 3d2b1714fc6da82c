"""The loader loads once, counts its users, and never forgets a model that is in use."""

import threading

import pytest

from common.base.errors import ModelBusy
from common.contract.messages import ModelState
from common.worker.model_loader import ModelLoader


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def make(ttl: float = 60) -> tuple[ModelLoader[object], list[object], list[ModelState], Clock]:
    loads: list[object] = []
    states: list[ModelState] = []
    clock = Clock()

    def load() -> object:
        loads.append(object())
        return loads[-1]

    loader = ModelLoader(load, ttl_seconds=ttl, clock=clock, on_change=states.append)
    return loader, loads, states, clock


def test_it_loads_at_the_first_use_and_only_then():
    loader, loads, states, _ = make()
    assert loader.state is ModelState.UNLOADED
    with loader.use() as first, loader.use() as second:
        assert first is second is loads[0]
    with loader.use():
        pass
    assert len(loads) == 1
    assert states == [ModelState.LOADING, ModelState.LOADED]


def test_callers_that_come_together_share_one_load():
    began, go = threading.Event(), threading.Event()
    loads: list[str] = []

    def load() -> str:
        began.set()
        go.wait(10)
        loads.append("model")
        return "model"

    loader = ModelLoader(load, ttl_seconds=60)
    got: list[str] = []

    def caller() -> None:
        with loader.use() as model:
            got.append(model)

    threads = [threading.Thread(target=caller) for _ in range(4)]
    for thread in threads:
        thread.start()
    began.wait(10)
    go.set()
    for thread in threads:
        thread.join()
    assert got == ["model"] * 4
    assert loads == ["model"]


def test_a_model_in_use_is_neither_unloaded_nor_forgotten():
    loader, loads, _, _ = make()
    with loader.use():
        with pytest.raises(ModelBusy):
            loader.unload()
        with loader.use():
            pass
    assert len(loads) == 1


def test_an_unloaded_model_is_loaded_again():
    loader, loads, states, _ = make()
    with loader.use():
        pass
    loader.unload()
    with loader.use():
        pass
    assert len(loads) == 2
    assert states.count(ModelState.UNLOADED) == 1


def test_a_load_that_fails_leaves_it_unloaded_and_may_be_tried_again():
    tries = iter([RuntimeError("no"), None])

    def load() -> str:
        if error := next(tries):
            raise error
        return "model"

    loader = ModelLoader(load, ttl_seconds=60)
    with pytest.raises(RuntimeError), loader.use():
        pass
    assert loader.state is ModelState.UNLOADED
    with loader.use() as model:
        assert model == "model"


@pytest.mark.parametrize(
    ("ttl", "idle", "left"), [(60, 0, 60), (60, 59, 1), (60, 61, 0), (0, 0, 0), (-1, 1e9, None)]
)
def test_idle_time_runs_out(ttl: float, idle: float, left: float | None):
    loader, _, _, clock = make(ttl)
    with loader.use():
        clock.now += 1000
    clock.now += idle
    assert loader.seconds_until_expiry() == left


def test_a_model_in_use_is_never_idle():
    loader, _, _, clock = make(1)
    with loader.use():
        clock.now += 1000
        assert loader.seconds_until_expiry() is None

"""Holds one model: loaded when first used, once, and let go when nobody has used it for a while."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

from common.base.errors import ModelBusy
from common.contract.messages import ModelState

T = TypeVar("T")

NEVER = -1.0


class ModelLoader(Generic[T]):
    """Lazy, single-flight, reference-counted.

    ``ttl_seconds``: idle time before ``expired``; 0 is at once, -1 never. ``on_change`` is told
    every new state. Safe to use from several threads: one loads, the others wait for it.
    """

    def __init__(
        self,
        load: Callable[[], T],
        *,
        ttl_seconds: float,
        clock: Callable[[], float] = time.monotonic,
        on_change: Callable[[ModelState], None] = lambda _state: None,
    ) -> None:
        self._load = load
        self._ttl = ttl_seconds
        self._clock = clock
        self._on_change = on_change
        self._lock = threading.Lock()
        self._model: T | None = None
        self._users = 0
        self._idle_since = clock()
        self.state = ModelState.UNLOADED

    @contextmanager
    def use(self) -> Iterator[T]:
        """Give the model, loading it if need be; while inside, it cannot be unloaded."""
        model = self._acquire()
        try:
            yield model
        finally:
            with self._lock:
                self._users -= 1
                self._idle_since = self._clock()

    def unload(self) -> None:
        """Forget the model.

        Raises:
            ModelBusy: somebody uses it. It stays loaded and tracked: forgetting a model in use
                would load a second copy for the next caller.
        """
        with self._lock:
            if self._users:
                raise ModelBusy("The model is in use.", hint="Wait for its job, or cancel it.")
            self._model = None
            self._change(ModelState.UNLOADED)

    def seconds_until_expiry(self) -> float | None:
        """Seconds of idleness left; 0 when they are over, None while used or kept for ever."""
        with self._lock:
            if self._users or self._ttl == NEVER:
                return None
            return max(0.0, self._idle_since + self._ttl - self._clock())

    def _acquire(self) -> T:
        with self._lock:  # held while loading: that is what makes it single-flight
            if self._model is None:
                self._change(ModelState.LOADING)
                self._model = self._loaded()
                self._change(ModelState.LOADED)
            self._users += 1
            return self._model

    def _loaded(self) -> T:
        try:
            return self._load()
        except BaseException:
            self._change(ModelState.UNLOADED)
            raise

    def _change(self, state: ModelState) -> None:
        self.state = state
        self._on_change(state)

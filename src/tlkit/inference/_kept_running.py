"""What runs a model, kept from one call to the next."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tlkit._keras.types import Model
from tlkit.features.store.store import FeatureStore
from tlkit.inference._engine import RunningModel
from tlkit.inference._precision import Precisely


class KeptRunning:
    """Lets a model that was run before go on for the next pictures: compiled, on its engine.

    Who comes while it is in use gets one of their own, and so does a copy in another process.
    """

    def __init__(self) -> None:
        self._idle: deque[RunningModel] = deque(maxlen=1)

    @contextmanager
    def running(
        self, model: Model, asked: str, store: FeatureStore, precisely: Precisely | None = None
    ) -> Iterator[RunningModel]:
        """Give what runs a model; arguments as for `RunningModel`.

        A low precision is for the pictures that it was compared on, and not kept.
        """
        if precisely is not None:
            yield RunningModel(model, asked, store, precisely)
            return
        try:
            running = self._idle.pop()
        except IndexError:
            running = None
        if running is None or not running.runs(model, asked):
            running = RunningModel(model, asked, store)
        running.store = store
        yield running
        self._idle.append(running)

    def __getstate__(self) -> dict[str, Any]:
        return {"_idle": deque(maxlen=1)}

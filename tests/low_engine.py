"""An engine with low precisions that stands for one of another processor."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tlkit._plugins.discovery import Discovery
from tlkit.features import passes, table_key
from tlkit.features.engines import choice, comparison
from tlkit.features.engines.engine import EngineSpec
from tlkit.features.engines.keras_engine import KerasEngine, tlkit_engines
from tlkit.features.engines.registry import EngineRegistry
from tlkit.features.precision import checking, choosing
from tlkit.features.precision.check import compared

Change = Callable[[np.ndarray], np.ndarray]


def rounded(output: np.ndarray) -> np.ndarray:
    """Keep 8 bits of each number's fraction, as bfloat16 does."""
    bits = output.astype("float32").view("uint32") + np.uint32(0x8000)
    kept: np.ndarray = (bits & np.uint32(0xFFFF0000)).view("float32")
    return kept


def ruined(output: np.ndarray) -> np.ndarray:
    """Give what has nothing to do with the image."""
    return np.asarray(np.random.default_rng(0).normal(size=output.shape), "float32")


class LowMachine:
    """A processor whose one engine besides Keras, ``"swift"``, has low precisions.

    Args:
        monkeypatch: Puts it in the place of what is installed.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.lacks = {"bfloat16": "", "int8": ""}
        self.changes: dict[str, Change] = {"bfloat16": rounded, "int8": rounded}
        self.ms = {"keras": 8e6, "swift": 4e6, "swift:bfloat16": 2e6, "swift:int8": 1e6}
        self.calibrated: list[int] = []
        self.compared = 0
        spec = EngineSpec(
            name="swift",
            make=lambda trunk, _: Swift(trunk, lambda x: x, self),
            precisions=lambda: self.lacks,
            make_low=self._low,
            export_s=0.0,
        )
        self.registry = EngineRegistry(Discovery([*tlkit_engines(), spec]))
        for module in (choice, passes, choosing, table_key):
            monkeypatch.setattr(module, "installed_engines", lambda: self.registry)
        monkeypatch.setattr(comparison, "KerasEngine", Untraced)
        monkeypatch.setattr(checking, "timed", self._timed)
        monkeypatch.setattr(comparison, "timed", self._timed)

        def counted(*args: Any) -> Any:
            self.compared += 1
            return compared(*args)

        monkeypatch.setattr(checking, "compared", counted)

    def _timed(self, engines: list[Any], *_: Any) -> dict[str, float]:
        return {each.name: self.ms[each.name] for each in engines}

    def _low(self, trunk: Any, stem: Path, precision: str, kept: Path, pictures: Any) -> Swift:  # noqa: ARG002
        if precision == "int8" and not kept.exists():
            self.calibrated.append(len(pictures()))
            kept.write_text("calibrated")
        return Swift(trunk, self.changes[precision], self)


class Untraced(KerasEngine):
    """Keras without a compiled function, which would take longer than these few images."""

    def __init__(self, trunk: Any) -> None:
        self._trunk = trunk

    def run(self, images: np.ndarray) -> np.ndarray:
        """Return what Keras gives."""
        return np.asarray(self._trunk(images.astype("float32"), training=False))


class Swift(Untraced):
    """Keras, changed by a function."""

    name = "swift"

    def __init__(self, trunk: Any, change: Change, machine: LowMachine) -> None:
        super().__init__(trunk)
        self._change, self._machine = change, machine

    def run(self, images: np.ndarray) -> np.ndarray:
        """Return about what Keras gives."""
        return self._change(super().run(images))


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> LowMachine:
    """The processor."""
    return LowMachine(monkeypatch)

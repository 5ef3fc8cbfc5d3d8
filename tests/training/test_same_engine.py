"""A run that goes on uses the engines that it used before, whichever is faster now."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tlkit
from tests.conftest import thorough
from tests.training.conftest import head_stage, same_weights, top_stage, trainer
from tests.training.test_resume import Data, Interrupt
from tlkit._plugins.discovery import Discovery
from tlkit.errors import EngineError, RunDirectoryError
from tlkit.features import passes
from tlkit.features.engines import choice, comparison as weighing
from tlkit.features.engines.engine import EngineSpec
from tlkit.features.engines.keras_engine import KerasEngine, tlkit_engines
from tlkit.features.engines.registry import EngineRegistry
from tlkit.training.run_dir.engines_used import EngineNotes

ROUNDING = np.float32(1 + 3e-6)


class Other(KerasEngine):
    """Keras, but for another rounding."""

    name = "other"

    def run(self, images: np.ndarray) -> np.ndarray:
        """Return almost what Keras gives."""
        return super().run(images) * ROUNDING


class Machine:
    """What the engines are on a machine.

    Args:
        monkeypatch: Puts them in the place of what is installed.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.ms = {"keras": 2e6, "other": 1e6}
        self.broken = False
        other = EngineSpec(name="other", make=self._make, export_s=0.0)
        registry = EngineRegistry(Discovery([*tlkit_engines(), other]))
        for module in (choice, passes):
            monkeypatch.setattr(module, "installed_engines", lambda: registry)
        monkeypatch.setattr(
            weighing, "timed", lambda engines, *_: {e.name: self.ms[e.name] for e in engines}
        )

    def _make(self, trunk: Any, stem: Path) -> Other:  # noqa: ARG002
        if self.broken:
            raise EngineError("other: out of order")
        return Other(trunk)

    def prefer_keras(self) -> None:
        """Let other programs slow the other engine down."""
        self.ms = {"keras": 1e6, "other": 2e6}


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    """A machine on which the other engine is faster."""
    return Machine(monkeypatch)


def make(folder: Path, last: str = "head", **settings: Any) -> tlkit.StagedTrainer:
    """A trainer of stages on features, on augmented images and partly unfrozen, up to one."""
    turned = tlkit.Augmentation()
    stages = [
        head_stage(callbacks=(Interrupt("head"),)),
        head_stage(name="turned", augmentation=turned, callbacks=(Interrupt("turned"),)),
        top_stage(callbacks=(Interrupt("top"),)),
    ]
    names = [stage.name for stage in stages]
    return trainer(*stages[: names.index(last) + 1], run_dir=folder, **settings)


@pytest.mark.slow
@pytest.mark.parametrize("last", ["top", *thorough("head", "turned")])
def test_the_engine_stays_where_another_has_become_the_fastest(
    machine: Machine, parts: Data, tmp_path: Path, last: str
) -> None:
    plain = make(tmp_path / "plain", last).fit(*parts, verbose=0)
    Interrupt.at = last, "epoch end", 1
    with pytest.raises(KeyboardInterrupt):
        make(tmp_path / "cut", last).fit(*parts, verbose=0)
    machine.prefer_keras()
    resumed = make(tmp_path / "cut", last).fit(*parts, resume=True, verbose=0)
    assert same_weights(plain.model, resumed.model)
    assert plain.history == resumed.history
    if last == "head":
        otherwise = make(tmp_path / "otherwise", last).fit(*parts, verbose=0)
        assert not same_weights(plain.model, otherwise.model)


@pytest.mark.slow
def test_an_engine_that_is_gone_is_told(machine: Machine, parts: Data, tmp_path: Path) -> None:
    Interrupt.at = "head", "epoch end", 1
    with pytest.raises(KeyboardInterrupt):
        make(tmp_path).fit(*parts, verbose=0)
    machine.broken = True
    result = make(tmp_path).fit(*parts, resume=True, verbose=0)
    (told,) = [note for note in result.stages[0].notes if "engine" in note]
    assert told.startswith("engine: keras")
    assert "no longer other: out of order" in told


def test_an_engine_that_was_asked_for_is_not_noted_against(parts: Data, tmp_path: Path) -> None:
    result = make(tmp_path, engine="keras").fit(*parts, verbose=0)
    assert "engine: keras, as asked" in result.stages[0].notes


def test_damaged_notes_are_an_error_with_a_way_on(tmp_path: Path) -> None:
    file = tmp_path / "engines.json"
    file.write_text("[")
    with pytest.raises(RunDirectoryError, match=r"engines.json is damaged: .*Delete it to go on"):
        EngineNotes(file)

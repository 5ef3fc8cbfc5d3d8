"""Every selector of tlkit, whichever are on the list: saved, set, listed and described."""

from __future__ import annotations

import json
import pkgutil
from pathlib import Path

import numpy as np
import pytest

import tlkit
import tlkit.learning_rate.selectors as room
from tlkit import LRCurve
from tlkit.learning_rate.selectors.builtin import BUILT_IN, BuiltIn
from tlkit.training.run_dir.encoding import decoded, encoded, only_text

DOCS = Path(__file__).parents[2] / "docs"
RATES = np.geomspace(1e-5, 1, 41)
every_one = pytest.mark.parametrize("kind", BUILT_IN, ids=lambda kind: kind.__name__)


def bowl(selector: BuiltIn) -> LRCurve:
    return LRCurve(RATES, 1 + ((np.arange(41) - 25) / 10.0) ** 2, selector=selector)


def test_every_module_of_the_room_that_holds_a_selector_is_on_the_list() -> None:
    shared = {"_recorded", "_refusals", "_scatter", "_start_up", "builtin", "selector", "smoothing"}
    modules = {module.name for module in pkgutil.iter_modules(room.__path__)}
    assert {kind.__module__.rpartition(".")[2] for kind in BUILT_IN} == modules - shared


@every_one
def test_answer_comes_with_its_reason_and_stands_among_those_of_any_curve(
    kind: type[BuiltIn],
) -> None:
    curve = bowl(kind())
    assert curve.suggestions[kind.__name__] == curve.suggestion
    assert str(curve).splitlines()[1].startswith(f"{kind.__name__}: ")
    assert "the selector's choice" not in curve.reason
    assert f"{kind.__name__}: {curve.suggestion:.2g} (chosen)" in {
        text.get_text()
        for text in curve.plot().get_legend().get_texts()  # type: ignore[union-attr]
    }


@every_one
def test_curve_comes_back_from_disk_with_its_selector(kind: type[BuiltIn], tmp_path: Path) -> None:
    curve = bowl(kind())
    again = LRCurve.load(curve.save(tmp_path / "curve.json"))
    assert again.selector == kind()
    assert again.suggestions == curve.suggestions


@every_one
def test_finder_with_it_comes_back_from_the_settings_of_a_run(kind: type[BuiltIn]) -> None:
    finder = tlkit.ExponentialLRFinder(selector=kind())
    data = json.loads(json.dumps(encoded(finder)))
    assert not list(only_text(data))
    assert decoded(data) == finder


@every_one
def test_name_is_public_and_has_a_place_in_the_documentation(kind: type[BuiltIn]) -> None:
    assert getattr(tlkit, kind.__name__) is kind
    assert getattr(tlkit.learning_rate, kind.__name__) is kind
    assert f"   {kind.__name__}\n" in (DOCS / "api/learning-rate.md").read_text("utf-8")
    assert f"`{kind.__name__}" in (DOCS / "learning-rate.md").read_text("utf-8")

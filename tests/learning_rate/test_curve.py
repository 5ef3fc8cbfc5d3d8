"""What a curve keeps, says, draws and saves."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tlkit import LRCurve, SmoothedMinimum, Steepest, TlkitError
from tlkit.errors import LearningRateError, SelectorError
from tlkit.learning_rate._curve_file import CURVE

RATES = np.geomspace(1e-5, 1, 21)
BOWL = ((np.arange(21) - 12) / 4.0) ** 2


def middle(curve: LRCurve) -> float:
    """A selector that a user could write."""
    return float(curve.learning_rates[len(curve) // 2])


def test_points_are_sorted_by_rate_and_kept_together() -> None:
    order = np.random.default_rng(0).permutation(21)
    curve = LRCurve(RATES[order], BOWL[order], np.arange(21)[order] / 20)
    assert np.array_equal(curve.learning_rates, RATES)
    assert np.array_equal(curve.losses, BOWL)
    assert curve.accuracies is not None
    assert np.array_equal(curve.accuracies, np.arange(21) / 20)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_the_first_loss_that_is_not_finite_cuts_everything_after_it(bad: float) -> None:
    losses = BOWL.copy()
    losses[15] = bad
    curve = LRCurve(RATES, losses, np.arange(21), validation_losses=BOWL)
    assert len(curve) == len(curve.losses) == 15
    assert curve.accuracies is not None
    assert curve.validation_losses is not None
    assert len(curve.accuracies) == len(curve.validation_losses) == 15
    assert curve.n_cut == 6
    assert "6 more cut" in repr(curve)


def test_arrays_are_float64_and_read_only() -> None:
    curve = LRCurve([1, 2, 3], [3, 2, 1])
    assert curve.learning_rates.dtype == curve.losses.dtype == np.float64
    with pytest.raises(ValueError, match="read-only"):
        curve.losses[0] = 9


def test_the_callers_array_stays_writable() -> None:
    losses = BOWL.copy()
    LRCurve(RATES, losses)
    losses[0] = 5


@pytest.mark.parametrize(
    ("rates", "losses", "said"),
    [
        ([], [], "empty"),
        ([1, 2], [1], r"losses has shape \(1,\); expected 2 numbers"),
        ([1, 2], [[1, 2]], "losses has shape"),
        ([0, 1], [1, 2], "holds 0; every rate must be above 0"),
        ([-1, 1], [1, 2], "holds -1"),
        ([np.nan, 1], [1, 2], "holds nan"),
        ([1, np.inf], [1, 2], "holds inf"),
        ([1, 1], [1, 2], "holds 1 twice"),
        (["a", "b"], [1, 2], "learning_rates: expected numbers"),
    ],
)
def test_points_that_make_no_curve_are_refused(rates: object, losses: object, said: str) -> None:
    with pytest.raises(LearningRateError, match=said) as caught:
        LRCurve(rates, losses)  # type: ignore[arg-type]
    assert isinstance(caught.value, ValueError)
    assert isinstance(caught.value, TlkitError)


def test_accuracies_must_be_as_many_as_losses() -> None:
    with pytest.raises(LearningRateError, match="accuracies"):
        LRCurve(RATES, BOWL, [0.5])


def test_a_curve_prints_the_answer_and_the_reason_in_two_lines(published: LRCurve) -> None:
    answer, reason = str(published).splitlines()
    assert answer == "LRCurve of 100 rates from 1e-05 to 2.25: use 0.000418"
    assert reason.startswith("SmoothedMinimum: smallest 5-point loss 0.57")
    assert reason.endswith("among 73 calm points of 89")


def test_a_curve_without_an_answer_prints_why() -> None:
    answer, reason = str(LRCurve(RATES, np.ones(21), stop_reason="bored")).splitlines()
    assert answer.endswith("no rate can be chosen")
    assert "flat" in reason
    assert reason.endswith("stopped early: bored")


def test_an_empty_curve_has_a_repr_too() -> None:
    assert "no rate can be chosen" in repr(LRCurve([1.0], [np.nan]))


def test_all_selectors_are_asked_and_refusals_are_kept() -> None:
    curve = LRCurve(RATES, -BOWL)
    assert set(curve.suggestions) | set(curve.refusals) == {
        "SmoothedMinimum",
        "ShareOfFall",
        "Steepest",
        "Valley",
        "MinimumOverTen",
    }
    assert "min_lr" in curve.refusals["SmoothedMinimum"]


def test_disagreement_is_in_decades(published: LRCurve) -> None:
    rates = published.suggestions.values()
    assert published.disagreement == pytest.approx(np.log10(max(rates) / min(rates)))


def test_disagreement_is_said_also_where_the_chosen_selector_refuses() -> None:
    def refusing(_: LRCurve) -> float:
        raise SelectorError("not today")

    rates = np.geomspace(1e-6, 1, 100)
    curve = LRCurve(rates, (np.arange(100) - 85.0) ** 2, selector=refusing)
    assert curve.disagreement > 1
    apart = f"the selectors are {curve.disagreement:.1f} decades apart"
    assert curve.reason.startswith(f"not today; {apart}: ")
    assert curve.plot().get_title() == f"no learning rate can be chosen; {apart}"


def test_a_curve_nobody_can_read_has_no_disagreement() -> None:
    assert LRCurve(RATES, np.ones(21)).disagreement == 0.0


def test_a_custom_selector_is_any_callable() -> None:
    curve = LRCurve(RATES, BOWL, selector=middle)
    assert curve.suggestion == RATES[10]
    assert curve.suggestions["middle"] == RATES[10]
    assert "middle: the selector's choice" in str(curve)


@pytest.mark.parametrize("answer", [float("nan"), 0.0, -1.0, float("inf")])
def test_a_selector_that_returns_no_rate_is_an_error(answer: float) -> None:
    with pytest.raises(SelectorError, match=r"<lambda> returned"):
        _ = LRCurve(RATES, BOWL, selector=lambda _: answer).suggestion


def test_a_curve_comes_back_from_disk_as_it_went(tmp_path: Path, published: LRCurve) -> None:
    path = published.save(tmp_path / "new" / "curve.json")
    again = LRCurve.load(path)
    assert str(again) == str(published)
    for name in ("learning_rates", "losses", "accuracies", "validation_losses"):
        assert np.array_equal(getattr(again, name), getattr(published, name))
    assert [file.name for file in path.parent.iterdir()] == ["curve.json"]


def test_settings_cut_and_stop_reason_come_back_too(tmp_path: Path) -> None:
    losses = np.where(np.arange(21) < 18, BOWL, np.nan)
    curve = LRCurve(RATES, losses, selector=Steepest(3), stop_reason="nan")
    again = LRCurve.load(curve.save(tmp_path / "curve.json"))
    assert (again.selector, again.n_cut, again.stop_reason) == (Steepest(3), 3, "nan")


def test_an_accuracy_that_is_not_known_comes_back_as_nan(tmp_path: Path) -> None:
    curve = LRCurve(RATES, BOWL, np.full(21, np.nan))
    path = curve.save(tmp_path / "curve.json")
    json.loads(path.read_text(), parse_constant=pytest.fail)
    assert np.isnan(LRCurve.load(path).accuracies).all()  # type: ignore[arg-type]


def test_a_custom_selector_has_to_be_given_again(tmp_path: Path) -> None:
    path = LRCurve(RATES, BOWL, selector=middle).save(tmp_path / "curve.json")
    with pytest.raises(LearningRateError, match=r"'middle'.*selector="):
        LRCurve.load(path)
    assert LRCurve.load(path, selector=middle).suggestion == RATES[10]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("not json", "not JSON"),
        ("[]", "format"),
        ('{"format": "tlkit.LRCurve/1"}', "its format is 'tlkit.LRCurve/1', expected"),
        ({}, "names no selector"),
        ({"selector": {"name": "Valley", "own": True}}, "learning_rates"),
    ],
)
def test_a_file_that_is_no_curve_is_refused(
    tmp_path: Path, content: str | dict[str, Any], said: str
) -> None:
    path = tmp_path / "curve.json"
    if isinstance(content, str):
        path.write_text(content)
    else:
        CURVE.write(path, content)
    with pytest.raises(LearningRateError, match=rf"is not a curve.*{said}"):
        LRCurve.load(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(LearningRateError, match=r"cannot read .*nowhere\.json"):
        LRCurve.load(tmp_path / "nowhere.json")


def test_a_failed_save_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = LRCurve(RATES, BOWL).save(tmp_path / "curve.json")
    before = path.read_bytes()

    def full(_: int) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(LearningRateError, match="disk full"):
        LRCurve(RATES, BOWL + 1).save(path)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["curve.json"]


def test_a_folder_that_is_a_file_cannot_be_written_to(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(LearningRateError, match="cannot write the curve"):
        LRCurve(RATES, BOWL).save(tmp_path / "file" / "curve.json")


def test_to_dataframe_has_a_column_for_each_thing_known(published: LRCurve) -> None:
    table = published.to_dataframe()
    assert list(table.columns) == ["learning_rate", "loss", "accuracy", "val_loss"]
    assert len(table) == 100
    assert list(LRCurve(RATES, BOWL).to_dataframe().columns) == ["learning_rate", "loss"]


@pytest.mark.parametrize(
    ("method", "package", "hint"),
    [("to_dataframe", "pandas", r"tlkit\[table\]"), ("plot", "matplotlib.figure", r"\[plots\]")],
)
def test_a_missing_package_is_named_with_the_way_to_get_it(
    monkeypatch: pytest.MonkeyPatch, method: str, package: str, hint: str
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(LearningRateError, match=hint):
        getattr(LRCurve(RATES, BOWL), method)()


def test_plot_marks_every_suggestion_and_shades_what_is_volatile(published: LRCurve) -> None:
    axes = published.plot()
    legend = axes.get_legend()
    assert legend is not None
    shown = " | ".join(text.get_text() for text in legend.get_texts())
    for name in published.suggestions:
        assert name in shown
    assert "SmoothedMinimum: 0.00042 (chosen)" in shown
    assert "volatile" in shown
    assert "smoothed" in shown
    assert axes.get_xscale() == "log"
    assert len(axes.figure.axes) == 2


def test_plot_draws_where_it_is_told_to_and_leaves_pyplot_alone(tmp_path: Path) -> None:
    from matplotlib import pyplot as plt
    from matplotlib.figure import Figure

    figure = Figure()
    axes = figure.subplots()
    assert LRCurve(RATES, BOWL).plot(axes) is axes
    figure.savefig(tmp_path / "curve.png")
    assert plt.get_fignums() == []


def test_plot_of_a_curve_without_an_answer_shows_the_points_and_says_so() -> None:
    axes = LRCurve(RATES, np.ones(21), stop_reason="nan at 0.3").plot()
    assert axes.get_title() == "no learning rate can be chosen\nstopped early: nan at 0.3"


@pytest.mark.parametrize("reason", [None, "the loss became nan at rate 0.3, 18 of 21"])
def test_plot_marks_where_the_curve_was_cut(reason: str | None) -> None:
    losses = np.where(np.arange(21) < 17, BOWL, np.nan)
    axes = LRCurve(RATES, losses, stop_reason=reason).plot()
    label = "stopped here" if reason else "from here on not finite"
    (line,) = [line for line in axes.lines if line.get_label() == label]
    assert np.array_equal(np.asarray(line.get_xdata()), [RATES[16]] * 2)


def test_plot_keeps_a_divergence_from_flattening_the_rest() -> None:
    losses = BOWL.copy()
    losses[-1] = 1e9
    axes = LRCurve(RATES, losses).plot()
    assert axes.get_ylim()[1] < 100
    assert "1e+09" in axes.get_ylabel()


def test_plot_of_nothing_is_refused() -> None:
    with pytest.raises(LearningRateError, match="nothing to plot"):
        LRCurve([1.0], [np.nan]).plot()


def test_default_selector_is_the_smoothed_minimum() -> None:
    assert LRCurve(RATES, BOWL).selector == SmoothedMinimum()

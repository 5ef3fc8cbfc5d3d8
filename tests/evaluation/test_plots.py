"""Pictures show what they should, where they should."""

from __future__ import annotations

import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

import tlkit
from tlkit import Evaluation
from tlkit.errors import EvaluationError
from tlkit.evaluation.metrics.class_intervals import f1_intervals
from tlkit.evaluation.plots import (
    plot_comparison,
    plot_confusion,
    plot_history,
    plot_per_class,
    plot_reliability,
)

HISTORIES = [
    ("frozen", {"loss": [2.0, 1.5, 1.2], "val_loss": [2.1, 1.7, 1.5]}),
    ("fine-tuning", {"loss": [1.1, 0.9], "val_loss": [1.4, 1.3]}),
]


def draw_history(_: Evaluation, ax: Any = None) -> Any:
    return plot_history(HISTORIES, ax)


def draw_comparison(found: Evaluation, ax: Any = None) -> Any:
    named = {"one": found, "a $second$ one": many_classes(5, len(found))}
    named["a $second$ one"] = Evaluation.from_predictions(
        found.y_true, named["a $second$ one"].probabilities, found.class_names
    )
    return plot_comparison(tlkit.compare(named), named, ax)


def many_classes(count: int, images: int = 900) -> Evaluation:
    random = np.random.default_rng(0)
    truth = np.arange(images) % count
    rows = random.dirichlet(np.full(count, 0.3), size=images)
    rows[np.arange(images), truth] += 0.3
    names = [f"some_category/number {number}" for number in range(count)]
    return Evaluation.from_predictions(truth, rows / rows.sum(axis=1, keepdims=True), names)


@pytest.mark.parametrize(
    "draw",
    [plot_confusion, plot_per_class, plot_reliability, draw_history, draw_comparison],
)
def test_each_plot_draws_where_it_is_told_to(
    draw: Callable[..., Any], good: Evaluation, tmp_path: Path
) -> None:
    axes = Figure().subplots()
    assert draw(good, ax=axes) is axes
    own = draw(good)
    own.figure.savefig(tmp_path / "plot.png")
    assert plt.get_fignums() == []


@pytest.mark.parametrize("draw", [plot_confusion, plot_per_class])
def test_no_names_overlap_at_27_classes(draw: Callable[..., Any]) -> None:
    axes = draw(many_classes(27))
    figure = axes.figure
    figure.canvas.draw()
    for labels in (axes.get_xticklabels(), axes.get_yticklabels()):
        boxes = [label.get_window_extent() for label in labels if label.get_text()]
        touching = [a.overlaps(b) for a, b in pairwise(boxes)]
        assert not any(touching)


@pytest.mark.slow
def test_counts_fit_into_their_cells_at_27_classes() -> None:
    axes = plot_confusion(many_classes(27, images=20_000))
    axes.figure.canvas.draw()
    (x0, y0), (x1, y1) = axes.transData.transform([(0, 0), (1, 1)])
    widest = max(axes.texts, key=lambda text: len(text.get_text())).get_window_extent()
    assert widest.width < abs(x1 - x0)
    assert widest.height < abs(y1 - y0)


def test_confusion_says_when_it_leaves_the_counts_out() -> None:
    axes = plot_confusion(many_classes(200))
    assert axes.get_title().endswith("counts left out")
    assert len(axes.texts) == 0
    assert len(axes.get_yticks()) <= 60


def test_per_class_shows_f1_and_number_of_images(good: Evaluation) -> None:
    axes: Any = plot_per_class(good)
    shown = {text.get_text() for text in axes.texts}
    assert {f"{row.f1:.2f}" for row in good.per_class} | {"120"} == shown
    assert [bar.get_width() for bar in axes.patches] == sorted(r.f1 for r in good.per_class)


def test_per_class_says_how_many_classes_it_leaves_out() -> None:
    axes = plot_per_class(many_classes(200))
    assert axes.get_title().endswith("140 classes in the middle left out")
    assert len(axes.patches) == 60


def test_history_runs_through_all_stages_and_marks_where_they_begin() -> None:
    axes: Any = plot_history(HISTORIES)
    lines = [line for line in axes.get_lines() if line.get_marker() != "None"]
    epochs = sorted({float(x) for line in lines for x in line.get_xdata()})
    assert epochs == [1, 2, 3, 4, 5]
    legend = axes.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == ["training", "validation"]
    (top,) = axes.child_axes
    assert [label.get_text() for label in top.get_xticklabels()] == ["frozen", "fine-tuning"]
    assert 3.5 in [line.get_xdata()[0] for line in axes.get_lines()]


def test_history_of_another_metric_without_validation() -> None:
    axes = plot_history({"only": {"accuracy": [0.1, 0.2]}}, metric="accuracy")
    legend = axes.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == ["training"]
    assert axes.get_ylabel() == "accuracy"


def test_a_metric_nobody_recorded_is_refused() -> None:
    with pytest.raises(EvaluationError, match=r"metric='f1' .* \['loss', 'val_loss'\]"):
        plot_history(HISTORIES, metric="f1")


def test_missing_matplotlib_is_named_with_the_way_to_get_it(
    monkeypatch: pytest.MonkeyPatch, good: Evaluation
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(EvaluationError, match=r"pip install .*tlkit\[plots\]"):
        plot_confusion(good)


def test_per_class_draws_the_interval_and_a_benchmark(good: Evaluation) -> None:
    axes: Any = plot_per_class(good, benchmark=0.5)
    ends = f1_intervals(good)
    order = sorted(range(5), key=lambda place: good.per_class[place].f1)
    (lines,) = axes.collections
    drawn = np.array([[start[0], end[0]] for start, end in lines.get_segments()])
    np.testing.assert_allclose(drawn, ends[order])
    assert all(low <= row.f1 <= high for row, (low, high) in zip(good.per_class, ends, strict=True))
    assert 0.5 in [line.get_xdata()[0] for line in axes.get_lines()]
    assert axes.get_title().endswith("benchmark 0.500 (dotted)")


def test_interval_of_a_class_is_what_resampling_images_gives(good: Evaluation) -> None:
    """By the slow way: images drawn anew, scored by scikit-learn."""
    from sklearn.metrics import f1_score

    random = np.random.default_rng(1)
    scores = []
    for _ in range(400):
        drawn = random.integers(len(good), size=len(good))
        scores.append(f1_score(good.y_true[drawn], good.predictions[drawn], average=None))
    slow = np.quantile(scores, [0.025, 0.975], axis=0).T
    np.testing.assert_allclose(f1_intervals(good), slow, atol=0.025)


def test_reliability_shows_how_often_each_bin_is_right() -> None:
    """Ten images at 0.95, nine of them right; ten at 0.65, three of them right."""
    truth = [0] * 9 + [1] + [0] * 3 + [1] * 7
    rows = [[0.95, 0.05]] * 10 + [[0.65, 0.35]] * 10
    axes: Any = plot_reliability(Evaluation.from_predictions(truth, rows))
    (marks,) = axes.collections
    np.testing.assert_allclose(marks.get_offsets(), [[0.65, 0.3], [0.95, 0.9]])
    legend = axes.get_legend()
    assert legend is not None
    # Ten are 5 points off and ten 35.
    assert legend.get_texts()[0].get_text() == "on average 20.0 points off"


def test_reliability_before_and_after(good: Evaluation, poor: Evaluation) -> None:
    axes: Any = plot_reliability({"before": good, "after": poor})
    assert [text.get_text().split(":")[0] for text in axes.get_legend().get_texts()] == [
        "before",
        "after",
    ]
    with pytest.raises(EvaluationError, match="bins=1 and 1 evaluations: expected 2 or more bins"):
        plot_reliability(good, bins=1)


def test_comparison_marks_the_best_and_its_equals(
    good: Evaluation, similar: Evaluation, poor: Evaluation
) -> None:
    named = {"good": good, "similar": similar, "poor": poor}
    comparison = tlkit.compare(named)
    axes: Any = plot_comparison(comparison, named)
    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert labels == list(reversed(comparison.ranking)), "best on top"
    marks = [line for line in axes.get_lines() if line.get_marker() == "o"]
    full = {labels[int(m.get_ydata()[0])] for m in marks if m.get_markerfacecolor() != "white"}
    assert full == set(comparison.best_group)
    with pytest.raises(EvaluationError, match="evaluations lacks 'poor'"):
        plot_comparison(comparison, {"good": good, "similar": similar})

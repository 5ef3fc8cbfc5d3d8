"""A stage that makes the model worse does not win in silence, nor at all where it may not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from hypothesis import given, strategies as st
from sklearn.metrics import f1_score

import tlkit
from tests.conftest import thorough
from tests.training.conftest import head_stage, same_weights, trainer
from tlkit.errors import TrainingError
from tlkit.reporting import report
from tlkit.training import StageResult, read_run
from tlkit.training.kept import kept_lines, kept_stage
from tlkit.training.loop._judging import WeightedF1

Data = tuple[tlkit.ImageDataset, tlkit.ImageDataset]


class Ruin(keras.callbacks.Callback):  # type: ignore[misc]
    """Empties the classifier after every batch, so that all classes are equally probable."""

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:  # noqa: ARG002
        """Empty it."""
        for weight in self.model.layers[-1].weights:
            weight.assign(np.zeros(weight.shape, "float32"))


GOOD = head_stage(name="good", epochs=16, learning_rate=0.1)
BAD = head_stage(name="bad", epochs=1, callbacks=(Ruin(),))


def did(name: str, accuracy: float | None, **others: Any) -> StageResult:
    history = {"loss": [1.0], **({} if accuracy is None else {"val_accuracy": [accuracy]})}
    return StageResult(name, history, 0, 0.1, ("head",), 1, None, {}, **others)


accuracies = st.lists(st.sampled_from([0.1, 0.2, 0.3, 0.4]), min_size=1, max_size=5)


@given(accuracies)
def test_the_best_is_the_last_of_those_with_the_largest_accuracy(values: list[float]) -> None:
    stages = [did(str(place), value) for place, value in enumerate(values)]
    last_of_best = max(place for place, value in enumerate(values) if value == max(values))
    assert kept_stage(stages, "best").name == str(last_of_best)
    assert kept_stage(stages, "last") is stages[-1]


@given(accuracies, st.sampled_from(["last", "best"]))
def test_of_several_stages_a_line_says_whose_weights_the_model_has(
    values: list[float], keep: Any
) -> None:
    stages = [did(str(place), value) for place, value in enumerate(values)]
    lines = list(kept_lines(stages, keep))
    assert len(lines) == (len(stages) > 1)
    kept = kept_stage(stages, keep)
    for line in lines:
        assert f"weights of {kept.name!r} (val_accuracy {kept.best('val_accuracy'):.4f})" in line
        assert ("worse" in line) == (values[-1] < max(values))
        assert ("keep='best'" in line) == (keep == "last" and values[-1] < max(values))


@given(accuracies, st.integers(1, 1000))
def test_a_difference_that_may_be_chance_is_said_to_be(values: list[float], images: int) -> None:
    stages = [did(str(n), value, validation_images=images) for n, value in enumerate(values)]
    *_, second, largest = [0.0, *sorted(values)]
    error = np.sqrt(largest * (1 - largest) / images)
    lines = list(kept_lines(stages, "best"))
    assert [("may be chance" in line) for line in lines] == [largest - second < error] * len(lines)


@given(st.lists(st.tuples(*[st.sampled_from([0.1, 0.2, 0.3])] * 2), min_size=2, max_size=4))
def test_it_is_the_weighted_f1_that_decides_where_all_have_one(pairs: list[Any]) -> None:
    stages = []
    for place, (accuracy, score) in enumerate(pairs):
        stage = did(str(place), accuracy)
        stage.history["val_weighted_f1"] = [score]
        stages.append(stage)
    kept = kept_stage(stages, "best")
    assert kept.best("val_weighted_f1") == max(score for _, score in pairs)
    assert f"(val_weighted_f1 {kept.best('val_weighted_f1'):.4f})" in next(
        kept_lines(stages, "best")
    )
    del stages[0].history["val_weighted_f1"]  # a run of before
    assert kept_stage(stages, "best").best("val_accuracy") == max(x for x, _ in pairs)


@given(
    st.integers(2, 5),
    st.lists(st.integers(0, 4), min_size=1, max_size=30),
    st.sampled_from(["indices", "column", "one-hot", "sigmoid"]),
    st.integers(0, 1000),
)
def test_the_figure_is_scikit_learns(classes: int, labels: list[int], form: str, seed: int) -> None:
    classes = 2 if form == "sigmoid" else classes
    true = np.array(labels) % classes
    scores = np.random.default_rng(seed).dirichlet(np.ones(classes), len(true)).astype("float32")
    targets = {
        "indices": true,
        "column": true[:, None],
        "one-hot": np.eye(classes, dtype="float32")[true],
        "sigmoid": true[:, None].astype("float32"),
    }[form]
    metric = WeightedF1(classes)
    assert float(metric.result()) == 0
    for part in (slice(None, 7), slice(7, None)):
        if len(true[part]):
            metric.update_state(
                targets[part], scores[part, 1:] if form == "sigmoid" else scores[part]
            )
    expected = f1_score(true, scores.argmax(axis=1), average="weighted", zero_division=0)
    assert float(metric.result()) == pytest.approx(expected, abs=1e-6)
    metric.reset_state()
    assert float(metric.result()) == 0


def test_without_validation_images_the_last_is_kept_and_nothing_is_said() -> None:
    stages = [did("a", 0.9), did("b", None)]
    assert kept_stage(stages, "best").name == "b"
    assert list(kept_lines(stages, "best")) == []


@pytest.fixture(scope="module")
def good(parts: Data) -> tlkit.TrainingResult:
    """The good stage alone."""
    return trainer(GOOD).fit(*parts, verbose=0)


@pytest.mark.parametrize("kept_on_disk", [True, *thorough(False)])
def test_best_ends_with_the_weights_of_the_better_stage(
    kept_on_disk: bool, good: tlkit.TrainingResult, parts: Data, tmp_path: Path
) -> None:
    run = tmp_path if kept_on_disk else None
    result = trainer(GOOD, BAD, keep="best", run_dir=run).fit(*parts, verbose=0)
    assert result.kept.name == "good"
    assert same_weights(result.model, good.model)
    assert "the best stage; the last, 'bad' (val_weighted_f1" in str(result)
    assert "the best stage" in result._repr_html_()
    if run is not None:
        assert same_weights(keras.models.load_model(run / "model.keras"), good.model)
        assert str(read_run(run)).splitlines()[-1] == str(result).splitlines()[-1]
        again = trainer(GOOD, BAD, keep="best", run_dir=run).fit(*parts, resume=True, verbose=0)
        assert same_weights(again.model, good.model)
        page = report(run, tmp_path / "page.html").read_text("utf-8")
        assert "The model has the weights of &#39;good&#39;" in page
        made = tlkit.StagedTrainer.from_run(run, backbone=result_backbone(), stages=[GOOD, BAD])
        assert made.keep == "best"


def result_backbone() -> tlkit.BackboneSpec:
    """What is no plugin's must be given again."""
    return tlkit.testing.tiny_backbone()


@pytest.mark.slow
def test_last_ends_with_the_worse_stage_and_says_so(parts: Data, capsys: Any) -> None:
    result = trainer(GOOD, BAD).fit(*parts, verbose=1)
    assert result.kept.name == "bad"
    told = "the last stage, which is worse than 'good' (val_accuracy"
    assert told in str(result)
    assert told in "".join(capsys.readouterr())


def test_fine_tune_keeps_the_better_stage(parts: Data) -> None:
    made: dict[str, Any] = {
        "backbone": tlkit.testing.tiny_backbone(),
        "weights": None,
        "cache": False,
    }
    rates: dict[str, Any] = {"epochs": 1, "learning_rate": 1e3}
    result = tlkit.fine_tune(parts[0], parts[1], **made, **rates, verbose=0)
    assert result.keep == "best"
    assert result.kept.name == "probe"
    figure = "val_weighted_f1"
    assert result.kept.best(figure) == max(x.best(figure) for x in result.stages)
    found = tlkit.evaluate(result, parts[1]).weighted_f1
    assert found == pytest.approx(result.kept.best(figure), abs=1e-6)


@pytest.mark.parametrize("keep", ["first", None, True, "BEST"])
def test_another_word_is_refused(keep: Any) -> None:
    with pytest.raises(TrainingError, match=r"expected 'last' .* or 'best'"):
        trainer(GOOD, keep=keep)


def test_snapshots_are_of_the_last_stage() -> None:
    with pytest.raises(TrainingError, match="snapshots"):
        trainer(GOOD, replace(BAD, epochs=3, snapshots=(1,)), keep="best")

"""`tlkit.rank_backbones`: what a user gets."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

import tlkit
from tlkit._plugins.discovery import Discovery
from tlkit.backbones import registry
from tlkit.errors import (
    BackboneError,
    DataError,
    EngineError,
    SplitError,
    UnknownBackboneError,
)
from tlkit.probing import Candidate
from tlkit.probing._rounds import nested_order, rounds_of
from tlkit.testing import tiny_backbone, tiny_dataset

TINY = tiny_backbone()


def rank(candidates: Any, data: Any, **settings: Any) -> tlkit.Ranking:
    """Rank with what is quick."""
    return tlkit.rank_backbones(candidates, data, **{"engine": "keras", "verbose": 0, **settings})


def blind() -> Any:
    """A network that sees nothing."""
    image = keras.Input((16, 16, 3))
    return keras.Model(image, keras.layers.Conv2D(2, 16, kernel_initializer="zeros")(image))


def broken() -> Any:
    """A builder with a mistake."""
    raise ValueError("no such layer")


def numberless() -> Any:
    """A network whose features are no numbers."""
    image = keras.Input((16, 16, 3))
    seen = keras.layers.Conv2D(2, 16)(image)
    return keras.Model(image, keras.layers.Rescaling(np.nan)(seen))


@pytest.fixture(scope="module")
def hard() -> tlkit.ImageDataset:
    """Enough images for two rounds, not easily told apart."""
    easy = tiny_dataset(440, 4, seed=1)
    wrong = np.random.default_rng(0).integers(0, 4, 440)
    labels = np.where(np.arange(440) % 5 < 2, wrong, easy.labels)
    return tlkit.ImageDataset.from_arrays(easy.load(np.arange(440), 16), labels, easy.class_names)


LATER = ["broken", "numberless"]  # what is found once it is built
CANDIDATES = [
    blind,
    Candidate(TINY, 8, weights=None),
    Candidate(TINY, weights=None),
    broken,
    numberless,
    "nonesuch",
    (TINY, 5),
    Candidate(TINY, weights="nowhere.h5"),
]


@pytest.fixture(scope="module")
def found(hard: tlkit.ImageDataset) -> tlkit.Ranking:
    return rank(CANDIDATES, hard)


def test_candidates_are_ordered_by_the_probes_of_all_pictures(
    found: tlkit.Ranking, hard: tlkit.ImageDataset
) -> None:
    complete = found.complete
    assert {row.name for row in complete} == {
        "tiny 8 px, random weights",
        "tiny 16 px, random weights",
    }
    figures = [row.estimate for row in complete]
    assert figures == sorted(figures, reverse=True)
    assert found.best is complete[0]
    assert found.best in found.best_group
    probe = tlkit.probe(data=hard, engine="keras", verbose=0, **found.best.candidate.arguments)
    again = found.best.evaluation.probabilities
    assert np.array_equal(probe.evaluation.probabilities, again)
    assert found.best.cost.parameters == 1964
    assert found.best.cost.feature_bytes == 4 * probe.features.shape[1]
    assert found.best.cost.ms > 0


def test_the_hopeless_goes_out_after_some_of_the_pictures(found: tlkit.Ranking) -> None:
    last = found.rows[-1]
    assert last.name == "blind"
    assert len(last.evaluation) == 220
    assert last.behind is not None
    assert last.behind.claimed
    by_name = {row.name: row for row in found.rows}
    better = by_name[last.behind.better]
    assert last.estimate == pytest.approx(better.estimate - last.behind.difference)


def test_what_cannot_be_built_is_told_and_the_others_go_on(found: tlkit.Ranking) -> None:
    reasons = {each.name: each.reason for each in found.unranked}
    assert list(reasons) == ["nonesuch", "tiny 5 px", "tiny 16 px, nowhere.h5", *LATER]
    assert "No backbone is called 'nonesuch'" in reasons["nonesuch"]
    assert "smallest" in reasons["tiny 5 px"]
    assert "nowhere.h5" in reasons["tiny 16 px, nowhere.h5"]
    assert "ValueError: no such layer" in reasons["broken"]
    assert "not finite for image 0" in reasons["numberless"]
    assert all(name in str(found) for name in reasons)


def test_it_prints_a_table(found: tlkit.Ranking) -> None:
    first, header, *rows = str(found).splitlines()
    assert first == "weighted F1 of probes, out of fold; 440 pictures, 4 classes"
    assert header.split()[:2] == ["backbone", "F1"]
    low, high = found.best.evaluation.interval("weighted_f1")
    assert f"{found.best.estimate:.4f}  [{low:.4f}, {high:.4f}]  a" in rows[0]
    assert "  220" in rows[2]
    assert "~" in rows[2]
    assert f"best: {found.best.name}" in rows
    assert found._repr_html_().count("<tr>") == 4


def test_nothing_on_the_front_is_worse_and_slower(found: tlkit.Ranking, tmp_path: Path) -> None:
    front = found.front
    assert {row.name for row in front} <= {row.name for row in found.rows}
    for row in found.rows:
        better = [x for x in front if x.estimate >= row.estimate and x.cost.ms <= row.cost.ms]
        assert better, row
    axes = found.plot(tmp_path / "ranking.png")
    assert (tmp_path / "ranking.png").stat().st_size > 10_000
    *marks, key = [text.get_text() for text in axes.texts]
    assert marks == ["1", "2", "3"]
    assert key == "\n".join(f"{n}  {row.name}" for n, row in enumerate(found.rows, 1))


def stopped() -> Any:
    """A builder during which Ctrl-C is pressed."""
    raise KeyboardInterrupt


def test_ctrl_c_shows_what_is_known_and_keeps_the_features(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tiny_dataset()
    small = Candidate(TINY, 8, weights=None)
    with pytest.raises(KeyboardInterrupt):
        rank([small, stopped], data, cache=tmp_path, verbose=1)
    told = capsys.readouterr().err
    assert "So far:" in told
    assert "best: tiny 8 px, random weights" in told
    features = tlkit.extract(
        **small.arguments, dataset=data, engine="keras", cache=tmp_path, verbose=0
    )
    assert features.notes == ("features of 48 images read from the store",)


def test_without_names_those_are_ranked_whose_weights_are_here(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    specs = [
        dataclasses.replace(TINY, name="brought", distribution="plugin", weights=("own",)),
        dataclasses.replace(TINY, name="bare", distribution="plugin"),
        dataclasses.replace(TINY, name="far", weights=("imagenet",)),
    ]
    known = registry.Registry(Discovery(specs))
    monkeypatch.setattr(registry, "installed_registry", lambda: known)
    found = rank(None, tiny_dataset(), image_size=8)
    assert [row.name for row in found.rows] == ["brought 8 px, own"]
    assert {each.name for each in found.unranked} == {"bare", "far"}
    assert str(tmp_path) in str(found)
    assert "best: brought 8 px, own" in str(found)
    with pytest.raises(BackboneError, match="Name candidates, which Keras then downloads"):
        rank("f*", tiny_dataset())
    with pytest.raises(UnknownBackboneError, match=r"'z\*'"):
        rank("z*", tiny_dataset())


REFUSED: dict[str, tuple[Any, dict[str, Any], type[Exception], str]] = {
    "no candidate": ([], {}, BackboneError, "candidates is empty"),
    "one twice": ([(TINY, 8), Candidate(TINY, 8)], {}, BackboneError, "twice"),
    "a number": ([8], {}, BackboneError, "A candidate is 8"),
    "none that is known": (["nonesuch"], {}, BackboneError, "nonesuch: No backbone is called"),
    "numbers that are none": ([numberless], {}, BackboneError, "not finite for image 0"),
    "none that can be built": ([broken], {}, BackboneError, "broken: its builder raised Value"),
    "two folds": ([TINY], {"folds": 2}, SplitError, "at least 3"),
    "groups of another length": ([TINY], {"groups": [1]}, SplitError, "1 groups for 48"),
    "an engine that is none": ([TINY], {"engine": "steam"}, EngineError, "steam"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_ranked_is_told(case: str) -> None:
    candidates, settings, error, words = REFUSED[case]
    with pytest.raises(error, match=words):
        rank(
            [Candidate(TINY, weights=None)] if candidates == [TINY] else candidates,
            tiny_dataset(),
            **settings,
        )


def test_images_of_one_class_are_refused() -> None:
    one = tlkit.ImageDataset.from_arrays(np.zeros((9, 8, 8, 3), "uint8"), [0] * 9, ["a", "b"])
    with pytest.raises(DataError, match="all of one class"):
        rank([TINY], one)


@pytest.mark.parametrize("counts", [(700, 200, 100), (1, 5, 994), (1000,)])
def test_every_beginning_of_the_order_has_the_classes_in_proportion(
    counts: tuple[int, ...],
) -> None:
    labels = np.repeat(np.arange(len(counts)), counts)
    order = nested_order(labels, seed=3)
    assert sorted(order) == list(range(1000))
    for size in (1, 10, 333, 999):
        taken = np.bincount(labels[order[:size]], minlength=len(counts))
        assert np.abs(taken - size * np.array(counts) / 1000).max() <= 1


def test_rounds_that_cannot_be_dealt_are_left_out(hard: tlkit.ImageDataset) -> None:
    assert [len(part) for part in rounds_of(hard, 5, None, 0)] == [220, 440]
    # Each class has as many as there are folds only in all pictures.
    assert [len(part) for part in rounds_of(hard, 100, None, 0)] == [440]

"""Soups: the mean of weights, the greedy choice, and the statistics that belong to it."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

import tlkit
from tests.combining.conftest import NAMES, Family, near, predicted
from tests.conftest import few
from tests.training.conftest import layer_weights, top_stage, trainer
from tlkit.testing import tiny_backbone

STATISTICS = ("moving_mean", "moving_variance")


def test_a_uniform_soup_has_the_mean_of_all_weights(family: Family) -> None:
    soup = tlkit.soup(family.models, greedy=False)
    members = [member.model.get_weights() for member in family.models.values()]
    for found, *each in zip(soup.model.get_weights(), *members, strict=True):
        assert np.array_equal(found, np.mean(each, axis=0, dtype="float64").astype("float32"))
    first = family.models["one"].model
    for name in ("stem_conv", "stem_bn", "block_conv"):  # frozen in all
        same = zip(layer_weights(soup.model, name), layer_weights(first, name), strict=True)
        assert all(np.array_equal(a, b) for a, b in same)
    assert soup.ingredients == soup.members == ("one", "two", "three")
    assert soup.gain is None
    assert "1 BatchNormalization layer differ between the models and were averaged" in str(soup)


def test_statistics_are_those_of_the_averaged_weights_in_training(family: Family) -> None:
    train, models = family.train, family.models
    soup = tlkit.soup(models, greedy=False, train=train)
    below = keras.Model(soup.model.input, soup.model.get_layer("top_conv").output)
    rows = predicted(below, train)  # of 48 images: one batch
    layer = soup.model.get_layer("top_bn")
    found = [np.asarray(getattr(layer, name)) for name in STATISTICS]
    assert found[0] == pytest.approx(rows.mean(axis=(0, 1, 2)), abs=1e-4)
    assert found[1] == pytest.approx(rows.var(axis=(0, 1, 2)), rel=1e-3)
    assert "were re-estimated from 48 training images" in str(soup)
    kept = layer_weights(models["one"].model, "stem_bn")
    for one, other in zip(kept, layer_weights(soup.model, "stem_bn"), strict=True):
        assert np.array_equal(one, other)
    assert layer.momentum == 0.99


@pytest.mark.slow
def test_statistics_of_several_batches_are_the_mean_of_theirs(family: Family) -> None:
    train = family.train + family.validation + family.test  # 96: batches of 64 and 32
    soup = tlkit.soup(family.models, greedy=False, train=train)
    below = keras.Model(soup.model.input, soup.model.get_layer("top_conv").output)
    rows = predicted(below, train)
    each = (rows[:64], rows[64:])
    layer = soup.model.get_layer("top_bn")
    mean = np.mean([part.mean(axis=(0, 1, 2)) for part in each], axis=0)
    variance = np.mean([part.var(axis=(0, 1, 2)) for part in each], axis=0)
    assert np.asarray(layer.moving_mean) == pytest.approx(mean, abs=1e-4)
    assert np.asarray(layer.moving_variance) == pytest.approx(variance, rel=1e-3)


@pytest.mark.parametrize("seed", few(range(5)))
def test_a_greedy_soup_is_never_worse_than_its_best_member(family: Family, seed: int) -> None:
    last = family.models["three"]
    models = {
        "near": near(last, 0.3, seed),
        "nearer": near(last, 0.1, seed + 10),
        "lost": near(last, 20, seed + 20),
    }
    greedy = tlkit.soup(models, family.validation, test=family.test, verbose=0)
    assert greedy.gain is not None
    scores = dict(greedy.gain.scores)
    assert not greedy.gain.worse_on_validation
    assert scores["soup"] >= max(scores[name] for name in models)
    assert scores["soup"] == tlkit.evaluate(greedy, family.validation).weighted_f1
    assert greedy.ingredients[0] == greedy.gain.best
    low, high = greedy.gain.interval
    assert low <= greedy.gain.difference <= high
    assert greedy.gain.tested
    assert f"On {len(family.test)} test images, " in str(greedy)


def test_a_soup_that_is_worse_than_its_best_member_says_so(family: Family) -> None:
    last = family.models["three"]
    models = {"good": last, "lost": near(last, 300, 1)}
    uniform = tlkit.soup(models, family.validation, greedy=False, verbose=0)
    assert uniform.gain is not None
    assert uniform.gain.worse_on_validation
    assert uniform.gain.difference < 0
    assert "The soup is worse there than 'good' alone: use that." in str(uniform)
    assert "test= takes images that chose nothing" in str(uniform)
    greedy = tlkit.soup(models, family.validation, verbose=0)
    assert "Greedy soup of good alone: none of the other 1 helped" in str(greedy)
    assert np.array_equal(predicted(greedy.model, family.test), predicted(last.model, family.test))


def test_validation_images_that_lack_a_class_are_told(family: Family) -> None:
    known = family.validation.subset(np.flatnonzero(family.validation.labels))
    models = list(family.models.values())[1:]
    assert "no image of 1 of 3 classes, and say nothing of them: 'class_0'" in str(
        tlkit.soup(models, known, metric="log_loss", verbose=0)
    )
    assert set(NAMES) == set(family.validation.class_names)


@pytest.mark.slow
def test_a_uniform_soup_of_snapshots_is_stochastic_weight_averaging(family: Family) -> None:
    def result(epochs: int, **settings: Any) -> tlkit.TrainingResult:
        stage = top_stage(epochs=epochs, keep_best=None, **settings)
        return trainer(stage).fit(family.train, verbose=0)

    last = result(4, snapshots=(2, 3))
    soup = tlkit.soup([last, last.after(2), last.after(3)], greedy=False)
    trained = [result(epochs).model.get_weights() for epochs in (2, 3, 4)]
    for found, *each in zip(soup.model.get_weights(), *trained, strict=True):
        assert found == pytest.approx(np.mean(each, axis=0), abs=1e-6)
    assert "BatchNormalization" not in str(soup)
    probe = tlkit.probe(tiny_backbone(), family.train, weights=None, cache=False, verbose=0)
    both = tlkit.soup({"probe": probe, "trained": last}, family.validation, verbose=0)
    assert both.ingredients

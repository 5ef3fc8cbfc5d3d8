"""Ensembles: one stock model that averages probabilities and runs what is shared once."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest

import tlkit
from tests.combining.conftest import NAMES, Family, fresh, predicted
from tlkit._keras.layers import foreign_layers


def test_an_ensemble_averages_probabilities_and_runs_the_shared_trunk_once(
    family: Family, tmp_path: Path
) -> None:
    models = family.models
    ensemble = tlkit.ensemble(models, family.validation, test=family.test, verbose=0)
    each = [predicted(member.model, family.test) for member in models.values()]
    mean = predicted(ensemble.model, family.test)
    assert mean == pytest.approx(np.mean(each, axis=0), abs=1e-6)
    assert ensemble.shared == "block_add"
    trunk = tlkit.build_backbone(tlkit.testing.tiny_backbone(), weights=None)
    below = keras.Model(trunk.input, trunk.get_layer("block_add").output).count_params()
    whole = models["one"].model.count_params()
    assert ensemble.model.count_params() == below + 3 * (whole - below)
    assert ensemble.gain is not None
    assert set(ensemble.gain.scores) == {*models, "ensemble"}
    assert foreign_layers(ensemble.model) == []
    ensemble.save(tmp_path / "all.keras")
    loaded = keras.saving.load_model(tmp_path / "all.keras")
    assert predicted(loaded, family.test) == pytest.approx(mean, abs=1e-6)
    assert tlkit.Predictor(tmp_path / "all.keras").class_names == NAMES
    assert len(ensemble.predict(family.test, verbose=0)) == len(family.test)


def test_members_may_number_classes_and_see_pictures_otherwise(family: Family) -> None:
    other = fresh(size=8)
    models = {
        "16": family.models["three"],
        "8": tlkit.Predictor(other, class_names=NAMES[::-1]),
    }
    ensemble = tlkit.ensemble(models)
    assert ensemble.contract.image_size == (16, 16)
    assert ensemble.shared is None
    assert "Pictures go in at 16 x 16 pixels and are resized inside for '8'." in str(ensemble)
    big = predicted(models["16"].model, family.test)
    small = predicted(other, family.test, 8)[:, ::-1]
    # Keras's filter and Pillow's round differently.
    assert predicted(ensemble.model, family.test) == pytest.approx((big + small) / 2, abs=0.02)


@pytest.mark.slow
def test_the_second_of_two_classes_is_matched_by_name(family: Family) -> None:
    two = [fresh(classes=1, activation="sigmoid", seed=seed) for seed in (1, 2)]
    ensemble = tlkit.ensemble(
        [
            tlkit.Predictor(two[0], class_names=["a", "b"]),
            tlkit.Predictor(two[1], class_names=["b", "a"]),
        ]
    )
    one, other = (predicted(model, family.test) for model in two)
    assert predicted(ensemble.model, family.test) == pytest.approx((one + 1 - other) / 2)
    assert ensemble.task == "binary"


@pytest.mark.slow
def test_labels_and_their_thresholds(family: Family) -> None:
    data = family.test
    tagged = tlkit.MultiLabelDataset.from_arrays(
        data.load(range(len(data)), 16), np.eye(3, dtype=int)[data.labels], NAMES
    )
    models = [
        tlkit.Predictor(fresh(activation="sigmoid", seed=seed), class_names=NAMES, thresholds=cut)
        for seed, cut in ((1, 0.3), (2, 0.4))
    ]
    for make in (tlkit.soup, tlkit.ensemble):
        found = make(models, tagged, verbose=0)
        assert found.task == "multilabel"
        assert found.thresholds is None
        assert "The models have different thresholds" in str(found)
        assert len(tlkit.evaluate(found, tagged).best_thresholds()) == 3
    again = [tlkit.Predictor(each.model, class_names=NAMES, thresholds=0.3) for each in models]
    assert tlkit.ensemble(again).thresholds == (0.3, 0.3, 0.3)


@pytest.mark.slow
def test_an_ensemble_of_soups_is_exported_and_shares_nothing_by_chance(
    family: Family, tmp_path: Path
) -> None:
    soup = tlkit.soup(family.models, greedy=False)
    other = tlkit.Predictor(fresh(seed=3), class_names=NAMES)
    ensemble = tlkit.ensemble({"soup": soup, "other": other})
    ensemble.save(tmp_path / "any.keras", input="any size")
    loaded = keras.saving.load_model(tmp_path / "any.keras")
    assert predicted(loaded, family.test) == pytest.approx(
        predicted(ensemble.model, family.test), abs=1e-6
    )

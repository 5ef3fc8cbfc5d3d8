"""FeatureExtractor gives what tlkit.extract gives, in scikit-learn's pipelines."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import keras
import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline

import tlkit
from tests.sklearn_api.conftest import SMALL, extractor
from tlkit.errors import DataError, TlkitError
from tlkit.testing import tiny_backbone, tiny_model

Pixels = NDArray[np.uint8]


def test_features_are_those_of_extract(pixels: Pixels, labels: NDArray[np.str_]) -> None:
    data = tlkit.ImageDataset.from_arrays(pixels, labels)
    same = np.asarray(tlkit.extract(tiny_backbone(), data, **SMALL, verbose=0))
    unfitted, fitted = extractor().transform(pixels), extractor().fit_transform(pixels, labels)
    assert unfitted.dtype == np.float32
    np.testing.assert_array_equal(unfitted, same)
    np.testing.assert_array_equal(fitted, same)
    assert fitted.flags.writeable


def unseeded(input_tensor: Any, weights: str | None) -> Any:  # noqa: ARG001
    """A network whose weights follow from Keras's global seed."""
    output = keras.layers.Conv2D(12, 3)(input_tensor)
    return keras.Model(keras.utils.get_source_inputs(input_tensor), output)


def test_random_weights_follow_from_the_random_state(pixels: Pixels) -> None:
    spec = replace(tiny_backbone(), build=unseeded)

    def features(state: int) -> Any:
        return extractor(backbone=spec, random_state=state).transform(pixels[:2])

    np.testing.assert_array_equal(features(1), features(1))
    assert not np.allclose(features(1), features(2))
    data = tlkit.ImageDataset.from_arrays(pixels[:2], [0, 1])
    same = np.asarray(tlkit.extract(spec, data, **SMALL, seed=1, verbose=0))
    np.testing.assert_array_equal(features(1), same)
    np.testing.assert_array_equal(features(1), same)


def test_a_search_builds_the_network_once(pixels: Pixels, labels: NDArray[np.str_]) -> None:
    built = []

    def counting(input_tensor: Any, weights: str | None) -> Any:
        built.append(1)
        return unseeded(input_tensor, weights)

    spec = replace(tiny_backbone(), build=counting)
    pipeline = make_pipeline(extractor(backbone=spec), LogisticRegression(max_iter=1000))
    cross_val_score(pipeline, pixels, labels, cv=3)
    assert len(built) == 1
    extractor(backbone=spec, image_size=[12, 20]).transform(pixels)
    assert len(built) == 2


@pytest.mark.parametrize(("backbone", "name"), [(tiny_backbone(), "tiny"), (tiny_model, "tiny")])
def test_features_are_named_after_the_backbone(backbone: Any, name: str, pixels: Pixels) -> None:
    told = extractor(backbone=backbone)
    names = told.get_feature_names_out()
    assert names.tolist() == [f"{name}_{number}" for number in range(12)]
    assert told.transform(pixels[:2]).shape == (2, len(names))


def test_it_gives_tables_where_scikit_learn_is_told_so(pixels: Pixels) -> None:
    pytest.importorskip("pandas")
    table = extractor().set_output(transform="pandas").fit_transform(pixels)
    assert list(table.columns)[:2] == ["tiny_0", "tiny_1"]


@pytest.mark.slow
def test_a_linear_model_learns_from_it(pixels: Pixels, labels: NDArray[np.str_]) -> None:
    pipeline = make_pipeline(extractor(), LogisticRegression(max_iter=1000))
    assert cross_val_score(pipeline, pixels, labels, cv=3).mean() > 0.6
    assert clone(pipeline).fit(list(pixels), labels).score(pixels, labels) > 0.8


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"backbone": "mobilnet_v2"}, "mobilenet_v2"),
        ({"engine": "motor"}, "motor"),
        ({"random_state": None}, "random_state=None; expected a whole number"),
    ],
)
def test_fit_tells_what_is_wrong(settings: Any, told: str, pixels: Pixels) -> None:
    for call in (extractor(**settings).fit, extractor(**settings).transform):
        with pytest.raises(TlkitError, match=told):
            call(pixels)
    with pytest.raises(DataError, match="0 samples"):
        extractor().fit([])

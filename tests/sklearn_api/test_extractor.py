"""FeatureExtractor gives what tlkit.extract gives, in scikit-learn's pipelines."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline

import tlkit
from tests.sklearn_api.conftest import SMALL, classifier, extractor
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


@pytest.fixture
def deep_files(tmp_path: Path) -> list[str]:
    """Grey pictures of 16 bits, some with values of 8 bits alone."""
    random, files = np.random.default_rng(0), []
    for number in range(12):
        top = 4096 if number % 4 == 0 else 200
        values = random.integers(0, top, (16, 16)).astype(np.uint16)
        files.append(str(tmp_path / f"{number}.png"))
        Image.fromarray(values).save(files[-1])
    return files


@pytest.mark.parametrize("through", [clone, lambda x: pickle.loads(pickle.dumps(x))])  # noqa: S301
@pytest.mark.parametrize("make", [extractor, classifier], ids=["extractor", "classifier"])
def test_what_is_said_of_a_deep_picture_does_not_depend_on_those_beside_it(
    make: Callable[[], Any], through: Callable[[Any], Any], deep_files: list[str]
) -> None:
    fitted = through(make()).fit(deep_files, np.arange(12) % 2)
    fitted = fitted if through is clone else through(fitted)
    say = getattr(fitted, "transform", None) or fitted.predict_proba
    together, some = say(deep_files), say(deep_files[1:4])
    np.testing.assert_allclose(some, together[1:4], atol=1e-6)
    assert tlkit.ImageDataset.from_files(deep_files).depth == 12


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

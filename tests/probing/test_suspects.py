"""Pictures under suspicion."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

import tlkit
from tests.conftest import few
from tests.probing.test_probe import patches, probe
from tlkit.testing import tiny_dataset

N, WRONG, TWIN = 100, (3, 20, 41, 66, 87), 12


@pytest.fixture(scope="module")
def data() -> tlkit.ImageDataset:
    """Pictures with wrong labels, a near duplicate of another class, and one unlike all others."""
    easy = tiny_dataset(N, 5)
    pixels, labels = easy.load(np.arange(N), 16), easy.labels.copy()
    labels[list(WRONG)] = (labels[list(WRONG)] + 2) % 5
    pixels[N - 1] = np.indices((16, 16)).sum(axis=0)[..., None] % 2 * 255
    twin = np.clip(pixels[TWIN] + np.array(2, "uint8"), 0, 255)
    return tlkit.ImageDataset.from_arrays(
        np.concatenate([pixels, twin[None]]), [*labels, (labels[TWIN] + 1) % 5], easy.class_names
    )


@pytest.fixture(scope="module")
def found(data: tlkit.ImageDataset) -> tlkit.Suspects:
    return tlkit.suspects(probe(data, backbone=patches))


def test_wrong_labels_are_among_the_first_tenth(
    found: tlkit.Suspects, data: tlkit.ImageDataset
) -> None:
    first = found.labels[: N // 10]
    assert len({x.position for x in first} & {*WRONG, N}) >= 0.6 * len(WRONG)
    for each in first:
        assert each.label == data.class_names[data.labels[each.position]] != each.prediction
        assert each.label_probability <= each.prediction_probability
    assert first[0].confident
    ranked = [each.label_probability for each in found.labels]
    assert ranked == sorted(ranked)


def test_a_near_duplicate_of_another_class_comes_first(
    found: tlkit.Suspects, data: tlkit.ImageDataset
) -> None:
    pair = found.duplicates[0]
    assert pair.positions == (TWIN, N)
    assert pair.contradicts
    assert pair.distance < 0.01
    assert found.groups[TWIN] == found.groups[N]
    parts = data.split(0.3, groups=found.groups.tolist())
    names = data.names
    assert any({names[TWIN], names[N]} <= set(part.names) for part in parts)


def test_a_picture_unlike_all_others_is_an_outlier(found: tlkit.Suspects) -> None:
    assert found.outliers[0].position == N - 1


def test_they_print_with_how_many_there_are(found: tlkit.Suspects) -> None:
    lines = str(found).splitlines()
    assert lines[0].startswith(f"{len(found.labels)} labels contradicted, ")
    assert f"  image {TWIN} (class_2)  image {N} (class_3)  0.00" in lines


@pytest.mark.parametrize("count", few([6, 7], 0))
def test_a_handful_of_pictures_has_neighbours_too(count: int) -> None:
    settings: dict[str, Any] = {"folds": 3}
    assert tlkit.suspects(probe(tiny_dataset(count, 2), **settings)).images == count


def blind() -> Any:
    """A network that sees nothing."""
    image = keras.Input((16, 16, 3))
    return keras.Model(image, keras.layers.Conv2D(2, 16, kernel_initializer="zeros")(image))


def test_no_label_is_contradicted_where_nothing_is_known() -> None:
    assert tlkit.suspects(probe(tiny_dataset(20, 2), backbone=blind)).labels == ()

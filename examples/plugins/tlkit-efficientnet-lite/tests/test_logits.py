"""The networks answer as those of PyTorch do; no torch is needed here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from networks import keras_logits
from numpy.typing import NDArray
from reference_inputs import (
    PHOTOS,
    Pixels,
    cropped_photo,
    digest,
    reference_images,
    squeezed_photo,
)
from tlkit_efficientnet_lite.variants import VARIANTS, Variant

REFERENCE = Path(__file__).with_name("reference_logits.npz")
TOLERANCE = 1e-4
"""Largest difference of a logit on a CPU; logits reach 16.3, and 2.2e-5 was measured."""

BELL_COTE, HONEYCOMB, PALACE, DAISY = 442, 599, 698, 985


@pytest.fixture(scope="module")
def reference() -> dict[str, NDArray[Any]]:
    with np.load(REFERENCE, allow_pickle=False) as file:
        return {name: file[name] for name in file.files}


def sample(variant: Variant, name: str, reference: dict[str, NDArray[Any]]) -> Pixels:
    image = reference_images(variant.size)[name]
    if digest(image) != reference[f"{variant.name}/{name}/sha256"]:
        assert name in PHOTOS, "seeded noise must be the same everywhere"
        pytest.skip("this build of Pillow decodes the photo to other pixels than the reference's")
    return image


@pytest.mark.parametrize(
    "name",
    [PHOTOS[0], *(pytest.param(n, marks=pytest.mark.slow) for n in (*PHOTOS[1:], "noise")), "odd"],
)
@pytest.mark.parametrize("variant", VARIANTS, ids=lambda variant: variant.name)
def test_logits_equal_those_of_pytorch(
    variant: Variant, name: str, reference: dict[str, NDArray[Any]]
) -> None:
    found = keras_logits(variant.name, sample(variant, name, reference))
    expected = reference[f"{variant.name}/{name}/logits"]
    assert found.shape == expected.shape == (1000,)
    np.testing.assert_allclose(found, expected, rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize(
    ("name", "photo", "expected"),
    [
        ("efficientnet_lite0", "china.jpg", BELL_COTE),
        ("efficientnet_lite0", "flower.jpg", DAISY),
        ("efficientnet_lite1", "china.jpg", PALACE),
        ("efficientnet_lite1", "flower.jpg", DAISY),
        ("efficientnet_lite2", "china.jpg", PALACE),
        ("efficientnet_lite2", "flower.jpg", HONEYCOMB),
    ],
)
def test_a_squeezed_photo_gets_the_name_that_pytorch_gives_it(
    name: str, photo: str, expected: int, reference: dict[str, NDArray[Any]]
) -> None:
    (variant,) = (variant for variant in VARIANTS if variant.name == name)
    found = keras_logits(name, squeezed_photo(photo, variant.size))
    assert found.argmax() == reference[f"{name}/{photo}/logits"].argmax() == expected


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda variant: variant.name)
def test_the_temple_is_a_palace_where_the_photo_keeps_its_proportions(variant: Variant) -> None:
    found = keras_logits(variant.name, cropped_photo("china.jpg", variant.size))
    assert found.argmax() == PALACE

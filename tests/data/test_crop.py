"""`Augmentation(crop=)`: Inception's random resized crop, in the one transform of the others."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from PIL import Image

from tests.data.conftest import noise
from tests.data.test_augment import ALONE, COUNT, NOTHING, images
from tlkit._keras.describe import described
from tlkit.data.augmentation._windows import DRAWS, windows
from tlkit.data.augmentation.geometric import Augmentation
from tlkit.errors import DataError

DRAW: dict[str, Any] = {"seed": 3, "stage": "warm", "epoch": 2}
QUARTER: Any = {**NOTHING, "crop": (0.25, 0.25), "crop_aspect": (1, 1)}


def first_that_fits(draws: list[float], area: Any, aspect: Any) -> tuple[float, ...] | None:
    """torchvision's ``RandomResizedCrop.get_params``, by shares and without its rounding."""
    for share, ratio in zip(draws[:-2:2], draws[1:-2:2], strict=True):
        target = area[0] + (area[1] - area[0]) * share
        shape = np.exp(np.log(aspect[0]) + (np.log(aspect[1]) - np.log(aspect[0])) * ratio)
        width, height = np.sqrt(target * shape), np.sqrt(target / shape)
        if width <= 1 and height <= 1:
            top, left = draws[-2] * (1 - height), draws[-1] * (1 - width)
            return (height, width, top, left)
    return None


pairs = st.tuples(st.floats(0.05, 1), st.floats(0.05, 1)).map(sorted)


@settings(max_examples=60)
@given(
    draws=st.lists(st.floats(0, 0.999), min_size=DRAWS, max_size=DRAWS),
    area=pairs,
    aspect=st.tuples(st.floats(0.2, 5), st.floats(0.2, 5)).map(sorted),
)
def test_a_window_is_the_first_of_ten_that_lies_inside(
    draws: list[float], area: Any, aspect: Any
) -> None:
    sides, moved, inside = windows(np.array([draws]), tuple(area), tuple(aspect))
    expected = first_that_fits(draws, area, aspect)
    assert inside[0] == (expected is not None)
    (height, width), corner = sides[0], 0.5 + moved[0] - sides[0] / 2
    if expected is not None:
        np.testing.assert_allclose((height, width, *corner), expected, atol=1e-9)
    else:
        assert max(height, width) == 1
        assert aspect[0] - 1e-9 <= width / height <= aspect[1] + 1e-9
        np.testing.assert_allclose(corner, (1 - sides[0]) / 2, atol=1e-9)


def test_a_crop_shows_the_pixels_that_pillow_shows() -> None:
    crop = Augmentation(**{**NOTHING, "crop": (0.2, 0.6)})  # type: ignore[arg-type]
    pixels = images(24, 36)
    shown = crop(pixels, range(COUNT), **DRAW)
    rows = crop.matrices(range(COUNT), **DRAW, size=(24, 36))
    for image, row, got in zip(pixels, rows.astype(float), shown, strict=True):
        left, top = row[2] + 0.5 - row[0] / 2, row[5] + 0.5 - row[4] / 2
        box = (left, top, left + 36 * row[0], top + 24 * row[4])
        assert min(box) >= -1e-4
        assert box[2] <= 36.0001
        assert box[3] <= 24.0001
        how: Any = (Image.Transform.EXTENT, box, Image.Resampling.BILINEAR)
        expected = np.asarray(Image.fromarray(image).transform((36, 24), *how))
        inner = np.s_[2:-2, 2:-2]  # Pillow's edges repeat other pixels
        assert np.abs(got[inner] - expected[inner]).max() < 1.01


def test_the_other_changes_are_made_inside_of_the_window() -> None:
    whole: Any = {**ALONE, "rotation": 20}
    plain = Augmentation(**whole).matrices(range(COUNT), **DRAW, size=(30, 40)).astype(float)
    cropped = Augmentation(**whole, crop=(0.25, 0.25), crop_aspect=(1, 1))
    rows = cropped.matrices(range(COUNT), **DRAW, size=(30, 40)).astype(float)
    np.testing.assert_allclose(rows[:, [0, 1, 3, 4]], plain[:, [0, 1, 3, 4]] / 2, atol=1e-6)
    # The centre of the window is where the middle of the whole image was, and a shift is halved.
    middles = [r[:, [0, 3]] * 19.5 + r[:, [1, 4]] * 14.5 + r[:, [2, 5]] for r in (plain, rows)]
    moved = middles[1] - (middles[0] - (19.5, 14.5)) / 2 - (19.5, 14.5)
    assert (np.abs(moved) <= (10.001, 7.501)).all()
    assert np.abs(moved).max() > 1


def test_crops_of_an_image_are_drawn_anew_and_depend_on_nothing_else() -> None:
    crop = Augmentation(**QUARTER)
    rows = crop.matrices(range(COUNT), **DRAW, size=20)
    order = np.random.default_rng(0).permutation(COUNT)
    np.testing.assert_array_equal(crop.matrices(order, **DRAW, size=20), rows[order])
    assert len({row.tobytes() for row in rows}) == COUNT
    assert (crop.matrices(range(COUNT), **{**DRAW, "epoch": 3}, size=20) != rows).any(1).all()


def test_without_a_crop_all_is_drawn_and_printed_as_before_there_were_crops() -> None:
    change = Augmentation(rotation=10)
    assert "crop" not in repr(change)
    for cropped in (Augmentation(rotation=10, crop=(0.5, 1)), Augmentation(**QUARTER)):
        assert "crop=(" in repr(cropped)
        assert eval(repr(cropped)) == cropped  # noqa: S307 - the promise under test
    # Views whose features were kept then have this in their name.
    assert described(change) == repr(change)
    assert "crop=(0.5, 1)" in described(Augmentation(crop=(0.5, 1)))
    whole = Augmentation(rotation=10, crop=(1, 1), crop_aspect=(1, 1))
    image = noise(12, 15, 0)[None]
    np.testing.assert_array_equal(whole(image, [4], **DRAW), change(image, [4], **DRAW))
    assert Augmentation(crop=[0.5, np.float64(1)]).crop == (0.5, 1)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"crop": (0, 1)}, r"crop=\(0, 1\); expected two shares of the image's area, above 0"),
        ({"crop": (1, 0.5)}, r"crop=\(1, 0.5\); expected .* the smaller first"),
        ({"crop": (0.5, 1.1)}, r"crop=\(0.5, 1.1\)"),
        ({"crop": 0.5}, r"crop=0.5; expected two shares"),
        ({"crop": True}, "crop=True"),
        ({"crop": (0.5, float("nan"))}, "crop="),
        ({"crop": ("a", "b")}, "crop="),
        ({"crop": (0.5, 1), "crop_aspect": (2, 1)}, r"crop_aspect=\(2, 1\).*the smaller first"),
        ({"crop": (0.5, 1), "crop_aspect": (0, 1)}, r"crop_aspect=\(0, 1\); expected two ratios"),
        ({"crop_aspect": (1, 1)}, r"without a crop changes nothing; expected crop, too"),
    ],
)
def test_a_crop_that_is_none_is_refused(given: Any, words: str) -> None:
    with pytest.raises(DataError, match=words):
        Augmentation(**given)

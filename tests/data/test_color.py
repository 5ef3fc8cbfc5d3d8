"""`ColorJitter`, `RandAugment` and `RandomErasing` mean what they mean to the field."""

from __future__ import annotations

import colorsys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from PIL import Image, ImageEnhance, ImageFilter

import tlkit
from tests.data.conftest import noise
from tlkit._seeds import stream
from tlkit.data.augmentation.rand_augment import _CHANGES
from tlkit.errors import DataError

STILL: Any = {"brightness": 0, "contrast": 0, "saturation": 0}
DRAW: dict[str, Any] = {"seed": 3, "stage": "warm", "epoch": 2}
IMAGES = np.stack([noise(18, 21, seed) for seed in range(8)])
# Without the darkest and lightest pixels, so that nothing is clipped.
SOFT = (IMAGES * 0.3 + 90).astype(np.uint8)
PAIR: Any = (0.8, 1.2)
TRANSFORMS: dict[str, Any] = {
    "colour": tlkit.ColorJitter(hue=0.1),
    "rand": tlkit.RandAugment(),
    "erasing": tlkit.RandomErasing(probability=1),
}


@pytest.mark.parametrize(
    ("name", "kind", "place"),
    [
        ("brightness", ImageEnhance.Brightness, 0),
        ("contrast", ImageEnhance.Contrast, 1),
        ("saturation", ImageEnhance.Color, 2),
    ],
)
def test_each_change_of_colour_is_that_of_pillow(
    name: str, kind: Callable[[Any], Any], place: int
) -> None:
    made = tlkit.ColorJitter(**{**STILL, name: 0.4})(SOFT, range(8), **DRAW)
    for number, image in enumerate(SOFT):
        drawn = 2 * stream(3, "colours of warm", 2, number).random(4)[place] - 1
        expected = np.asarray(kind(Image.fromarray(image)).enhance(1 + 0.4 * drawn))
        assert np.abs(made[number] - expected).max() < 1.5  # Pillow rounds, and its grey, too


def test_another_hue_is_another_place_on_the_colour_wheel() -> None:
    red = np.full((1, 4, 4, 3), (200, 40, 40), np.uint8)
    jitter = tlkit.ColorJitter(**STILL, hue=0.5)
    for index in range(6):
        turned = jitter(red, [index], **DRAW)[0, 0, 0] / 255
        drawn = 0.5 * (2 * stream(3, "colours of warm", 2, index).random(4)[3] - 1)
        hue, saturation, value = colorsys.rgb_to_hsv(*turned)
        assert (hue - drawn + 0.5) % 1 - 0.5 == pytest.approx(0, abs=0.005)
        assert (saturation, value) == pytest.approx((0.8, 200 / 255), abs=0.01)
    grey = np.full((1, 4, 4, 3), 90, np.uint8)
    np.testing.assert_array_equal(jitter(grey, [1], **DRAW), 90)


@pytest.mark.parametrize("name", TRANSFORMS)
def test_pixels_stay_pixels_and_follow_from_seed_stage_epoch_and_image_alone(name: str) -> None:
    change, indices = TRANSFORMS[name], np.array([4, 17, 3, 99, 0, 8, 1, 2])
    before = IMAGES.copy()
    whole = change(IMAGES, indices, **DRAW)
    assert whole.dtype == np.float32
    assert whole.min() >= 0
    assert whole.max() <= 255
    np.testing.assert_array_equal(IMAGES, before)
    order = np.array([5, 1, 7, 0])
    np.testing.assert_array_equal(change(IMAGES[order], indices[order], **DRAW), whole[order])
    np.testing.assert_array_equal(change(IMAGES.astype("float32"), indices, **DRAW), whole)
    for other in ({"seed": 4}, {"stage": "other"}, {"epoch": 3}):
        assert (change(IMAGES, indices, **{**DRAW, **other}) != whole).any()
    assert change(IMAGES[:0], [], **DRAW).shape == (0, 18, 21, 3)
    assert eval(f"tlkit.{change!r}") == change  # noqa: S307 - the promise under test


@settings(max_examples=15)
@given(low=st.integers(0, 255), magnitude=st.floats(0, 30), ops=st.integers(1, 4))
def test_any_picture_survives_rand_augment(low: int, magnitude: float, ops: int) -> None:
    flat = np.full((1, 5, 7, 3), low, np.uint8)
    made = tlkit.RandAugment(num_ops=ops, magnitude=magnitude)(flat, [ops], **DRAW)
    assert np.isfinite(made).all()


def test_rand_augment_makes_each_of_fourteen_changes_about_as_often() -> None:
    change = tlkit.RandAugment(num_ops=1, magnitude=20)
    smooth = np.asarray(Image.fromarray(IMAGES[0]).filter(ImageFilter.GaussianBlur(2)))
    many = change(np.repeat(smooth[None], 420, 0), range(420), **DRAW)
    counts = []
    for name in _CHANGES:
        made = [np.asarray(name(Image.fromarray(smooth), level), "f4") for level in (2 / 3, -2 / 3)]
        counts.append(sum(any((x == one).all() for one in made) for x in many))
    assert min(counts) >= 15
    assert sum(counts) >= 420


def test_nothing_is_changed_at_magnitude_zero_but_contrast_and_white() -> None:
    image = np.minimum(IMAGES[0], 254)  # solarize turns 255 at a threshold of 255
    for name in _CHANGES[:12]:
        np.testing.assert_array_equal(np.asarray(name(Image.fromarray(image), 0.0)), image)


def test_a_rectangle_of_noise_has_the_area_and_aspect_and_number_asked_for() -> None:
    black = np.zeros((200, 40, 40, 3), np.uint8)
    erase = tlkit.RandomErasing(probability=0.3, area=(0.1, 0.2), aspect=(0.5, 2))
    erased = erase(black, range(200), **DRAW).max(-1) > 0
    some = erased.any((1, 2))
    assert 40 < some.sum() < 80
    for image in erased[some]:
        rows, columns = np.flatnonzero(image.any(1)), np.flatnonzero(image.any(0))
        height, width = np.ptp(rows) + 1, np.ptp(columns) + 1
        assert image.sum() == height * width
        assert 0.08 < height * width / 1600 < 0.22
        assert 0.4 < width / height < 2.3
    assert erased[some].any(0).mean() > 0.75  # it may be anywhere, corners seldom


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (lambda: tlkit.ColorJitter(brightness=1.5), "brightness=1.5; expected a share from 0 to 1"),
        (lambda: tlkit.ColorJitter(hue=0.6), "hue=0.6; expected turns from 0 to 0.5"),
        (lambda: tlkit.ColorJitter(contrast=PAIR), r"contrast=\(0.8, 1.2\)"),
        (lambda: tlkit.RandAugment(num_ops=0), "num_ops=0; expected a whole number"),
        (lambda: tlkit.RandAugment(magnitude=31), "magnitude=31; expected a number from 0 to 30"),
        (lambda: tlkit.RandomErasing(probability=2), "probability=2"),
        (lambda: tlkit.RandomErasing(area=(0.3, 0.1)), r"area=\(0.3, 0.1\).* the smaller first"),
        (lambda: tlkit.RandomErasing(aspect=(0, 1)), r"aspect=\(0, 1\); expected two ratios"),
    ],
)
def test_a_setting_out_of_range_is_named(made: Any, words: str) -> None:
    with pytest.raises(DataError, match=words):
        made()


@pytest.mark.parametrize("name", TRANSFORMS)
def test_images_and_indices_that_do_not_fit_are_refused(name: str) -> None:
    for shape, count in (((2, 8, 8, 3), 3), ((8, 8, 3), 8), ((2, 8, 8, 1), 2)):
        with pytest.raises(DataError, match=r"expected \(n, h, w, 3\) and n, one index per image"):
            TRANSFORMS[name](np.zeros(shape), range(count), **DRAW)

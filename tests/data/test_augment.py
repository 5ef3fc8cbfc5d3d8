"""Augmentation has the published meaning, and each draw belongs to one image."""

from __future__ import annotations

import dataclasses
import importlib
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from tests.data.conftest import noise
from tlkit._seeds import stream
from tlkit.data.augmentation.geometric import Augmentation
from tlkit.errors import DataError

ndimage = importlib.import_module("scipy.ndimage")  # has no types
Array = np.ndarray[Any, np.dtype[Any]]
NOTHING = {
    "rotation": 0,
    "shear": 0,
    "width_shift": 0,
    "height_shift": 0,
    "zoom": 0,
    "horizontal_flip": False,
    "vertical_flip": False,
}
ALONE = {
    "rotation": 45,
    "shear": 30,
    "width_shift": 0.3,
    "height_shift": 0.3,
    "zoom": 0.4,
    "horizontal_flip": True,
    "vertical_flip": True,
}
SIZES = [(24, 24), (20, 33), (33, 20)]
COUNT = 8


def images(height: int, width: int, count: int = COUNT) -> Array:
    return np.stack([noise(height, width, seed) for seed in range(count)])


def published(image: Array, settings: Augmentation, draws: Array, mode: str) -> Array:
    """The published formulas, step by step, with 3 x 3 matrices and scipy."""
    height, width = image.shape[:2]
    theta = np.deg2rad(settings.rotation * (2 * draws[0] - 1))
    shear = np.deg2rad(settings.shear * (2 * draws[1] - 1))
    down = settings.height_shift * (2 * draws[2] - 1) * height
    right = settings.width_shift * (2 * draws[3] - 1) * width
    zoom_rows = 1 + settings.zoom * (2 * draws[4] - 1)
    zoom_columns = 1 + settings.zoom * (2 * draws[5] - 1)
    rotation = [[np.cos(theta), -np.sin(theta), 0], [np.sin(theta), np.cos(theta), 0], [0, 0, 1]]
    shift = [[1, 0, down], [0, 1, right], [0, 0, 1]]
    skew = [[1, -np.sin(shear), 0], [0, np.cos(shear), 0], [0, 0, 1]]
    zoom = np.diag([zoom_rows, zoom_columns, 1])
    to_centre = np.array([[1, 0, height / 2 - 0.5], [0, 1, width / 2 - 0.5], [0, 0, 1]])
    matrix = np.linalg.multi_dot([to_centre, rotation, shift, skew, zoom, np.linalg.inv(to_centre)])
    moved = np.stack(
        [
            ndimage.affine_transform(
                image[..., channel].astype(float), matrix[:2, :2], matrix[:2, 2], order=1, mode=mode
            )
            for channel in range(3)
        ],
        axis=-1,
    )
    if settings.vertical_flip and draws[6] < 0.5:
        moved = moved[::-1]
    if settings.horizontal_flip and draws[7] < 0.5:
        moved = moved[:, ::-1]
    return moved


def draws_of(sample: int) -> Array:
    return stream(3, "augmentation of warm", 2, sample).random(8)


def compare(change: Augmentation, size: tuple[int, int], mode: str) -> None:
    pixels = images(*size)
    got = change(pixels, range(COUNT), seed=3, stage="warm", epoch=2)
    expected = [published(image, change, draws_of(n), mode) for n, image in enumerate(pixels)]
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, expected, atol=0.01)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", ALONE)
def test_each_change_alone_equals_the_published_formula(name: str, size: tuple[int, int]) -> None:
    compare(Augmentation(**{**NOTHING, name: ALONE[name]}), size, "nearest")  # type: ignore[arg-type]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    ("fill_mode", "mode"),
    [("nearest", "nearest"), ("reflect", "reflect"), ("constant", "grid-constant")],
)
def test_all_changes_together_equal_the_published_formula(
    fill_mode: str, mode: str, size: tuple[int, int]
) -> None:
    compare(Augmentation(**ALONE, fill_mode=fill_mode), size, mode)  # type: ignore[arg-type]


def test_the_defaults_equal_the_published_formula() -> None:
    compare(Augmentation(), (64, 48), "nearest")


def test_no_change_gives_the_same_pixels() -> None:
    pixels = images(9, 14)
    same = Augmentation(**NOTHING)(pixels, range(COUNT), seed=0, stage="warm", epoch=0)  # type: ignore[arg-type]
    np.testing.assert_array_equal(same, pixels.astype(np.float32))


def test_a_flip_only_mirrors_and_about_half_of_the_time() -> None:
    flip = Augmentation(**{**NOTHING, "horizontal_flip": True})  # type: ignore[arg-type]
    pixels = images(5, 6, 200)
    flipped = flip(pixels, range(200), seed=0, stage="warm", epoch=0)
    mirrored = (flipped == pixels[:, :, ::-1]).all((1, 2, 3))
    unchanged = (flipped == pixels).all((1, 2, 3))
    assert (mirrored | unchanged).all()
    assert 70 < mirrored.sum() < 130


def test_a_height_shift_moves_rows_and_a_width_shift_moves_columns() -> None:
    for name, axis in (("height_shift", 5), ("width_shift", 2)):
        change = Augmentation(**{**NOTHING, name: 0.5})  # type: ignore[arg-type]
        rows = change.matrices(range(50), seed=0, stage="warm", epoch=0, size=(10, 1000))
        side = 10 if name == "height_shift" else 1000
        moved = np.abs(rows[:, axis])
        assert 0.4 * side < moved.max() <= 0.5 * side
        assert np.count_nonzero(rows[:, [2, 5]].sum(0)) == 1


def test_values_stay_in_range_whatever_the_change() -> None:
    moved = Augmentation(**ALONE)(images(20, 30), range(COUNT), seed=1, stage="x", epoch=0)  # type: ignore[arg-type]
    assert moved.min() >= 0
    assert moved.max() <= 255


indices = st.lists(st.integers(0, 10**6), min_size=1, max_size=12)


@given(
    samples=indices, seed=st.integers(-(2**70), 2**70), epoch=st.integers(0, 500), data=st.data()
)
def test_a_draw_does_not_depend_on_the_batch_or_its_order(
    samples: list[int], seed: int, epoch: int, data: st.DataObject
) -> None:
    draw: dict[str, Any] = {"seed": seed, "stage": "warm", "epoch": epoch, "size": (30, 40)}
    together = Augmentation().matrices(samples, **draw)
    order = data.draw(st.permutations(range(len(samples))))
    shuffled = Augmentation().matrices([samples[position] for position in order], **draw)
    np.testing.assert_array_equal(shuffled, together[order])
    np.testing.assert_array_equal(Augmentation().matrices(samples[:1], **draw), together[:1])


@settings(max_examples=20)
@given(cuts=st.integers(1, COUNT - 1))
def test_pixels_do_not_depend_on_how_images_are_batched(cuts: int) -> None:
    pixels, draw = images(16, 16), {"seed": 0, "stage": "warm", "epoch": 0}
    whole = Augmentation()(pixels, range(COUNT), **draw)  # type: ignore[arg-type]
    parts = [
        Augmentation()(pixels[part], range(COUNT)[part], **draw)  # type: ignore[arg-type]
        for part in (slice(0, cuts), slice(cuts, COUNT))
    ]
    np.testing.assert_array_equal(np.concatenate(parts), whole)


def test_draws_differ_by_seed_stage_epoch_and_image() -> None:
    names = [(0, "a", 0, 0), (1, "a", 0, 0), (0, "b", 0, 0), (0, "a", 1, 0), (0, "a", 0, 1)]
    drawn = {
        Augmentation().matrices([n], seed=seed, stage=stage, epoch=epoch, size=32).tobytes()
        for seed, stage, epoch, n in names
    }
    assert len(drawn) == len(names)


def test_images_given_are_not_changed() -> None:
    pixels = images(8, 8).astype(np.float32)
    before = pixels.copy()
    matrices = Augmentation().matrices(range(COUNT), seed=0, stage="warm", epoch=0, size=8)
    drawn = matrices.copy()
    Augmentation().apply(pixels, matrices)
    np.testing.assert_array_equal(pixels, before)
    np.testing.assert_array_equal(matrices, drawn)


def test_no_images_give_no_images() -> None:
    none = Augmentation()(np.zeros((0, 8, 8, 3), np.uint8), [], seed=0, stage="warm", epoch=0)
    assert none.shape == (0, 8, 8, 3)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("rotation", -1),
        ("rotation", 181),
        ("rotation", "45"),
        ("shear", 90),
        ("shear", float("nan")),
        ("width_shift", 1),
        ("height_shift", -0.1),
        ("zoom", 1),
        ("zoom", (0.8, 1.2)),
        ("zoom", True),
        ("horizontal_flip", 1),
        ("vertical_flip", None),
        ("fill_mode", "wrap"),
        ("fill_mode", "black"),
    ],
)
def test_a_setting_out_of_range_is_named(name: str, value: Any) -> None:
    with pytest.raises(DataError, match=rf"{name}=.*; expected"):
        Augmentation(**{name: value})


@pytest.mark.parametrize(("shape", "count"), [((2, 8, 8, 3), 3), ((8, 8, 3), 1), ((2, 8, 8, 3), 0)])
def test_images_and_indices_that_do_not_fit_are_refused(shape: tuple[int, ...], count: int) -> None:
    with pytest.raises(DataError, match=r"expected \(n, h, w, 3\) and \(n, 8\)"):
        Augmentation()(np.zeros(shape), range(count), seed=0, stage="warm", epoch=0)


def test_settings_are_frozen_and_print_as_the_code_that_makes_them() -> None:
    change = Augmentation(rotation=10, fill_mode="reflect")
    assert eval(repr(change)) == change  # noqa: S307 - the promise under test
    with pytest.raises(dataclasses.FrozenInstanceError):
        change.rotation = 5  # type: ignore[misc]

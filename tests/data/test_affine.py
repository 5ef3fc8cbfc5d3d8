"""Affine transforms are exact at any size, fill and batch, and load no framework."""

from __future__ import annotations

import importlib
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from tests.data.conftest import noise
from tlkit import _threads
from tlkit.data.augmentation import _affine, _one_by_one
from tlkit.data.augmentation._affine import FILL_MODES, affine

ndimage = importlib.import_module("scipy.ndimage")  # has no types
Array = np.ndarray[Any, np.dtype[Any]]
MODES = {"nearest": "nearest", "reflect": "reflect", "constant": "grid-constant"}


def by_scipy(image: Array, row: Array, fill: str) -> Array:
    a, b, c, d, e, f = row[:6].astype(float)
    channels = [
        ndimage.affine_transform(
            image[..., channel].astype(float), [[e, d], [b, a]], [f, c], order=1, mode=MODES[fill]
        )
        for channel in range(image.shape[-1])
    ]
    return np.stack(channels, axis=-1)


@pytest.mark.parametrize("fill", FILL_MODES)
def test_large_images_are_as_exact_as_small_ones(fill: str) -> None:
    image = noise(500, 700)
    row = np.array([-0.7, 0.9, 300.3, 1.1, 0.6, -250.7, 0, 0], np.float32)
    got = affine(image[None], row[None], fill)[0]
    np.testing.assert_allclose(got, by_scipy(image, row, fill), atol=0.001)


@settings(max_examples=60)
@given(
    height=st.integers(1, 9),
    width=st.integers(1, 9),
    channels=st.integers(1, 4),
    row=st.lists(st.floats(-40, 40, width=32), min_size=6, max_size=6),
    fill=st.sampled_from(FILL_MODES),
)
def test_any_transform_of_any_shape_equals_scipy(
    height: int, width: int, channels: int, row: list[float], fill: str
) -> None:
    image = np.random.default_rng(0).integers(0, 256, (height, width, channels), np.uint8)
    rows = np.array([[*row, 0, 0]], np.float32)
    expected = by_scipy(image, rows[0], fill)
    np.testing.assert_allclose(affine(image[None], rows, fill)[0], expected, atol=0.01)


def one_by_one(image: Array, row: Array, fill: str) -> Array:
    """Return what the formula gives for one pixel after the other, in float32."""
    height, width, _ = image.shape
    frame = {"nearest": "edge", "constant": "constant", "reflect": "symmetric"}[fill]
    a, b, c, d, e, f = row[:6].tolist()
    far = 400
    around = np.pad(image, ((far, far), (far, far), (0, 0)), mode=frame).astype(np.float32)  # type: ignore[call-overload]
    shown = np.empty(image.shape, np.float32)
    for y, x in np.ndindex(height, width):
        line, down = parted(d * x + f, e * y)
        column, right = parted(a * x + c, b * y)
        corner = around[line + far :, column + far :]
        upper = corner[0, 0] + right * (corner[0, 1] - corner[0, 0])
        lower = corner[1, 0] + right * (corner[1, 1] - corner[1, 0])
        shown[y, x] = upper + down * (lower - upper)
    return shown


def parted(across: float, along: float) -> tuple[int, np.float32]:
    whole = int(np.floor(across) + np.floor(along))
    part = np.float32(across - np.floor(across)) + np.float32(along - np.floor(along))
    return whole + int(part >= 1), np.float32(part - (part >= 1))


@pytest.mark.parametrize("fill", FILL_MODES)
@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
@pytest.mark.parametrize("size", [(1, 1), (1, 9), (13, 8), (20, 20)])
@pytest.mark.parametrize("at_once", [1, 50, 2**14])
def test_each_pixel_is_bit_for_bit_what_the_formula_gives(
    fill: str, dtype: type, size: tuple[int, int], at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_affine, "_AT_ONCE", at_once)
    drawn = np.random.default_rng(0)
    images: Array = drawn.integers(0, 256, (4, *size, 3)).astype(dtype)
    rows = drawn.uniform(-2, 2, (4, 8)).astype(np.float32)
    rows[:, [2, 5]] *= 20
    rows[0] = [1, 0, 0, 0, 1, 0, 0, 0]
    rows[1] = [-1, 0, size[1] - 1, 0, 1, 3, 0, 0]
    got = affine(images, rows, fill)
    for image, row, shown in zip(images, rows, got, strict=True):
        np.testing.assert_array_equal(shown, one_by_one(image, row, fill))


def test_a_batch_for_threads_gives_what_each_image_gives_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(_one_by_one, "_LARGE", 96 * 96)
    monkeypatch.setattr(_threads, "usable_cores", lambda: 4)
    monkeypatch.setattr(_one_by_one, "usable_cores", lambda: 4)
    images = np.stack([noise(96, 96, seed) for seed in range(40)])
    rows = np.random.default_rng(0).uniform(-1, 1, (40, 8)).astype(np.float32)
    together = affine(images, rows, "nearest")
    for number in range(40):
        part = slice(number, number + 1)
        np.testing.assert_array_equal(affine(images[part], rows[part], "nearest"), together[part])


def test_float_images_are_not_rounded() -> None:
    image = np.array([0.25, 0.75], np.float32).reshape(1, 1, 2, 1)
    half = np.array([[1, 0, 0.5, 0, 1, 0, 0, 0]], np.float32)
    assert affine(image, half, "nearest").ravel().tolist() == [0.5, 0.75]


def test_augmentation_loads_no_framework() -> None:
    code = """
import sys, numpy as np, tlkit
images = np.zeros((2, 8, 8, 3), np.uint8)
tlkit.Augmentation()(images, [0, 1], seed=0, stage="warm", epoch=0)
print(sorted({"keras", "tensorflow", "jax", "torch"} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"

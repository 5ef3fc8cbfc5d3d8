"""Draws pictures that a network can learn to tell apart: a shape of a colour on a background.

Each class has a shape and a range of hues, which other classes share; place, size, turn,
pattern, light and background are random, and other things lie about. All comes from numbers: the
same seed and number give the same file, byte for byte, with the same Pillow.
"""

from __future__ import annotations

import colorsys
import io
import math
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

SIDE = 500
# Photos of goods, many of them on white, are saved by shops with about these.
QUALITIES = (80, 92)
_TILE = 760
_BACKGROUNDS, _PATTERNS = 24, 24
_ON_WHITE = 0.5
_HUES = 3
# Of a full circle: the hues of neighbours overlap a little.
_HUE_SPREAD = 0.075
_CORNERS = (3, 4, 5, 48)
_QUARTER_TURNS = [np.linalg.matrix_power(np.array([[0, -1], [1, 0]]), n) for n in range(4)]


@dataclass(frozen=True)
class Look:
    """How a class looks.

    Args:
        shape: Number of its shape.
        hue: The middle of its hues, 0 to 1.
    """

    shape: int
    hue: float

    @classmethod
    def of(cls, number: int) -> Look:
        """Return how class ``number`` looks."""
        return cls(number // _HUES, (number % _HUES + 0.5) / _HUES)


def draw(look: Look, random: np.random.Generator) -> bytes:
    """Return a JPEG file of 500 x 500 pixels.

    Args:
        look: What it shows.
        random: Decides all else.
    """
    picture = _background(random)
    pen = ImageDraw.Draw(picture)
    for _ in range(random.integers(0, 3)):
        shape = int(random.integers(len(shapes())))
        colour = tuple(int(x) for x in random.integers(60, 220, 3))
        pen.polygon(_placed(shape, random, (15, 45)), fill=colour)
    mask = Image.new("L", (SIDE, SIDE))
    ImageDraw.Draw(mask).polygon(_placed(look.shape, random, (90, 210)), fill=255)
    picture.paste(_painted(look.hue, random), mask=mask)
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=int(random.integers(*QUALITIES)))
    return file.getvalue()


@cache
def shapes() -> tuple[NDArray[np.float64], ...]:
    """Return the outlines, (corners, 2), of size 1 around the origin."""
    regular = [_ring(count) for count in _CORNERS]
    stars = [_star(count, inner) for count, inner in ((5, 0.42), (8, 0.7), (4, 0.3))]
    long = _ring(48) * (1.0, 0.45)
    quarter = np.array([(1, 3), (1, 1), (3, 1)])
    cross = np.concatenate([quarter @ turn for turn in _QUARTER_TURNS])
    return (*regular, *stars, long, cross / 3)


def _ring(count: int) -> NDArray[np.float64]:
    angle = 2 * math.pi * np.arange(count) / count
    return np.stack([np.cos(angle), np.sin(angle)], axis=1)


def _star(points: int, inner: float) -> NDArray[np.float64]:
    radius = np.where(np.arange(2 * points) % 2, inner, 1.0)
    return _ring(2 * points) * radius[:, None]


def _placed(
    shape: int, random: np.random.Generator, sizes: tuple[float, float]
) -> list[tuple[float, float]]:
    """Return a shape's corners somewhere in the picture, turned and scaled."""
    size, turn = random.uniform(*sizes), random.uniform(0, 2 * math.pi)
    place = random.uniform(0.6 * size, SIDE - 0.6 * size, 2)
    cos, sin = math.cos(turn), math.sin(turn)
    corners = shapes()[shape] * size @ np.array([[cos, sin], [-sin, cos]]) + place
    return [(float(x), float(y)) for x, y in corners]


def _background(random: np.random.Generator) -> Image.Image:
    if random.random() < _ON_WHITE:
        shade = int(random.integers(244, 256))
        return Image.new("RGB", (SIDE, SIDE), (shade, shade, shade))
    return _part(_backgrounds()[random.integers(_BACKGROUNDS)], random)


def _painted(hue: float, random: np.random.Generator) -> Image.Image:
    """Return a pattern in shades of a colour."""
    grey = _part(_patterns()[random.integers(_PATTERNS)], random)
    seen = (hue + random.normal(0, _HUE_SPREAD)) % 1
    light, full = random.uniform(0.55, 1.0), random.uniform(0.5, 0.95)
    colour = colorsys.hsv_to_rgb(seen, full, light)
    ramp = np.arange(256)
    bands = [grey.point([int(x) for x in ramp * part]) for part in colour]
    return Image.merge("RGB", bands)


def _part(tile: Image.Image, random: np.random.Generator) -> Image.Image:
    left, top = (int(x) for x in random.integers(0, _TILE - SIDE, 2))
    return tile.crop((left, top, left + SIDE, top + SIDE))


@cache
def _backgrounds() -> tuple[Image.Image, ...]:
    random = np.random.default_rng(1)
    return tuple(
        Image.merge("RGB", [_cloud(random, 60, 220, 3.0) for _ in range(3)])
        for _ in range(_BACKGROUNDS)
    )


@cache
def _patterns() -> tuple[Image.Image, ...]:
    random = np.random.default_rng(2)
    return tuple(_cloud(random, 110, 255, 6.0) for _ in range(_PATTERNS))


def _cloud(random: np.random.Generator, low: int, high: int, grain: float) -> Image.Image:
    """Return grey of several sizes with some grain, as light on a surface has it."""
    pixels = np.zeros((_TILE, _TILE), np.float32)
    for cells, weight in ((4, 0.6), (16, 0.25), (64, 0.15)):
        coarse = Image.fromarray(random.random((cells, cells), np.float32))
        pixels += weight * np.asarray(coarse.resize((_TILE, _TILE), Image.Resampling.BICUBIC))
    pixels = low + (high - low) * np.clip(pixels, 0, 1)
    pixels += random.normal(0, grain, pixels.shape)
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))

"""`tlkit.suggest_augmentation`: what images show anyway goes in, what misleads stays out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

import tlkit
from tlkit.data.augmentation.transforms import InOrder
from tlkit.errors import DataError, SplitError
from tlkit.probing import Change, TransformTrial
from tlkit.probing._changes import augmentation_of
from tlkit.testing import tiny_dataset


def grid() -> Any:
    """A backbone whose features are the image itself, coarsely: it sees where something is."""
    image = keras.Input((16, 16, 3))
    x = keras.layers.DepthwiseConv2D(4, 4, depthwise_initializer="ones")(image)
    return keras.Model(image, keras.layers.Flatten()(x))


def suggested(data: Any, backbone: Any = grid, **settings: Any) -> tlkit.SuggestedAugmentation:
    given = {"weights": None, "engine": "keras", "cache": False, "verbose": 0, **settings}
    return tlkit.suggest_augmentation(data, backbone, **given)


def bright_sides(sides: list[str], images: int = 160) -> tlkit.ImageDataset:
    """Images of which one side is brighter, by their class."""
    random = np.random.default_rng(0)
    parts = {"left": np.s_[:, :8], "right": np.s_[:, 8:], "top": np.s_[:8], "bottom": np.s_[8:]}
    pixels = random.integers(60, 140, (images, 16, 16, 3))
    labels = np.arange(images) % len(sides)
    for image, label in zip(pixels, labels, strict=True):
        image[parts[sides[label]]] += 60
    return tlkit.ImageDataset.from_arrays(pixels.astype("uint8"), labels, sides)


def verdicts(found: tlkit.SuggestedAugmentation) -> dict[str, bool]:
    return {trial.name: trial.accepted for trial in found.trials}


@pytest.fixture(scope="module")
def turned() -> tlkit.SuggestedAugmentation:
    return suggested(bright_sides(["left", "right"]))


def test_a_flip_that_swaps_classes_stays_out_and_the_other_goes_in(
    turned: tlkit.SuggestedAugmentation,
) -> None:
    assert verdicts(turned)["horizontal flip"] is False
    assert verdicts(turned)["vertical flip"] is True
    assert isinstance(turned.augmentation, InOrder)
    geometric, _ = turned.augmentation.steps
    assert isinstance(geometric, tlkit.Augmentation)
    assert geometric.vertical_flip
    assert not geometric.horizontal_flip
    upright = suggested(bright_sides(["top", "bottom"], 100))
    assert verdicts(upright)["horizontal flip"] is True
    assert verdicts(upright)["vertical flip"] is False


@pytest.mark.slow
def test_images_without_a_direction_are_flipped_in_both() -> None:
    found = suggested(tiny_dataset(120))
    assert verdicts(found)["horizontal flip"]
    assert verdicts(found)["vertical flip"]
    assert found.combined is not None
    assert found.combined.low <= 0


def test_light_that_tells_the_class_stays_out_and_colours_of_grey_pictures_do_nothing() -> None:
    random = np.random.default_rng(0)
    labels = np.arange(100) % 2
    grey = random.integers(0, 40, (100, 16, 16, 1)) + np.array([90, 115])[labels, None, None, None]
    pixels = np.repeat(grey.astype("uint8"), 3, axis=-1)
    found = suggested(tlkit.ImageDataset.from_arrays(pixels, labels, ["dark", "light"]))
    verdict = {trial.name: trial.verdict for trial in found.trials}
    assert verdict["light"] in ("hurts", "foreign")
    assert verdict["colour"] == "nothing"
    assert verdict["crop"] in ("helps", "fits")
    assert isinstance(found.augmentation, tlkit.Augmentation)
    assert found.augmentation.crop == (0.5, 1)


def test_changes_of_a_kind_are_made_at_once_and_kinds_in_a_row() -> None:
    turn, light = augmentation_of(["rotation"]), augmentation_of(["light"])
    assert isinstance(turn, tlkit.Augmentation)
    assert light == tlkit.ColorJitter(brightness=0.2, contrast=0.2, saturation=0)
    both = augmentation_of(["light", "crop", "colour", "horizontal flip"])
    assert isinstance(both, InOrder)
    first, second = both.steps
    assert isinstance(first, tlkit.Augmentation)
    assert (first.crop, first.horizontal_flip, first.rotation) == ((0.5, 1), True, 0)
    assert second == tlkit.ColorJitter(hue=0.02)
    tlkit.Stage("a", epochs=1, learning_rate=1, augmentation=both)


def test_it_prints_what_was_decided_and_why(turned: tlkit.SuggestedAugmentation) -> None:
    lines = str(turned).splitlines()
    assert "160 images, 4 folds" in lines[0]
    assert lines[2].startswith("horizontal flip ")
    assert "out: " in lines[2]
    assert "in: " in lines[3]
    assert lines[-1] == f"augmentation={turned.augmentation}"


def test_the_same_seed_decides_the_same_from_features_that_are_stored(
    turned: tlkit.SuggestedAugmentation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = bright_sides(["left", "right"])
    some = suggested(data, images=60, cache=tmp_path)
    assert some.images == 60
    assert str(some) != str(turned)
    monkeypatch.setattr(tlkit.ImageDataset, "load", None)
    assert str(some) == str(suggested(data, images=60, cache=tmp_path))


def test_a_change_too_small_to_matter_decides_nothing_however_sure_it_is() -> None:
    sure = {sign: Change.of(sign * np.linspace(0.0009, 0.0011, 50)) for sign in (-1, 1)}
    zoom = augmentation_of(["zoom"])
    apart, alike = Change.of(np.linspace(0.2, 0.3, 50)), Change.of(np.linspace(-0.1, 0.1, 50))
    for learned in sure.values():
        for seen, verdict in ((apart, "foreign"), (alike, "fits")):
            trial = TransformTrial("zoom", zoom, seen, learned)
            assert trial.verdict == verdict
    assert TransformTrial("zoom", zoom, alike, apart).verdict == "hurts"
    helps = Change.of(-np.linspace(0.2, 0.3, 50))
    assert TransformTrial("zoom", zoom, apart, helps).verdict == "helps"
    # A flip that images of this kind don't show stays out, whatever it does to the regression.
    flip = augmentation_of(["horizontal flip"])
    assert TransformTrial("horizontal flip", flip, apart, helps).verdict == "foreign"
    assert TransformTrial("horizontal flip", flip, alike, helps).verdict == "helps"
    colour = augmentation_of(["colour"])
    assert TransformTrial("colour", colour, alike, helps, idle=True).verdict == "nothing"


REFUSED: dict[str, tuple[Any, dict[str, Any], type[Exception], str]] = {
    "one image of each class": (tiny_dataset(3), {}, SplitError, "No class has 2 images"),
    "one class": (tiny_dataset(1), {}, DataError, "all of one class"),
    "more classes than images": (tiny_dataset(9), {"images": 2}, SplitError, "3"),
    "no number": (tiny_dataset(9), {"images": 0}, DataError, "images=0"),
    "a folder": ("pictures", {}, DataError, "from_directory"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_tried_is_told_before_anything_is_computed(
    case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, settings, error, words = REFUSED[case]
    monkeypatch.setattr(tlkit.ImageDataset, "load", None)
    with pytest.raises(error, match=words):
        suggested(data, **settings)

"""Augmented views that are kept: what they equal, and when the trunk runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tlkit
from tests.training.conftest import head_stage, largest_difference, same_weights, trainer
from tests.training.test_resume import Data
from tlkit.data.augmentation.transforms import as_transform
from tlkit.data.augmentation.views import ViewPixels
from tlkit.data.images import Images
from tlkit.errors import TrainingError
from tlkit.features.engines.keras_engine import KerasEngine

TURNED = tlkit.Augmentation()
# Views go through the trunk in batches of another size than fresh images do.
ROUNDING = 2e-6


@pytest.mark.slow
@pytest.mark.parametrize("how", [TURNED, [TURNED, tlkit.ColorJitter()]], ids=["one", "several"])
def test_as_many_views_as_epochs_are_fresh_augmentation(parts: Data, how: Any) -> None:
    stages = [head_stage(epochs=3, augmentation=how, views=views) for views in (None, 3)]
    fresh, kept = (trainer(stage).fit(*parts, verbose=0) for stage in stages)
    assert largest_difference(fresh.model, kept.model) < ROUNDING


@pytest.mark.slow
def test_with_fewer_views_the_first_comes_again(parts: Data) -> None:
    class Again:
        """One augmentation for all epochs."""

        def __call__(self, images: Any, indices: Any, *, seed: int, stage: str, epoch: int) -> Any:
            return TURNED(images, indices, seed=seed, stage=stage, epoch=epoch % 2)

    kept = trainer(head_stage(epochs=4, augmentation=TURNED, views=2)).fit(*parts, verbose=0)
    plain = trainer(head_stage(epochs=4, augmentation=Again())).fit(*parts, verbose=0)
    assert largest_difference(kept.model, plain.model) < ROUNDING


@pytest.mark.slow
def test_the_trunk_runs_once_for_each_view(
    parts: Data, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[int] = []
    run = KerasEngine.run

    def counted(self: KerasEngine, images: Any) -> Any:
        ran.append(len(images))
        return run(self, images)

    monkeypatch.setattr(KerasEngine, "run", counted)
    stage = head_stage(epochs=5, augmentation=TURNED, views=2)
    settings: dict[str, Any] = {"cache": tmp_path, "engine": "keras"}
    first = trainer(stage, **settings).fit(*parts, verbose=0)
    batches = -(-2 * len(parts[0]) // 32) + -(-len(parts[1]) // 32)
    assert len(ran) == batches
    again = trainer(stage, **settings).fit(*parts, verbose=0)
    assert len(ran) == batches
    assert same_weights(first.model, again.model)
    # Another seed, stage or augmentation draws other views.
    for other in (
        trainer(stage, seed=1, **settings),
        trainer(head_stage(name="x", epochs=5, augmentation=TURNED, views=2), **settings),
    ):
        before = len(ran)
        other.fit(*parts, verbose=0)
        assert len(ran) == before + -(-2 * len(parts[0]) // 32)


BRIGHTER = """
class Brighter:
    def __call__(self, images, indices, *, seed, stage, epoch):
        return images + {by}
"""


def test_an_augmentation_that_was_edited_gives_other_views(parts: Data) -> None:
    def digests(by: float) -> Any:
        space: dict[str, Any] = {"__name__": "own"}
        exec(BRIGHTER.format(by=by), space)
        images = Images(parts[0], (16, 16))
        return ViewPixels(images, space["Brighter"](), 2, seed=0, stage="head").digests

    assert np.array_equal(digests(1.0), digests(1.0))
    assert (digests(1.0) != digests(2.0)).any(axis=1).all()


def test_views_of_several_augmentations_in_a_row_have_names_by_each_of_them() -> None:
    data = tlkit.testing.tiny_dataset(4)

    def digests(*steps: Any) -> bytes:
        transform: Any = as_transform(list(steps))
        seen = ViewPixels(Images(data, (16, 16)), transform, 1, seed=0, stage="head")
        return bytes(seen.digests.tobytes())

    space: dict[str, Any] = {"__name__": "own"}
    exec(BRIGHTER.format(by=1), space)
    first = space["Brighter"]()
    exec(BRIGHTER.format(by=2), space)
    second = space["Brighter"]()
    made = [(TURNED,), (TURNED, first), (TURNED, second), (first, TURNED), (TURNED, TURNED)]
    assert len({digests(*steps) for steps in made}) == len(made)
    assert digests(TURNED, first) == digests(TURNED, first)


@pytest.mark.slow
def test_views_that_do_not_fit_on_disk_are_computed_anew(
    parts: Data, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = head_stage(epochs=4, augmentation=TURNED, views=2)
    kept = trainer(stage).fit(*parts, verbose=0)
    monkeypatch.setattr("tlkit.training.loop.session.STORE_LIMIT", 0)
    anew = trainer(stage).fit(*parts, verbose=0)
    assert largest_difference(kept.model, anew.model) < ROUNDING


def test_what_cannot_have_views() -> None:
    for wrong in (0, 1.5, True, "2"):
        with pytest.raises(TrainingError, match="expected None or a whole number from 1"):
            head_stage(augmentation=TURNED, views=wrong)
    with pytest.raises(TrainingError, match="with augmentation=None"):
        head_stage(views=2)
    with pytest.raises(TrainingError, match="mixed in each batch"):
        head_stage(augmentation=TURNED, views=2, mix=lambda: None)

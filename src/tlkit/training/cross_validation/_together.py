"""The trainings of recipes of a frozen backbone, all at once on one read of the features."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from keras.ops import convert_to_numpy

from tlkit._progress import Reporter
from tlkit.backbones.spec import BackboneSpec
from tlkit.data.batches import batch_slices
from tlkit.data.images import Images
from tlkit.features.trunk import Trunk
from tlkit.freezing.whole_model import head_weights
from tlkit.training.cross_validation._held_out import HeldOut
from tlkit.training.cross_validation._recipes import Recipe
from tlkit.training.cross_validation._trainings import Training
from tlkit.training.feeding.targets import Targets
from tlkit.training.loop._conflicts import check_conflicts
from tlkit.training.loop.session import Session
from tlkit.training.stacking._stackable import MOST_BYTES, Chain, alone_because, chain_of
from tlkit.training.stacking._train import train_members
from tlkit.training.stacking.member import Member, Trained

# That are predicted at once.
ROWS = 4096


@dataclass(frozen=True, eq=False)
class _Job:
    """A training that is stacked.

    Args:
        recipe: Its recipe.
        training: Which it is.
        held_out: Predicts, with the backbone of the training's seed.
        trunk: Of that backbone.
        chain: The layers of its head.
        member: What is trained.
    """

    recipe: Recipe
    training: Training
    held_out: HeldOut
    trunk: Trunk
    chain: Chain
    member: Member

    def probabilities(self, trained: Trained, rows: Any) -> Any:
        """Return those of the left-out images."""
        self.chain.assign(trained.weights)
        left_out, tail = rows[self.training.places], self.held_out.phase.tail
        # Called as it is: each ``predict`` would take longer to begin than all of these layers.
        outputs = [
            tail(left_out[part], training=False) for part in batch_slices(len(left_out), ROWS)
        ]
        return self.held_out.told(np.concatenate([convert_to_numpy(each) for each in outputs]))


def trained_together(
    recipes: Sequence[Recipe], reporter: Reporter
) -> Iterator[tuple[Recipe, Training, Any]]:
    """Train what can be stacked, and yield the probabilities of each training's left-out images.

    Recipes that are not yielded are to be trained one training after the other; a line says why.

    Args:
        recipes: On the same images.
        reporter: Shows progress.

    Raises:
        TlkitError: What `StagedTrainer.fit` raises.
    """
    jobs: dict[Any, list[_Job]] = {}
    for recipe in recipes:
        found = _jobs(recipe)
        if isinstance(found, str):
            reporter.line(f"{recipe.about}: each training runs by itself, since {found}")
            continue
        for job in found:
            settings = job.held_out.settings
            key = (job.trunk.fingerprint, settings.engine, settings.feature_dtype)
            jobs.setdefault(key, []).append(job)
    for group in jobs.values():
        first = group[0].held_out
        rows = first.rows(group[0].trunk)
        members = [job.member for job in group]
        trained = train_members(members, rows, first.data.labels, reporter)
        for job, each in zip(group, trained, strict=True):
            yield job.recipe, job.training, job.probabilities(each, rows)


def _jobs(recipe: Recipe) -> list[_Job] | str:
    """Return the trainings of a recipe as they are stacked, or why they are not."""
    trainer = recipe.trainer
    if trainer.run_dir is not None:
        return "run_dir keeps a folder of checkpoints for each"
    if trainer.start_from is not None:
        return "start_from gives them the weights of a file"
    if trainer.devices.spread:
        return "distribution spreads each over devices"
    precision = trainer.settings.trunk_precision
    if precision != "float32":
        return f"trunk_precision={precision!r} has pictures of each to be compared on"
    reason = alone_because(trainer.stages)
    if reason:
        return reason
    jobs: list[_Job] = []
    for held_out, trainings in _by_backbone(recipe):
        found = _of_backbone(recipe, held_out, trainings)
        if isinstance(found, str):
            return found
        jobs += found
    return jobs


def _by_backbone(recipe: Recipe) -> Iterator[tuple[HeldOut, list[Training]]]:
    """Yield trainings by the backbone that they have: random weights follow from the seed."""
    settings = recipe.held_out.settings
    fixed = settings.weights is not None and isinstance(settings.backbone, BackboneSpec)
    groups: dict[int, list[Training]] = {}
    for each in recipe.trainings:
        groups.setdefault(settings.seed if fixed else each.seed, []).append(each)
    for seed, group in groups.items():
        same = seed == settings.seed
        other = replace(settings, seed=seed)
        yield recipe.held_out if same else replace(recipe.held_out, settings=other), group


def _of_backbone(
    recipe: Recipe, held_out: HeldOut, trainings: Sequence[Training]
) -> list[_Job] | str:
    data, parts, (stage,) = held_out.data, held_out.parts, held_out.stages
    size = parts.model.input_shape[1:3]
    sets = (trainings[0].train(data), trainings[0].validation(data))
    images = [None if one is None else Images(one, size) for one in sets]
    shared = (held_out.store, held_out.settings, held_out.reporter)
    check_conflicts(Session(parts, images[0], images[1], *shared), (stage,))  # type: ignore[arg-type]
    trunk = held_out.trunk
    if trunk is None or trunk.floats * 4 * len(data) > MOST_BYTES:
        return "their features are not held in memory"
    chain = chain_of(held_out.phase.tail, parts.head, held_out.task)
    if isinstance(chain, str):
        return chain
    weights = {held_out.settings.seed: [layer.get_weights() for layer in parts.head]}
    asked = (parts, held_out.head, len(data.class_names), held_out.task)
    jobs = []
    for each in trainings:
        if each.seed not in weights:
            weights[each.seed] = head_weights(*asked, each.seed)
        member = Member(
            stage=stage,
            seed=each.seed,
            layers=chain.layers(weights[each.seed], each.seed, stage.name),
            train=each.training,
            validation=each.validating,
            targets=Targets.of(stage, each.train(data), held_out.task),
        )
        jobs.append(_Job(recipe, each, held_out, trunk, chain, member))
    return jobs

"""What the stages of one training share: the model, the images, the store of features."""

from __future__ import annotations

from collections.abc import Collection
from concurrent.futures import Executor
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from tlkit._keras.devices import ONE_DEVICE, Devices
from tlkit._keras.types import Layer, Model
from tlkit._progress import Reporter
from tlkit._task import Task
from tlkit.data.augmentation.views import ViewPixels
from tlkit.data.images import Images
from tlkit.features.outputs import Pixels
from tlkit.features.passes import Extracted, Plan, extracted
from tlkit.features.precision.sample import sample_of
from tlkit.features.settings import FrozenSettings
from tlkit.features.store.store import FeatureStore
from tlkit.features.trunk import Trunk
from tlkit.freezing.phase import Phase, prepare
from tlkit.freezing.whole_model import Parts, noise_start
from tlkit.inference.contract import ModelContract
from tlkit.training.feeding.inputs import Change, Fresh, FreshFeatures, Prepared, Stored, Views
from tlkit.training.run_dir.engines_used import EngineNotes, Ran
from tlkit.training.stage import Stage

# Features of a trunk above this many bytes are computed anew in every epoch instead of stored.
STORE_LIMIT = 16 * 2**30


@dataclass(frozen=True)
class PhaseWork:
    """The frozen work of one phase of a stage.

    Args:
        stage: Name of the stage.
        first: The phase's first epoch, from 0.
        end: The epoch after its last.
        trunk: What is frozen; None where all of the model is trained.
        images_ahead: How many images will go through it, as far as is known.
    """

    stage: str
    first: int
    end: int
    trunk: Trunk | None
    images_ahead: int


@dataclass(frozen=True)
class Session:
    """What the stages of one training share.

    Args:
        parts: The whole model.
        train: Training images.
        validation: Validation images, or None.
        store: Where frozen work is kept.
        settings: Of frozen work; every random choice follows from their seed and the stage, epoch
            and sample.
        reporter: Shows progress.
        executor: Whose workers compute features; None for this process alone.
        engines: Which engine ran what, in this training so far.
        notes: What there is to say on the images, for people.
        devices: That the training is spread over.
        judged: Whether stages are compared, by a figure of their own.
        plain: The same model on one device, which runs what is frozen and is kept in the end;
            ``parts`` itself where there is one device.
    """

    parts: Parts
    train: Images
    validation: Images | None
    store: FeatureStore
    settings: FrozenSettings
    reporter: Reporter
    executor: Executor | None = None
    engines: EngineNotes = field(default_factory=EngineNotes)
    notes: tuple[str, ...] = ()
    devices: Devices = ONE_DEVICE
    judged: bool = False
    plain: Parts | None = None
    _trunks: dict[str, Trunk] = field(default_factory=dict, init=False, repr=False)

    @property
    def seed(self) -> int:
        """What every random choice follows from."""
        return self.settings.seed

    @property
    def task(self) -> Task:
        """What the model tells of an image."""
        return Task.of(self.train.labels, self.parts.model.output_shape[-1])

    @property
    def contract(self) -> ModelContract:
        """What it takes to use the model: its classes, and how its pictures are read."""
        data = self.train.dataset
        height, width = self.parts.model.input_shape[1:3]
        told = (data.class_names, (height, width), data.depth)
        return ModelContract(*told, fit=data.fit, task=self.task)

    @property
    def _any(self) -> bool:
        """Whether there is a choice of engine or precision, that a run that goes on repeats."""
        return "auto" in (self.settings.engine, self.settings.trunk_precision)

    @property
    def count(self) -> int:
        """Images of an epoch, those for training and those for validation."""
        return len(self.train) + len(self.validation or ())

    def prepare(self, chosen: Collection[Layer], stage: Stage) -> Phase:
        """Return the phase of a stage that trains some layers of the backbone; see `prepare`."""
        with self.devices.scope():
            phase = prepare(self.parts, chosen, stage.policy)
            phase.low_rank.begin(lambda layer: noise_start(layer, self.seed, f"{stage.name}, LoRA"))
            return phase

    def model(self) -> Model:
        """Return the whole model on one device, with the weights that it has by now."""
        model: Model = (self.plain or self.parts).model
        if self.plain is not None:
            model.set_weights(self.parts.model.get_weights())
        return model

    def trunk(self, phase: Phase) -> Trunk | None:
        """Return the trunk of a phase; one that was used before keeps its engine."""
        frozen = self._frozen(phase)
        if frozen is None:
            return None
        fresh = self._made(frozen)
        return self._trunks.setdefault(fresh.fingerprint, fresh)

    def inputs(self, work: PhaseWork, images: Images, change: Change) -> Prepared:
        """Return what gives a tail its input: stored features where there can be any.

        Args:
            work: Of the phase.
            images: Those for training or those for validation.
            change: How they change from epoch to epoch.

        Raises:
            RunDirectoryError: Which engine it was cannot be written down.
        """
        if work.trunk is None:
            return Prepared(Fresh(images, change, self.seed, work.stage))
        role = "train" if images is self.train else "validation"
        what = (work.stage, role, work.trunk.fingerprint[:32])
        plan = self.settings.plan(
            self.reporter.step,
            images_ahead=work.images_ahead,
            executor=self.executor,
            before=self.engines.get(*what) if self._any else "",
        )
        found = self.prepared(work.trunk, work.stage, images, change, plan)
        span = (work.first, work.end)
        self.engines.note(Ran(*what, *span, found.engine, found.once, found.each, found.ms))
        return found

    def prepared(
        self, trunk: Trunk, stage: str, images: Images, change: Change, plan: Plan
    ) -> Prepared:
        """Return what a trunk gives for images, with what there is to say of it."""
        too_large = "" if change.inputs is None else self._too_large(trunk, images, change.inputs)
        if change.inputs is not None and not too_large:
            return self._stored(trunk, stage, images, change, plan)
        choice = plan.choice(trunk, images.pixels)
        return Prepared(
            FreshFeatures(images, change, self.seed, stage, trunk.runner(choice, plan.engine)),
            choice.engine.name,
            each=len(images),
            ms=choice.ms,
            notes=(*filter(None, [too_large]), f"engine: {choice.why}"),
            check=trunk.check(choice.engine.name),
        )

    def _stored(
        self, trunk: Trunk, stage: str, images: Images, change: Change, plan: Plan
    ) -> Prepared:
        if change.augmentation is None or change.views is None:
            found = self._extracted(trunk, images.pixels, images.dataset.image_digests, plan)
            inputs: Stored | Views = Stored(found.rows)
        else:
            seen = ViewPixels(images, change.augmentation, change.views, self.seed, stage)
            found = self._extracted(trunk, seen, seen.digests, plan)
            inputs = Views(found.rows, len(images), change.views)
        told = (found.passes, 0, found.ms, found.notes, found.check)
        return Prepared(inputs, found.engine, *told)

    def _frozen(self, phase: Phase) -> Model | None:
        """Return what is frozen below the cut, on one device."""
        if self.plain is None or phase.cut is None:
            return phase.trunk
        self.model()
        points = self.plain.graph.cut_points  # whose names may have other numbers
        (name,) = (point.name for point in points if point.index == phase.cut.index)
        trunk: Model = self.plain.graph.trunk(name)
        return trunk

    def _made(self, frozen: Model) -> Trunk:
        sample = sample_of(self.train.pixels, self.train.dataset)
        return self.settings.trunk(frozen, self.store, sample, self.reporter.step)

    def _extracted(
        self, trunk: Trunk, pixels: Pixels, ids: NDArray[np.uint8], plan: Plan
    ) -> Extracted:
        return extracted(trunk, pixels, ids, plan)

    def _too_large(self, trunk: Trunk, images: Images, inputs: int) -> str:
        """Return why features may not be stored; an empty text where they may."""
        rows = len(images) * inputs
        needed, limit = trunk.bytes * rows, min(STORE_LIMIT, self.store.limit)
        if needed <= limit:
            return ""
        return (
            f"features of {rows} images would take {needed / 2**30:.0f} GiB, more than "
            f"{limit / 2**30:.0f}: the trunk is run anew in every epoch"
        )

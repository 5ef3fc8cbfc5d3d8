"""StagedTrainer: a backbone, a head, and stages that train them one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor
from pathlib import Path
from typing import Any, Unpack

from tlkit._keras.distributions import devices_of
from tlkit._progress import reporter_for
from tlkit.backbones.build import Backbone, ImageSize
from tlkit.data.labelled_images import LabelledImages
from tlkit.features.engines.precision import TrunkPrecision
from tlkit.features.settings import FrozenSettings
from tlkit.features.store.store import open_store
from tlkit.freezing.own_head import GivenHead, head_of
from tlkit.learning_rate.curve import LRCurve
from tlkit.learning_rate.finder import ExponentialLRFinder
from tlkit.training import _checks
from tlkit.training._learning_rate_search import find_learning_rate
from tlkit.training._starting import start_of
from tlkit.training._trainer_settings import ShowsSettings
from tlkit.training.arguments import ReplacedArguments
from tlkit.training.kept import Keep, are_judged
from tlkit.training.loop._stages import run_stages
from tlkit.training.loop.new_session import new_session
from tlkit.training.planning._planner import Planner
from tlkit.training.planning.plan import TrainingPlan
from tlkit.training.planning.timings import PlanTimings
from tlkit.training.result import TrainingResult
from tlkit.training.run_dir.run_settings import held_run, trainer_arguments
from tlkit.training.stage import Stage


class StagedTrainer(ShowsSettings):
    """Train a head on a backbone, stage by stage; the frozen part runs once per image.

    Args:
        backbone: A name, a `BackboneSpec`, or a function that returns a keras.Model of raw images.
        stages: What to do, in order; each goes on from the weights of the one before.
        head: A `Head`; a function ``head(features)`` or ``head(features, classes)`` that gives
            float32 probabilities (None, classes); or a Keras layer, copied with new weights.
        image_size: Side in pixels, or (height, width); the backbone's default where None.
        weights, preprocessing: Of the backbone, as for `build_backbone`.
        start_from: A ``.weights.h5`` or ``.keras`` file of an earlier run of the same backbone
            and head, whose weights the first stage starts from. Classes are matched by name if
            the file lies in its run directory; else columns are taken to be classes in order.
        engine: What runs the frozen part: ``"auto"``, or a name of `tlkit.list_engines`.
        cache: True keeps features in the user's cache folder; a path; an address for several
            machines, ``"s3://bucket/features"``; False keeps them for this training only.
        feature_dtype: Features are kept as ``"float32"``, or ``"float16"``: 11 bits, half the disk.
        trunk_precision: The frozen part trains at ``"float32"``, ``"bfloat16"``, ``"int8"``, or
            ``"auto"``, the fastest that does no harm.
        keep: The model ends with the weights of the ``"last"`` stage, or of the ``"best"``: by the
            weighted F1 on validation images, with several labels by their accuracy.
        distribution: Devices that share each batch: a ``keras.distribution.DataParallel`` on JAX, a
            ``tf.distribute.MirroredStrategy`` on TensorFlow, for the weights of one to rounding.
        run_dir: A folder for settings, checkpoints and results, or None to keep nothing.
        seed: Every random choice follows from it and the stage, epoch and sample.

    Raises:
        TrainingError: No stage, or two of one name; an unknown ``feature_dtype`` or ``keep``; a
            ``distribution`` that Keras's backend has not.
        EngineError, UnknownBackboneError: An unknown engine, ``trunk_precision`` or backbone.

    Example:
        >>> import tlkit, tlkit.testing
        >>> trainer = tlkit.StagedTrainer(
        ...     tlkit.testing.tiny_backbone(), weights=None, cache=False,
        ...     stages=[tlkit.Stage("head", epochs=2, learning_rate=0.01)])
        >>> sets = tlkit.testing.tiny_dataset().split(0.25)
        >>> trainer.fit(*sets, verbose=0).stages[0].epochs
        2
    """

    def __init__(
        self,
        backbone: Backbone,
        *,
        stages: Sequence[Stage],
        head: GivenHead | None = None,
        image_size: ImageSize | None = None,
        weights: str | Path | None = "imagenet",
        preprocessing: str = "auto",
        start_from: str | Path | None = None,
        engine: str = "auto",
        cache: bool | str | Path = True,
        feature_dtype: str = "float32",
        trunk_precision: TrunkPrecision = "float32",
        keep: Keep = "last",
        distribution: Any = None,
        run_dir: str | Path | None = None,
        seed: int = 0,
    ) -> None:
        network = (backbone, image_size, weights, preprocessing)
        self.settings = FrozenSettings(
            *network, engine, cache, feature_dtype, seed, trunk_precision
        )
        _checks.check_parts(stages, keep)
        self.stages = tuple(stages)
        self.head = head_of(head)
        self.keep: Keep = keep
        self.devices, self.distribution = devices_of(distribution), distribution
        self.start_from = Path(start_from) if start_from is not None else None
        self.run_dir = Path(run_dir) if run_dir is not None else None

    @classmethod
    def from_run(cls, run: str | Path, /, **replaced: Unpack[ReplacedArguments]) -> StagedTrainer:
        """Make the trainer of a run again, from the settings in its directory.

        Args:
            run: A ``run_dir`` of an earlier trainer, perhaps of another process.
            **replaced: Arguments that are given anew: what cannot be read from a file, such as a
                function of your own, or what is to differ, such as ``seed``.

        Returns:
            A trainer for the same ``run_dir``; ``fit(..., resume=True)`` goes on with the run.
            Reading the settings runs no code but tlkit's and Keras' own.

        Raises:
            RunDirectoryError: There is no run, or it used what cannot be built from text.

        Example:
            >>> import tempfile, tlkit, tlkit.testing
            >>> tiny, run = tlkit.testing.tiny_backbone(), tempfile.mkdtemp()
            >>> stages = (tlkit.Stage("head", epochs=1, learning_rate=0.01),)
            >>> trainer = tlkit.StagedTrainer(tiny, weights=None, stages=stages, run_dir=run)
            >>> result = trainer.fit(tlkit.testing.tiny_dataset(), verbose=0)
            >>> tlkit.StagedTrainer.from_run(run, backbone=tiny).stages == stages
            True
        """
        return cls(**trainer_arguments(Path(run), replaced))

    def fit(
        self,
        train: LabelledImages,
        validation: LabelledImages | None = None,
        *,
        resume: bool = False,
        verbose: int = 1,
        executor: Executor | None = None,
    ) -> TrainingResult:
        """Run all stages.

        Args:
            train: Training images: a `tlkit.ImageDataset`, or a `tlkit.MultiLabelDataset`.
            validation: Images of the same classes or some of them, matched by name; or None.
            resume: Go on with the run in ``run_dir`` from the last finished epoch. The last stage
                that was begun may have more epochs than then.
            verbose: 0 shows nothing, 1 a progress bar and a line for each stage.
            executor: As for `tlkit.extract`, for what is computed once per image; augmented views
                are computed by this process.

        Returns:
            The trained model and what each stage did.

        Raises:
            TrainingError: ``resume`` without a ``run_dir``; class weights that fit no class;
                ``start_from`` a run of other classes.
            DataError: Sets that do not fit together; a damaged image is named before training.
            RunDirectoryError: The run directory cannot be written or holds another run.
            LossNotFiniteError: The loss became NaN; what was reached before is in ``run_dir``.
            FrozenChangedError: Something changed that was to stay frozen.
        """
        _checks.check_resume(self.run_dir, resume=resume)
        validation = _checks.checked_sets(train, validation, self.stages, self.devices)
        start = start_of(self.start_from, train.class_names)
        with open_store(self.settings.cache) as store:
            notes = _checks.check_images(store, train, validation)
            asked = (self.settings, self.head, self.stages, self.keep, self.start_from)
            with held_run(self.run_dir, *asked, train, validation, resume=resume) as run:
                session = new_session(
                    *(self.settings, self.head, start, store, (train, validation)),
                    reporter_for(verbose),
                    executor=executor,
                    engines=run.engines() if run else None,
                    notes=notes,
                    devices=self.devices,
                    judged=are_judged(self.stages, self.keep),
                )
                return run_stages(session, self.stages, self.keep, run)

    def plan(
        self,
        train: LabelledImages,
        validation: LabelledImages | None = None,
        *,
        resume: bool = False,
        verbose: int = 1,
        timings: PlanTimings | None = None,
    ) -> TrainingPlan:
        """Say what `fit` will run, how long that takes on this machine, and the disk it needs.

        A few batches are timed; files that the store does not know are read once. Nothing is left
        behind. Callbacks are not run: where one may end a stage, the plan is an upper bound.

        Args:
            train: As for `fit`.
            validation: As for `fit`.
            resume: Plan what is left of the run in ``run_dir``.
            verbose: 0 shows nothing, 1 a progress bar.
            timings: What plans just before have timed on this machine, which this one does not time
                again; it adds its own.

        Returns:
            The plan; it prints as a table.

        Raises:
            TlkitError: What `fit` would raise before it begins, but for most damaged images.

        Example:
            >>> import tlkit, tlkit.testing
            >>> trainer = tlkit.StagedTrainer(
            ...     tlkit.testing.tiny_backbone(), weights=None, cache=False,
            ...     stages=[tlkit.Stage("head", epochs=2, learning_rate=0.01)])
            >>> trainer.plan(tlkit.testing.tiny_dataset(), verbose=0).stages[0].steps
            4
        """
        _checks.check_resume(self.run_dir, resume=resume)
        validation = _checks.checked_sets(train, validation, self.stages, self.devices)
        start = start_of(self.start_from, train.class_names)
        asked = (self.settings, self.head, self.stages, self.keep, self.start_from, self.run_dir)
        told = (start, reporter_for(verbose), self.devices, timings)
        return Planner(*asked, *told).plan(train, validation, resume=resume)

    def find_learning_rate(
        self,
        train: LabelledImages,
        finder: ExponentialLRFinder,
        *,
        checkpoint: str | Path | None = None,
        verbose: int = 1,
    ) -> LRCurve:
        """Search for the learning rate of the first stage, and train nothing.

        Args:
            train: Training images.
            finder: Which rates to try and how to choose.
            checkpoint: File, ``.npz``, from which a search by epoch goes on if it was interrupted.
            verbose: 0 shows nothing, 1 a progress bar.

        Returns:
            The curve; ``curve.suggestion`` is the chosen rate.

        Raises:
            TlkitError: The checkpoint is of another search, or unusable.
        """
        asked = (self.settings, self.head, self.stages[0], self.start_from, self.devices)
        return find_learning_rate(*asked, train, finder, checkpoint=checkpoint, verbose=verbose)

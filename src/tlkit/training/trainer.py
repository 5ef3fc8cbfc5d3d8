"""StagedTrainer: a backbone, a head, and stages that train them one after the other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tlkit._progress import Console, Reporter, Silent
from tlkit.backbones.build import Backbone, ImageSize
from tlkit.backbones.registry import get_backbone
from tlkit.backbones.weights import load_file
from tlkit.data.dataset import ImageDataset
from tlkit.data.images import Images
from tlkit.errors import TrainingError
from tlkit.features.store.store import open_store
from tlkit.freezing.head import Head
from tlkit.freezing.whole_model import assemble
from tlkit.learning_rate.curve import LRCurve
from tlkit.learning_rate.finder import ExponentialLRFinder
from tlkit.training._checks import check_data, check_stages, check_weights
from tlkit.training.loop.session import Session
from tlkit.training.loop.stage_run import StageRun
from tlkit.training.result import Snapshot, StageResult, TrainingResult
from tlkit.training.run_dir.run_directory import RunDirectory
from tlkit.training.run_dir.run_settings import run_settings, trainer_arguments
from tlkit.training.stage import Stage


class StagedTrainer:
    """Trains a head on a backbone, stage by stage, doing frozen work once.

    Args:
        backbone: A name, a `BackboneSpec`, or a function that returns a keras.Model of raw images.
        stages: What to do, in order; each goes on from the weights of the one before.
        head: The classification head.
        image_size: Side in pixels, or (height, width); the backbone's default where None.
        weights: Of the backbone, as for `build_backbone`.
        preprocessing: As for `build_backbone`.
        start_from: A ``.weights.h5`` or ``.keras`` file of an earlier run of the same backbone
            and head, whose weights the first stage starts from.
        engine: What runs frozen work: ``"auto"``, or a name of `tlkit.list_engines`.
        cache: True keeps frozen work in the user's cache folder, a path keeps it there, False
            keeps it for this training only.
        feature_dtype: As what features are kept, ``"float32"``, or ``"float16"`` for half the disk
            and memory; a float16 keeps 11 bits of each number.
        run_dir: A folder for settings, checkpoints and results, or None to keep nothing.
        seed: Every random choice follows from it and the stage, epoch and sample.

    Raises:
        TrainingError: No stage, or two of one name; an unknown ``feature_dtype``.
        UnknownBackboneError: Nothing has that name.

    Example:
        >>> import tlkit, tlkit.testing
        >>> data = tlkit.testing.tiny_dataset()
        >>> trainer = tlkit.StagedTrainer(
        ...     tlkit.testing.tiny_backbone(), weights=None, cache=False,
        ...     stages=[tlkit.Stage("head", epochs=2, learning_rate=0.01)])
        >>> result = trainer.fit(*data.split(0.25), verbose=0)
        >>> result.stages[0].epochs
        2
    """

    def __init__(
        self,
        backbone: Backbone,
        *,
        stages: Sequence[Stage],
        head: Head | None = None,
        image_size: ImageSize | None = None,
        weights: str | Path | None = "imagenet",
        preprocessing: str = "auto",
        start_from: str | Path | None = None,
        engine: str = "auto",
        cache: bool | str | Path = True,
        feature_dtype: str = "float32",
        run_dir: str | Path | None = None,
        seed: int = 0,
    ) -> None:
        self.backbone = get_backbone(backbone) if isinstance(backbone, str) else backbone
        self.stages = tuple(stages)
        self.head = head or Head()
        self.image_size = image_size
        self.weights = weights
        self.preprocessing = preprocessing
        self.start_from = Path(start_from) if start_from is not None else None
        self.engine = engine
        self.cache = cache
        self.feature_dtype = feature_dtype
        self.run_dir = Path(run_dir) if run_dir is not None else None
        self.seed = seed
        check_stages(self.stages)
        if feature_dtype not in ("float32", "float16"):
            raise TrainingError(
                f"feature_dtype={feature_dtype!r}, expected 'float32' or 'float16'."
            )

    @classmethod
    def from_run(cls, run: str | Path, /, **replaced: Any) -> StagedTrainer:
        """Make the trainer of a run again, from the settings in its directory.

        Args:
            run: A ``run_dir`` of an earlier trainer, perhaps of another process.
            **replaced: Arguments that are given anew: what cannot be read from a file, such as a
                function of your own, or what is to differ, such as ``run_dir`` and ``seed``.

        Returns:
            A trainer for the same ``run_dir``: ``fit(train, validation, resume=True)`` goes on with
            the run. Reading the settings runs no code but tlkit's and Keras' own.

        Raises:
            RunDirectoryError: There is no run, or it used something that cannot be built from
                text; says what, and what to pass.

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
        train: ImageDataset,
        validation: ImageDataset | None = None,
        resume: bool = False,
        *,
        verbose: int = 1,
        executor: Executor | None = None,
    ) -> TrainingResult:
        """Run all stages.

        Args:
            train: Training images.
            validation: Validation images of the same classes, or None.
            resume: Go on with the run in ``run_dir`` from the last finished epoch.
            verbose: 0 shows nothing, 1 a progress bar and a line for each stage.
            executor: Whose workers share the frozen work that is done once, as for `extract`:
                `tlkit.ProcessExecutor` or any other ``concurrent.futures.Executor``. Augmented views
                are computed by this process.

        Returns:
            The trained model and what each stage did.

        Raises:
            TrainingError: ``resume`` without a ``run_dir``; class weights that fit no class.
            DataError: Sets that do not fit together; a damaged image is named before training.
            RunDirectoryError: The run directory cannot be written or holds another run.
            LossNotFiniteError: The loss became NaN; what was reached before is in ``run_dir``.
            FrozenChangedError: Something changed that was to stay frozen.
        """
        if resume and self.run_dir is None:
            raise TrainingError(
                "resume=True, but this trainer keeps no run that could be resumed. Give it the "
                "run_dir of the run to go on with."
            )
        check_data(train, validation)
        check_weights(self.stages, train)
        reporter: Reporter = Console() if verbose else Silent()
        with (
            self._run(train, validation, resume=resume) as run,
            self._session(train, validation, reporter, executor) as session,
        ):
            if run is not None:
                session.engines = run.engines()
            result = self._run_stages(session, run)
            if run is not None:
                run.save_model(result.model)
            return result

    def find_learning_rate(
        self, train: ImageDataset, finder: ExponentialLRFinder, *, verbose: int = 1
    ) -> LRCurve:
        """Search for the learning rate of the first stage, and train nothing.

        Args:
            train: Training images.
            finder: Which rates to try and how to choose.
            verbose: 0 shows nothing, 1 a progress bar.

        Returns:
            The curve; ``curve.suggestion`` is the chosen rate.
        """
        check_data(train, None)
        reporter: Reporter = Console() if verbose else Silent()
        with self._session(train, None, reporter) as session:
            return StageRun(session, self.stages[0]).search(finder)

    @contextmanager
    def _run(
        self, train: ImageDataset, validation: ImageDataset | None, *, resume: bool
    ) -> Iterator[RunDirectory | None]:
        if self.run_dir is None:
            yield None
            return
        run = RunDirectory(self.run_dir)
        with run.held():
            run.open(run_settings(self, train, validation), resume=resume)
            yield run

    @contextmanager
    def _session(
        self,
        train: ImageDataset,
        validation: ImageDataset | None,
        reporter: Reporter,
        executor: Executor | None = None,
    ) -> Iterator[Session]:
        parts = assemble(
            self.backbone,
            self.head,
            len(train.class_names),
            image_size=self.image_size,
            weights=self.weights,
            preprocessing=self.preprocessing,
            seed=self.seed,
        )
        if self.start_from is not None:
            load_file(parts.model, self.start_from)
        height, width = parts.model.input_shape[1:3]
        with open_store(self.cache) as store:
            yield Session(
                parts=parts,
                train=Images(train, (height, width)),
                validation=Images(validation, (height, width)) if validation else None,
                store=store,
                engine=self.engine,
                seed=self.seed,
                reporter=reporter,
                feature_dtype=self.feature_dtype,
                executor=executor,
            )

    def _run_stages(self, session: Session, run: RunDirectory | None) -> TrainingResult:
        results: list[StageResult] = []
        curves: dict[str, LRCurve] = {}
        snapshots: Mapping[int, Snapshot] = {}
        for number, stage in enumerate(self.stages, 1):
            files = run.stage(number, stage.name) if run else None
            result = files.finished() if files else None
            if files is not None and result is not None:
                load_file(session.parts.model, files.weights)
                curve, snapshots = files.searched(stage.finder), files.snapshots()
            else:
                running = StageRun(session, stage, files)
                result, curve = running.run(), running.curve
                snapshots = running.snapshots_by_place()
                if files is not None:
                    files.finish(session.parts.model, result, snapshots)
                session.reporter.line(str(result))
            results.append(result)
            if curve is not None:
                curves[stage.name] = curve
        names = session.train.dataset.class_names
        return TrainingResult(session.parts.model, names, tuple(results), curves, snapshots)

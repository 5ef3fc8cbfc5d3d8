"""Runs the five stages and keeps what each gave, so that a later call goes on where this ended."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from ahead import Ahead
from foretold import agreement, rank
from out_folder import seconds_of
from outcome import Outcome, told
from protocol import HEAD, STAGE_TITLES, Profile, later_stage, stage_one
from published import Trial
from scoring import probabilities

import tlkit
from tlkit.evaluation.evaluation import Evaluation
from tlkit.features.engines.precision import TrunkPrecision


@dataclass
class Study:
    """The five stages on one split of one data set.

    Args:
        profile: What is run.
        train: Training images.
        validation: Validation images.
        out: Where runs are kept.
        seed: Of everything random.
        weights: Weights by backbone where they are not "imagenet".
        engine: What runs the frozen part.
        say: Shows a line.
        stages: Which stages to run; 0 ranks the candidates before they are trained.
        executor: Whose workers run independent trainings; None for one after the other here.
        verbose: 1 shows a bar and a line for each training, 0 nothing.
        trunk_precision: Of the frozen part, as for `tlkit.StagedTrainer`.
    """

    profile: Profile
    train: tlkit.ImageDataset
    validation: tlkit.ImageDataset
    out: Path
    seed: int
    weights: Mapping[str, str | None]
    engine: str
    say: Callable[[str], None]
    stages: tuple[int, ...] = (1, 2, 3, 4, 5)
    executor: Executor | None = None
    verbose: int = 1
    trunk_precision: TrunkPrecision = "float32"
    outcomes: list[Outcome] = field(default_factory=list)
    ranked: tlkit.Ranking | None = None

    def run(self) -> None:
        """Run the stages in order; stage 1 decides who takes part in the others."""
        if 0 in self.stages:
            self._announce(0)
            self.ranked = rank(self)
            self.say(str(self.ranked))
        ahead, later = Ahead(self, self.executor), [n for n in (2, 3, 4, 5) if n in self.stages]
        self._announce(1)
        for trial in self.profile.trials:
            ahead.start(trial, [1])
        for trial in self.profile.trials:
            self._follow(ahead, 1, trial)
        if self.ranked is not None:
            self.say(agreement(self))
        kept, other = self.best_trials(), self._other_preprocessing
        self.say(f"kept for stages 2 to 5: {', '.join(trial.backbone for trial in kept)}")
        ahead.start(kept[0], [1], other)
        for trial in kept:
            ahead.start(trial, later)
        self.say(f"stage 1 once more with preprocessing {other!r}, to see what it is worth")
        self._follow(ahead, 1, kept[0], other)
        for stage in later:
            self._announce(stage)
            for trial in kept:
                self._follow(ahead, stage, trial)

    def _follow(self, ahead: Ahead, stage: int, trial: Trial, preprocessing: str = "") -> None:
        by_worker = ahead.wait(self.folder(stage, trial, preprocessing))
        self.run_stage(stage, trial, preprocessing, by_worker=by_worker)

    def run_stage(
        self, stage: int, trial: Trial, preprocessing: str = "", *, by_worker: bool = False
    ) -> None:
        """Run a stage for a candidate, or read what it gave where it is finished.

        Args:
            stage: 1 to 5.
            trial: The candidate.
            preprocessing: Of stage 1, instead of the profile's.
            by_worker: Whether a worker has just run it, which shows nothing.
        """
        if stage == 1:
            outcome = self._train(1, trial, stage_one(trial), preprocessing=preprocessing)
        else:
            outcome = self._later(stage, trial)
        self.outcomes.append(outcome)
        for result in outcome.stages if by_worker else ():
            self.say(str(result))
        self.say(f"  {trial.backbone}: {told(outcome)}")

    def best_trials(self) -> list[Trial]:
        """Return the best settings of the best backbones of stage 1, best first."""
        ranked = sorted(self.ranking(), key=lambda outcome: -outcome.evaluation.weighted_f1)
        best: dict[str, Trial] = {}
        for outcome in ranked:
            best.setdefault(outcome.trial.backbone, outcome.trial)
        return list(best.values())[: self.profile.kept]

    def ranking(self) -> list[Outcome]:
        """Return the candidates' outcomes of stage 1."""
        mode = self.profile.preprocessing
        return [o for o in self.outcomes if o.stage == 1 and o.preprocessing == mode]

    def outcome(self, stage: int, backbone: str) -> Outcome | None:
        """Return a stage's outcome for a backbone: of stage 1 the best."""
        found = self.ranking() if stage == 1 else [o for o in self.outcomes if o.stage == stage]
        found = [o for o in found if o.trial.backbone == backbone]
        if stage == 1:
            found.sort(key=lambda o: -o.evaluation.weighted_f1)
        return found[0] if found else None

    def folder(self, stage: int, trial: Trial, preprocessing: str = "") -> Path:
        """Return where a run is kept."""
        settings = f"{trial.backbone}-{trial.image_size}px-batch{trial.batch_size}"
        mode = f"-{preprocessing}" if preprocessing else ""
        return self.out / "runs" / f"{settings}-epochs{trial.epochs}{mode}" / f"stage-{stage}"

    def _announce(self, stage: int) -> None:
        self.say(f"stage {stage}: {STAGE_TITLES[stage]}")

    @property
    def _other_preprocessing(self) -> str:
        return "unit" if self.profile.preprocessing == "auto" else "auto"

    def _later(self, stage: int, trial: Trial) -> Outcome:
        if stage == 4:
            return self._sweep(trial)
        rate = {2: 0.001, 3: 0.00001}.get(stage) or self._found_rate(trial)
        # Stages 3 and 5 fine-tune the head that stage 2 trained, so that they differ in their
        # learning rate alone.
        start = None if stage == 2 else self.folder(2, trial) / "model.keras"
        settings = later_stage(stage, trial, self.profile.epochs[stage], rate)
        return self._train(stage, trial, settings, start=start)

    def _found_rate(self, trial: Trial) -> float:
        # A worker that goes on with a study has not run the sweep itself.
        sweep = self.outcome(4, trial.backbone) or self._sweep(trial)
        assert sweep.curve is not None
        return sweep.curve.suggestion

    def _train(
        self,
        stage: int,
        trial: Trial,
        settings: tlkit.Stage,
        *,
        start: Path | None = None,
        preprocessing: str = "",
    ) -> Outcome:
        mode = preprocessing or self.profile.preprocessing
        folder = self.folder(stage, trial, preprocessing)
        started = time.perf_counter()
        trainer = self._trainer(trial, settings, mode, start_from=start, run_dir=folder)
        result = trainer.fit(self.train, self.validation, resume=True, verbose=self.verbose)
        evaluation = self._evaluated(result, folder)
        seconds = seconds_of(folder, time.perf_counter() - started)
        _let_go()
        file = folder / "model.keras"
        return Outcome(stage, trial, seconds, evaluation, result.stages, file, preprocessing=mode)

    def _sweep(self, trial: Trial) -> Outcome:
        folder = self.folder(4, trial)
        started = time.perf_counter()
        file = folder / "curve.json"
        if file.is_file():
            curve = tlkit.LRCurve.load(file)
        else:
            stage = replace(stage_one(trial), name="4 sweep")
            trainer = self._trainer(trial, stage, self.profile.preprocessing)
            folder.mkdir(parents=True, exist_ok=True)
            given = {"checkpoint": folder / "sweep.npz", "verbose": self.verbose}
            curve = trainer.find_learning_rate(self.train, self.profile.finder, **given)
            curve.save(file)
            given["checkpoint"].unlink(missing_ok=True)
        seconds = seconds_of(folder, time.perf_counter() - started)
        mode = self.profile.preprocessing
        return Outcome(4, trial, seconds, curve=curve, preprocessing=mode)

    def _trainer(
        self, trial: Trial, stage: tlkit.Stage, preprocessing: str, **more: Any
    ) -> tlkit.StagedTrainer:
        return tlkit.StagedTrainer(
            trial.backbone,
            stages=[stage],
            head=HEAD,
            image_size=trial.image_size,
            weights=self.weights.get(trial.backbone, "imagenet"),
            preprocessing=preprocessing,
            engine=self.engine,
            trunk_precision=self.trunk_precision,
            seed=self.seed,
            **more,
        )

    def _evaluated(self, result: Any, folder: Path) -> Evaluation:
        """Return the evaluation, from the stored probabilities where there are any."""
        file = folder / "validation.npz"
        if not file.is_file():
            part = file.with_name(".validation.npz")
            found = probabilities(result, self.validation, self.engine)
            np.savez(part, probabilities=found)
            part.replace(file)
        with np.load(file, allow_pickle=False) as data:
            return Evaluation.from_predictions(
                self.validation.labels,
                data["probabilities"],
                self.validation.class_names,
                image_names=self.validation.names,
            )


def _let_go() -> None:
    """Drop what Keras keeps of trained models: sixteen of them would fill the memory."""
    import keras

    # Not free_memory=True: that collects garbage at once, for seconds. Python does so by itself.
    keras.utils.clear_session(free_memory=False)

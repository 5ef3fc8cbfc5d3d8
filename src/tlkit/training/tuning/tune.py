"""tune: which settings to train with, by trials on held-out images."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Unpack

from tlkit._progress import reporter_for
from tlkit.backbones.build import Backbone
from tlkit.data.labelled_images import LabelledImages
from tlkit.training.arguments import TrainerArguments
from tlkit.training.tuning._finding import found
from tlkit.training.tuning._going_on import SharedStages
from tlkit.training.tuning._maker import Make
from tlkit.training.tuning._scoring import OnFolds, OnValidation, Scoring
from tlkit.training.tuning._search import Clock, Search
from tlkit.training.tuning._space import Space
from tlkit.training.tuning._table import Table
from tlkit.training.tuning._wanted import Wanted, checked
from tlkit.training.tuning.tuned import Tuned


def tune(
    backbone: Backbone,
    train: LabelledImages,
    validation: LabelledImages | float | None = 0.2,
    *,
    space: Space | None = None,
    make: Make | None = None,
    budget: str | None = None,
    trials: int | None = None,
    folds: int | None = None,
    test: LabelledImages | None = None,
    metric: str = "weighted_f1",
    seed: int = 0,
    resume: bool = False,
    executor: Executor | None = None,
    verbose: int = 1,
    **settings: Unpack[TrainerArguments],
) -> Tuned:
    """Try settings of a recipe on held-out images, most of them briefly, the best at length.

    The first trial is the recipe of `tlkit.fine_tune`, in which only what has a single value in
    ``space`` is other (with ``make`` there is no such trial); the rest is drawn from ``space``. All
    train with a ninth of the epochs, the best third of them with a third, and the best third of
    these with all: successive halving (K. Jamieson and A. Talwalkar, "Non-stochastic Best Arm
    Identification and Hyperparameter Optimization", AISTATS 2016) with the factor of Hyperband (L.
    Li et al., JMLR 18, 2018). With fewer than nine settings the first round is left out, with fewer
    than three all train at length.

    Nothing is computed twice: features of what is frozen come from the store, stages before the
    last that trials have in common, such as the probe, are trained once, and a trial that goes on
    trains on from its own last epoch where its learning rate does not follow from the number of
    epochs (that of `fine_tune`, a cosine, does). Trials of one stage of a frozen backbone train at
    once, as `tlkit.cross_validate` says.

    The best was chosen by its score, which is therefore too good; ``test`` gives one that chose
    nothing.

    Args:
        backbone: As for `StagedTrainer`.
        train: Training images.
        validation: Those by which trials are scored, or the share of ``train`` to hold out for
            them. With ``folds`` the share of each training's images that validates it, or None.
        space: For each setting the values to try. Settings are the arguments of
            `tlkit.recipes.default` (``learning_rate``, ``policy``, ``epochs``, ``batch_size``,
            ``augmentation``, ``label_smoothing``), those of its last `Stage` (``layer_decay``,
            ``mix``, ``class_weight``, ...), ``weight_decay``, and of the trainer ``head``,
            ``dropout``, ``image_size``, ``preprocessing`` and ``weights``. None tries rates, all
            layers or the upper half, a layer decay, a mild augmentation beside the one that fits,
            and label smoothing. ``"suggested"``, for an augmentation, is what `tlkit.fine_tune`
            finds; it is looked for once, and is that of all trials whose settings have none.
        make: ``make(**settings)`` gives the stages of a trial, as the functions of `tlkit.recipes`
            do; it gets all settings of the space but the trainer's.
        budget: How long it may take, such as ``"30 min"``. Each round has an equal part of it, and
            no training is begun that would not end in time, by what those before it took. The
            first, a short one of the recipe of `fine_tune`, runs in any case.
        trials: At most so many settings, drawn without replacement; all where the space has no
            more. 16 where None, or with a ``budget`` as many as there is time for.
        folds: Score each trial on all images, out of so many folds, instead of on validation
            images: so many times the work, and less chance where images are few.
        test: Images on which the best is scored at the end; they choose nothing.
        metric: As for `tlkit.compare`.
        seed: What is drawn follows from it, the split, and every trial's training.
        resume: Go on with what is in ``run_dir``: each training that is done is read and not run
            again, one that was cut off goes on from its last epoch.
        executor: As for `StagedTrainer.fit`.
        verbose: 0 shows nothing, 1 each training's progress and a line for each.
        **settings: Of all trials, as for `StagedTrainer`; the head is that of `fine_tune` where
            none is given and there is no ``make``. ``run_dir`` keeps the table of trials,
            and the training of those that may go on.

    Returns:
        The table of trials; ``best`` are the settings to take, ``trainer`` trains with them, and
        ``result`` is the best that was trained. A trial that cannot be trained is a row with the
        reason.

    Raises:
        TrainingError: The space is empty, has an unknown setting or a value that cannot be trained;
            budget, trials or folds are none; or every trial failed.
        SplitError: ``train`` cannot be split in proportion.
        RunDirectoryError: ``run_dir`` holds another search, or cannot be written.
        DataError: As for ``StagedTrainer.fit``.
        KeyboardInterrupt: After what is known so far was shown; it is kept in ``run_dir``.

    Example::

        tuned = tlkit.tune(
            "efficientnet_v2_b0", train, validation, budget="30 min", test=test, run_dir="search",
            space={"learning_rate": [1e-4, 3e-4, 1e-3], "label_smoothing": [0.0, 0.1]})
        print(tuned)
        final = tuned.trainer.fit(train + validation)
    """
    begun, reporter = time.perf_counter(), reporter_for(verbose)
    cache = settings.get("cache", True)
    with ExitStack() as stack:
        if cache is False:  # one for all trials
            settings["cache"] = stack.enter_context(_passing())
        sets, wanted = (train, validation, test), Wanted(space, make, budget, trials, folds, metric)
        asked = checked(backbone, sets, wanted, settings, seed=seed, resume=resume)
        store = stack.enter_context(asked.opened())
        notes = asked.look(store)
        for note in notes:
            reporter.line(f"tune: {note}")
        root = stack.enter_context(_passing()) if asked.run_dir is None else asked.run_dir
        stack.enter_context(asked.held(root, resume=resume))
        table = Table(root, several=asked.several)
        scoring: Scoring
        if asked.validation is None:
            assert asked.folds is not None
            scoring = OnFolds(asked.train, asked.folds, asked.share, seed, executor, verbose)
        else:
            shared = SharedStages(stack.enter_context(_passing()))
            parts = (asked.train, asked.validation, store, shared)
            scoring = OnValidation(*parts, reporter, executor, verbose)
        clock = Clock(begun, table.seconds, asked.seconds)
        told = (asked.metric, asked.smaller, reporter, make is None)
        search = Search(asked.settings, asked.maker, scoring, table, clock, *told)
        return found(asked, search, cache, notes)


@contextmanager
def _passing() -> Iterator[Path]:
    """Give a folder that goes with the block."""
    with TemporaryDirectory(prefix="tlkit-tune-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)

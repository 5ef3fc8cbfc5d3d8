"""The five stages as data, in two profiles: the published one and a quick one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from published import TRIALS, Trial

import tlkit
from tlkit.errors import TlkitError

# The study's head: two hidden layers with dropout.
HEAD = tlkit.Head(units=(1024, 512), dropout=0.2, activation="relu")
# The study's transforms; angles in degrees, shifts and zoom as fractions.
AUGMENTATION = tlkit.Augmentation(
    rotation=45,
    shear=0.2,
    width_shift=0.1,
    height_shift=0.1,
    zoom=0.2,
    horizontal_flip=True,
    vertical_flip=True,
    fill_mode="nearest",
)
FINE_TUNED_LAYERS = 8
STAGE_TITLES = {
    0: "the candidates in order, from their features alone",
    1: "frozen backbone",
    2: "frozen backbone, augmentation",
    3: "top layers unfrozen, augmentation, learning rate 1e-5",
    4: "learning-rate sweep",
    5: "top layers unfrozen, augmentation, learning rate of stage 4",
}


@dataclass(frozen=True)
class Profile:
    """How much of the study is run.

    Args:
        name: "quick" or "study".
        trials: What stage 1 tries.
        kept: How many backbones go on to stages 2 to 5.
        epochs: Of stages 2, 3 and 5.
        finder: Stage 4.
        preprocessing: As for `tlkit.build_backbone`.
        stratify: Whether the split keeps the classes' proportions; the study split at random.
    """

    name: str
    trials: tuple[Trial, ...]
    kept: int
    epochs: dict[int, int]
    finder: tlkit.ExponentialLRFinder
    preprocessing: str
    stratify: bool


STUDY = Profile(
    name="study",
    trials=TRIALS,
    kept=5,
    epochs={2: 40, 3: 40, 5: 40},
    finder=tlkit.ExponentialLRFinder.study(),
    preprocessing="unit",
    stratify=False,
)
QUICK = Profile(
    name="quick",
    trials=tuple(Trial(f"efficientnet_lite{i}", 128, 10, 32) for i in range(3)),
    kept=2,
    epochs={2: 10, 3: 5, 5: 5},
    finder=tlkit.ExponentialLRFinder(min_lr=1e-5, max_lr=2.54, steps=40, stop_factor=4),
    preprocessing="auto",
    stratify=True,
)
PROFILES = {profile.name: profile for profile in (QUICK, STUDY)}


def choose(
    profile: Profile,
    backbones: Sequence[str] | None,
    image_size: int | None,
    preprocessing: str | None = None,
) -> Profile:
    """Return a profile with other candidates, another image size or other preprocessing.

    Args:
        profile: Where everything else comes from.
        backbones: Names instead of the profile's candidates; those the profile has keep its
            settings, others get the settings of its first.
        image_size: Side in pixels for all candidates.
        preprocessing: Instead of the profile's.

    Raises:
        UnknownBackboneError: Nothing has that name; near misses are offered.
        TlkitError: No candidate, or one twice.
    """
    trials = profile.trials
    if backbones is not None:
        names = [tlkit.get_backbone(name).name for name in backbones]
        if len(set(names)) != len(names) or not names:
            raise TlkitError(f"--backbones {','.join(backbones)}: expected names, each once.")
        known = {trial.backbone for trial in trials}
        trials = tuple(trial for trial in trials if trial.backbone in names) + tuple(
            replace(profile.trials[0], backbone=name, published=None)
            for name in names
            if name not in known
        )
    if image_size is not None:
        trials = tuple(
            replace(
                t,
                image_size=image_size,
                published=t.published if t.image_size == image_size else None,
            )
            for t in trials
        )
    return replace(
        profile,
        trials=tuple(dict.fromkeys(trials)),
        preprocessing=preprocessing or profile.preprocessing,
    )


def stage_one(trial: Trial) -> tlkit.Stage:
    """Rank the candidates: no augmentation, frozen backbone, learning rate 0.001."""
    return tlkit.Stage(
        "1 frozen", epochs=trial.epochs, learning_rate=0.001, batch_size=trial.batch_size
    )


def later_stage(number: int, trial: Trial, epochs: int, learning_rate: float) -> tlkit.Stage:
    """Return stage 2, 3 or 5."""
    fine_tuned = number in (3, 5)
    return tlkit.Stage(
        {2: "2 augmented", 3: "3 fine-tuned", 5: "5 final"}[number],
        epochs=epochs,
        learning_rate=learning_rate,
        batch_size=trial.batch_size,
        augmentation=AUGMENTATION,
        policy=tlkit.UnfreezeTop(layers=FINE_TUNED_LAYERS) if fine_tuned else tlkit.FreezeAll(),
    )

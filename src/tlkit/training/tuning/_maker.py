"""From settings to the trainer that trains them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import partial
from pathlib import Path
from typing import Any

from tlkit.backbones.build import Backbone
from tlkit.data.labelled_images import LabelledImages
from tlkit.errors import TlkitError, TrainingError
from tlkit.freezing.head import Head
from tlkit.freezing.own_head import head_of
from tlkit.training.arguments import TrainerArguments
from tlkit.training.recipes.changes import SUGGESTED
from tlkit.training.recipes.default import default
from tlkit.training.recipes.recipe import default_head
from tlkit.training.run_dir.encoding import encoded
from tlkit.training.stage import Stage
from tlkit.training.trainer import StagedTrainer
from tlkit.training.tuning._space import Settings, Space

# What makes the stages of a trial from those of its settings that are not the trainer's.
Make = Callable[..., Sequence[Stage]]

_OF_RECIPE = ("learning_rate", "policy", "epochs", "batch_size", "augmentation", "label_smoothing")
_NO_SETTINGS = ("name", "snapshots", "callbacks", "metrics", "keep_best")
_OF_STAGE = tuple(
    part.name for part in fields(Stage) if part.name not in (*_NO_SETTINGS, *_OF_RECIPE)
)
_OF_TRAINER = ("head", "dropout", "image_size", "preprocessing", "weights")
# What decides on the features by which an augmentation is found.
_SEEN_BY = ("image_size", "preprocessing", "weights")


@dataclass(frozen=True, eq=False)
class Maker:
    """Makes the trainer of a trial.

    Args:
        backbone: What is trained on.
        train: Training images; their number decides how long the recipe of `fine_tune` is.
        validation: Validation images, or None.
        given: What all trials have.
        make: Makes the stages; those of `fine_tune` where None.
        seed: Of all trainers.
    """

    backbone: Backbone
    train: LabelledImages
    validation: LabelledImages | None
    given: TrainerArguments
    make: Make | None
    seed: int
    # What fits the images, found once for each network.
    _augmentation: dict[str, Any] = field(default_factory=dict, init=False)

    @property
    def names(self) -> tuple[str, ...]:
        """Of all settings that there are; none where ``make`` may take any."""
        if self.make is not None:
            return ()
        return (*_OF_RECIPE, "weight_decay", *_OF_STAGE, *_OF_TRAINER)

    def trainer(
        self,
        settings: Settings,
        epochs: int | None = None,
        run_dir: Path | None = None,
        *,
        look: bool = True,
    ) -> StagedTrainer:
        """Return the trainer of a trial.

        Args:
            settings: Of the trial.
            epochs: Of its last stage; as many as the recipe says where None.
            run_dir: Where it keeps its run.
            look: Whether to look at the images for the augmentation that fits, as `fine_tune` does
                where none is given; without a look there is none.

        Raises:
            TlkitError: A setting is out of range, or of another kind than expected.
        """
        own = {name: value for name, value in settings.items() if name in _OF_TRAINER}
        others = {name: value for name, value in settings.items() if name not in own}
        network: dict[str, Any] = {"keep": "best", **self.given, **own}
        if self.make is None and network.get("head") is None:
            network["head"] = default_head(network.get("start_from"))
        if "dropout" in network:
            network["head"] = _with_dropout(network.get("head"), network.pop("dropout"))
        if self.make is None:
            made = self._recipe(others, epochs, network, look=look)
        else:
            made = self._made(others)
        stages = made if epochs is None else _lasting(made, epochs)
        return StagedTrainer(
            self.backbone, stages=stages, seed=self.seed, **{**network, "run_dir": run_dir}
        )

    def default(self, space: Space) -> Settings | None:
        """Return the recipe of `fine_tune` in the settings of a space; None with ``make``.

        Args:
            space: What has one value there has it here too.
        """
        if self.make is not None:
            return None
        fixed = {name: values[0] for name, values in space.items() if len(values) == 1}
        trainer = self.trainer({}, look=False)
        stage, head = trainer.stages[-1], trainer.head
        known: Settings = {part.name: getattr(stage, part.name) for part in fields(Stage)}
        # As given: the peak and not its schedule.
        known["learning_rate"] = getattr(stage.learning_rate, "peak", stage.learning_rate)
        known |= {name: getattr(trainer, name) for name in _OF_TRAINER if name != "dropout"}
        known["augmentation"] = SUGGESTED
        known["dropout"] = getattr(head, "dropout", None)
        known["weight_decay"] = _DECAY if stage.optimizer == "adamw" else None
        return {name: fixed.get(name, known[name]) for name in space}

    def check(self, space: Space) -> None:
        """Raise where a value of a space cannot be trained, as far as that is known before.

        Raises:
            TrainingError: Names the setting, the value and the reason.
        """
        if self.make is not None:
            return  # its settings are known together only
        for name, values in space.items():
            if name in self.given:
                raise TrainingError(
                    f"{name}={self.given[name]!r} is given and is in the space too. "  # type: ignore[literal-required]
                    "Give it in one of both places."
                )
            for value in values:
                self.checked({name: value})

    def checked(self, settings: Settings) -> StagedTrainer:
        """Return the trainer of a trial, whose settings are at fault where there is none.

        Raises:
            TrainingError: Says which settings cannot be trained, and why.
        """
        try:
            return self.trainer(settings, look=False)
        except (TlkitError, TypeError, ValueError, AttributeError) as error:
            told = ", ".join(f"{name}={value!r}" for name, value in settings.items())
            reason = str(error) if isinstance(error, TlkitError) else repr(error)
            raise TrainingError(
                f"The space has settings that cannot be trained, {told}: {reason}"
            ) from error

    def _recipe(
        self, settings: Settings, epochs: int | None, network: Mapping[str, Any], *, look: bool
    ) -> tuple[Stage, ...]:
        asked = {name: value for name, value in settings.items() if name in _OF_RECIPE}
        if epochs is not None:
            asked["epochs"] = epochs
        kept = {
            name: network[name]
            for name in network
            if name not in ("keep", "run_dir", "distribution")
        }
        stages = partial(
            default, self.train, self.backbone, self.validation, seed=self.seed, **kept
        )
        if asked.get("augmentation", SUGGESTED) == SUGGESTED:
            asked["augmentation"] = self._fitting(stages, kept) if look else None
        *before, last = stages(**asked)
        changed = {name: settings[name] for name in settings if name in _OF_STAGE}
        if "weight_decay" in settings:
            named = changed.get("optimizer", last.optimizer)
            changed["optimizer"] = _decaying(named, settings["weight_decay"])
        return (*before, replace(last, **changed))

    def _fitting(self, stages: Callable[[], tuple[Stage, ...]], network: Mapping[str, Any]) -> Any:
        """Return what `fine_tune` finds for a network, which takes it a while."""
        named = repr([encoded(network.get(name)) for name in _SEEN_BY])
        if named not in self._augmentation:
            self._augmentation[named] = stages()[-1].augmentation
        return self._augmentation[named]

    def _made(self, settings: Settings) -> tuple[Stage, ...]:
        assert self.make is not None
        made: Any = self.make(**settings)
        if isinstance(made, Stage):
            made = (made,)
        if not isinstance(made, (list, tuple)) or not made:
            raise TrainingError(
                f"make(...) gives {made!r}; expected the stages of a training, such as "
                "[tlkit.Stage(...), ...] or what a function of tlkit.recipes gives."
            )
        return tuple(made)


# Of keras.optimizers.AdamW.
_DECAY = 0.004


def _lasting(stages: Sequence[Stage], epochs: int) -> tuple[Stage, ...]:
    """Return stages whose last has so many epochs."""
    *before, last = stages
    if last.epochs == epochs:
        return tuple(stages)
    return (*before, replace(last, epochs=epochs, snapshots=()))


def _with_dropout(head: Any, dropout: Any) -> Head:
    known = head_of(head)
    if not isinstance(known, Head):
        raise TrainingError(
            f"dropout={dropout!r} for a head of your own; expected a tlkit.Head. Put several heads "
            "into the space: 'head': [...]."
        )
    return replace(known, dropout=dropout)


def _decaying(optimizer: Any, decay: Any) -> Callable[..., Any]:
    """Return an optimizer with a weight decay."""
    import keras

    if not isinstance(optimizer, str):
        raise TrainingError(
            f"weight_decay={decay!r} beside optimizer={optimizer!r}; expected the name of an "
            "optimizer, such as 'adamw'. Give one of both."
        )
    number = isinstance(decay, (int, float)) and not isinstance(decay, bool)
    if not number or not 0 <= decay < 1:
        raise TrainingError(f"weight_decay={decay!r}, expected a number in [0, 1), such as 0.05.")
    kind: Any = type(keras.optimizers.get(optimizer))
    return partial(kind, weight_decay=decay)

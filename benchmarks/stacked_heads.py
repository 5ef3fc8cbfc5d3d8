"""Heads that train at once beside the same heads one after the other, in one process.

* 15 of the study's linear head (the sample's features of EfficientNet-Lite0 at 128 pixels, 27
  classes): of 15 seeds, each of which drops inputs of its own, and of 15 settings of one seed,
  which share what is dropped. The time is that of training alone, ``timings["training"]`` of a
  stage; the whole `StagedTrainer.fit`, which builds a model, reads the store and checks, stands
  beside it.
* `tlkit.cross_validate` of 5 folds and 3 seeds beside one fit, from an empty store and from one
  that has the features; and one by one, as a callback makes it.

Promised: a third of the time of one after the other; weights equal to float32 rounding; a
cross-validation in twice the time of one fit from an empty store.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
from setting import RAKUTEN, Setting, add_options, read_challenge

import tlkit
from tlkit._progress import reporter_for
from tlkit.freezing.whole_model import noise_start
from tlkit.training.feeding.targets import Targets
from tlkit.training.stacking._train import train_members
from tlkit.training.stacking.member import Dense, Dropout, Member

HEADS, FOLDS, REPEATS, EPOCHS = 15, 5, 3, 20
HEAD = tlkit.Head()


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """Return seconds, and what work gave."""
    start = time.perf_counter()
    found = work()
    return time.perf_counter() - start, found


def of_seeds() -> Iterable[tuple[int, tlkit.Stage]]:
    """Yield the same stage for other seeds."""
    for seed in range(HEADS):
        yield seed, tlkit.Stage("head", epochs=EPOCHS, learning_rate=1e-3)


def of_settings() -> Iterable[tuple[int, tlkit.Stage]]:
    """Yield rates and label smoothings for one seed."""
    for rate in (1e-4, 3e-4, 1e-3, 3e-3, 1e-2):
        for smoothing in (0.05, 0.1, 0.2):
            given = {"learning_rate": rate, "label_smoothing": smoothing}
            yield 0, tlkit.Stage("head", epochs=EPOCHS, **given)


def member(seed: int, stage: tlkit.Stage, width: int, sets: tuple[Any, Any]) -> Member:
    """Return the head of a seed and a stage, as a training begins with it."""
    source = keras.Input((width,))
    classes = len(sets[0].class_names)
    built = keras.Model(source, HEAD.build(source, classes, seed=seed))
    kernel, bias = built.get_weights()
    dropout = Dropout(HEAD.dropout, noise_start("head_dropout", seed, stage.name))
    train = np.arange(len(sets[0]))
    return Member(
        stage=stage,
        seed=seed,
        layers=(dropout, Dense(kernel, bias, "softmax")),
        train=train,
        validation=len(train) + np.arange(len(sets[1])),
        targets=Targets.of(stage, sets[0]),
    )


def heads(setting: Setting, cache: Path, asked: list[tuple[int, tlkit.Stage]]) -> str:
    """Return what both ways take, and how far their weights are apart."""
    sets = (setting.train, setting.validation)
    whole, results = 0.0, []
    for seed, stage in asked:
        trainer = setting.trainer(stage, cache, seed=seed)
        took, result = timed(lambda trainer=trainer: trainer.fit(*sets, verbose=0))
        whole, results = whole + took, [*results, result]
    training = sum(result.stages[0].timings["training"] for result in results)
    kept = [
        tlkit.extract(setting.backbone, data, image_size=setting.size, cache=cache, verbose=0)
        for data in sets
    ]
    rows = np.concatenate([np.asarray(each) for each in kept])
    labels = np.concatenate([data.labels for data in sets])
    members = [member(*each, rows.shape[1], sets) for each in asked]
    stacked, found = timed(lambda: train_members(members, rows, labels, reporter_for(0)))
    apart = max(
        np.abs(one - other).max()
        for each, result in zip(found, results, strict=True)
        for one, other in zip(each.weights, result.model.get_weights()[-2:], strict=True)
    )
    largest = max(np.abs(result.model.get_weights()[-2]).max() for result in results)
    return (
        f"fit {whole:6.1f} s, of which training {training:6.1f} s; stacked {stacked:5.1f} s: "
        f"{stacked / training:.2f} of training, {stacked / whole:.2f} of fit; weights differ by "
        f"{apart:.1e} of {largest:.1e}"
    )


def crossed(setting: Setting, folder: Path) -> None:
    """Print what a cross-validation takes, beside one fit."""
    data = read_challenge(RAKUTEN / "sample")
    stage = tlkit.Stage("head", epochs=EPOCHS, learning_rate=1e-3)
    alone = replace(stage, callbacks=[keras.callbacks.History()])
    asked: dict[str, Any] = {"folds": FOLDS, "repeats": REPEATS, "verbose": 0}
    print(f"\n{'':<44} empty store  features there")
    rows: dict[str, Callable[[Path], Any]] = {
        "one fit": lambda at: setting.trainer(stage, at).fit(*data.split(0.1), verbose=0),
        f"cross-validation, {FOLDS} folds x {REPEATS} seeds": lambda at: tlkit.cross_validate(
            setting.trainer(stage, at), data, **asked
        ),
        "the same, one by one": lambda at: tlkit.cross_validate(
            setting.trainer(alone, at), data, **asked
        ),
    }
    one = []
    for number, (name, work) in enumerate(rows.items()):
        at = folder / str(number)
        took = [timed(lambda at=at, work=work: work(at))[0] for _ in range(2)]
        one = one or took
        ratios = [each / first for each, first in zip(took, one, strict=True)]
        print(
            f"{name:<44} {took[0]:6.1f} s {ratios[0]:4.1f}  {took[1]:6.1f} s {ratios[1]:4.1f}",
            flush=True,
        )


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_options(parser)
    options = parser.parse_args()
    setting = Setting(options)
    print(f"{options.backbone}, {options.size} pixels, {EPOCHS} epochs, {HEADS} heads")
    with tempfile.TemporaryDirectory() as folder:
        cache = Path(folder) / "features"
        timed(lambda: heads(setting, cache, list(of_seeds())[:1]))  # begins the frameworks
        for name, asked in {"15 seeds": of_seeds, "15 settings": of_settings}.items():
            print(f"{name:<12} {heads(setting, cache, list(asked()))}", flush=True)
        crossed(setting, Path(folder))


if __name__ == "__main__":
    main()

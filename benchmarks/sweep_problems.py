"""The problems on which ``labelled_curves.py`` trains: data sets, tails, optimizers and noise.

Clip art's features come from a real backbone; digits and ``make_classification`` from scikit-learn.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

RAKUTEN = Path(__file__).parents[1] / "examples" / "rakuten"
TAILS = ("linear", "hidden", "dropout", "batchnorm")
DATA = ("clipart", "digits", "synthetic")
OPTIMIZERS = ("sgd", "momentum", "adam", "rmsprop", "adamw")


@dataclass(frozen=True)
class Problem:
    """What is trained. Two curves of a problem, and its label, share everything but the seed."""

    data: str
    tail: str
    optimizer: str
    repeat: int
    batch_size: int
    wrong_labels: float
    samples: int
    seed: int
    half: str


def problems() -> Iterator[Problem]:
    """All combinations, twice, with the rest drawn; one of the two is held out, by lot."""
    cells = itertools.product(DATA, TAILS, OPTIMIZERS)
    for number, (data, tail, optimizer) in enumerate(cells):
        draw = np.random.default_rng([2026, number])
        held_out = int(draw.integers(2))
        for repeat in range(2):
            yield Problem(
                data,
                tail,
                optimizer,
                repeat,
                batch_size=int(draw.choice([16, 64])),
                wrong_labels=float(draw.choice([0.0, 0.1, 0.3])),
                samples=int(draw.choice([128, 320 if data == "clipart" else 512])),
                seed=10 * number + repeat,
                half="held-out" if repeat == held_out else "development",
            )


def build(problem: Problem, seed: int) -> Any:
    """A compiled tail that gives logits: TensorFlow takes them from behind a softmax anyway."""
    import keras
    from keras import layers

    keras.utils.set_random_seed(seed)
    x, y, *_ = samples(problem)
    hidden: dict[str, list[Any]] = {
        "linear": [],
        "hidden": [layers.Dense(64, "relu")],
        "dropout": [
            layers.Dense(64, "relu"),
            layers.Dropout(0.2),
            layers.Dense(32, "relu"),
            layers.Dropout(0.2),
        ],
        "batchnorm": [layers.Dense(64), layers.BatchNormalization(), layers.ReLU()],
    }
    tail = [keras.Input(x.shape[1:]), *hidden[problem.tail], layers.Dense(int(y.max()) + 1)]
    model = keras.Sequential(tail)
    make_optimizer: dict[str, Callable[[], Any]] = {
        "sgd": keras.optimizers.SGD,
        "momentum": lambda: keras.optimizers.SGD(momentum=0.9),
        "adam": keras.optimizers.Adam,
        "rmsprop": keras.optimizers.RMSprop,
        "adamw": keras.optimizers.AdamW,
    }
    model.compile(
        make_optimizer[problem.optimizer](),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    return model


def samples(problem: Problem) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Training and validation inputs and labels; some training labels are wrong."""
    from sklearn.datasets import load_digits, make_classification

    if problem.data == "clipart":
        x, y = clipart()
    elif problem.data == "digits":
        x, y = load_digits(return_X_y=True)
        x = x / 16
    else:
        x, y = make_classification(
            1024, 40, n_informative=15, n_classes=6, class_sep=1.5, random_state=problem.seed
        )
    draw = np.random.default_rng([7, problem.seed])
    order = draw.permutation(len(y))
    most = 320 if problem.data == "clipart" else 512
    train, held_out = order[: problem.samples], order[most : most + 512]
    y, wrong = y.astype("int32"), draw.random(problem.samples) < problem.wrong_labels
    noisy = np.where(wrong, draw.integers(y.max() + 1, size=problem.samples), y[train])
    x = x.astype("float32")
    return x[train], noisy.astype("int32"), x[held_out], y[held_out]


@cache
def clipart() -> tuple[np.ndarray, np.ndarray]:
    """EfficientNet-Lite0's features, at 128 pixels, of 60 pictures in each of 8 large classes."""
    import tlkit

    sys.path.insert(0, str(RAKUTEN))
    from challenge import read_challenge

    pictures = read_challenge(RAKUTEN / "sample")
    labels = np.asarray(pictures.labels)
    largest = np.argsort(-np.bincount(labels), kind="stable")[:8]
    rows = np.concatenate([np.flatnonzero(labels == number)[:60] for number in largest])
    backbone = tlkit.build_backbone("efficientnet_lite0", image_size=128)
    maps = backbone.predict(pictures.load(rows, 128), batch_size=32, verbose=0)
    return maps.mean(axis=(1, 2)), np.repeat(np.arange(8), len(rows) // 8)

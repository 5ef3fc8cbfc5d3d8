"""Learning-rate curves of which the answer is known, for ``selector_accuracy.py``.

A problem (``sweep_problems.py``) is a tail on a data set with an optimizer, a batch size, a share
of wrong labels and a number of samples. Each gives two curves, ``unit="epoch"`` and
``unit="batch"``, measured with ``ExponentialLRFinder``, and a label: the final loss at each of 20
rates over the same range, each trained from scratch for the same number of epochs at that constant
rate, averaged over two seeds.

All rates of a problem are trained at once, ``jax.vmap`` over Keras's own stateless calls and
optimizers; ``check`` compares with ``model.fit`` one by one. Making the file needs
``KERAS_BACKEND=jax``, jax, scikit-learn and the plugin tlkit-efficientnet-lite; reading it, none.
"""

from __future__ import annotations

import gzip
import importlib.metadata
import json
import math
import platform
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from sweep_problems import Problem, build, problems, samples

FILE = Path(__file__).parent / "data" / "labelled_curves.json.gz"
LOWEST, HIGHEST, SWEPT, TRAINED = 1e-5, 10.0, 100, 20
EPOCHS = 20
SEEDS = (1, 2)

UNITS = ("epoch", "batch")


def read() -> dict[str, Any]:
    """The file's content; NaN and infinite losses are infinite."""
    with gzip.open(FILE, "rt", encoding="utf-8") as file:
        document: dict[str, Any] = json.load(file)
    for entry in document["problems"]:
        for name in ("validation", "training"):
            entry[name] = [math.inf if value is None else value for value in entry[name]]
    return document


def make(every: int = 1) -> None:
    """Train everything and write the file; what an earlier run was cut short in, goes on.

    Args:
        every: Take one problem in so many, for a try.
    """
    FILE.parent.mkdir(exist_ok=True)
    part = FILE.with_name("labelled_curves.part.jsonl")
    worst = check()
    print(f"vmapped training against model.fit: largest relative difference {worst:.1g}")
    entries = []
    chosen = list(problems())[::every]
    for number, problem in enumerate(chosen, 1):
        entries.append(_kept(part, problem) or _made(part, problem))
        print(f"{number}/{len(chosen)} {problem}", flush=True)
    document = {
        "provenance": {
            "made_by": "benchmarks/selector_accuracy.py --make",
            "versions": {
                name: importlib.metadata.version(name)
                for name in ("tlkit", "keras", "jax", "numpy", "scikit-learn")
            },
            "python": platform.python_version(),
            "training_seeds": SEEDS,
            "epochs": EPOCHS,
            "vmap_against_fit": worst,
        },
        "sweep": {"min_lr": LOWEST, "max_lr": HIGHEST, "steps": SWEPT},
        "rates": trained_rates().tolist(),
        "problems": entries,
    }
    text = json.dumps(document, allow_nan=False)
    FILE.write_bytes(gzip.compress(text.encode(), mtime=0))
    part.unlink()
    print(f"{FILE.name}: {FILE.stat().st_size / 1000:.0f} kB")


def _made(part: Path, problem: Problem) -> dict[str, Any]:
    entry = {**asdict(problem), **label(problem), "curves": sweep(problem)}
    with part.open("a", encoding="utf-8") as file:
        file.write(json.dumps(entry, allow_nan=False) + "\n")
    return entry


def _kept(part: Path, problem: Problem) -> dict[str, Any] | None:
    """What an earlier run, cut short, has made of a problem."""
    if part.is_file():
        for line in part.read_text(encoding="utf-8").splitlines():
            entry: dict[str, Any] = json.loads(line)
            if asdict(problem).items() <= entry.items():
                return entry
    return None


def trained_rates() -> np.ndarray:
    """The rates of the labels."""
    return np.geomspace(LOWEST, HIGHEST, TRAINED)


def sweep(problem: Problem) -> dict[str, list[float]]:
    """The losses of the problem's two curves, up to the last finite one."""
    import keras

    import tlkit

    x, y, *_ = samples(problem)
    losses = {}
    for unit in UNITS:
        model = build(problem, problem.seed)
        finder = tlkit.ExponentialLRFinder(LOWEST, HIGHEST, steps=SWEPT, unit=unit)
        curve = finder.find(model, x, y, batch_size=problem.batch_size, seed=problem.seed)
        losses[unit] = rounded(curve.losses)
        keras.backend.clear_session()
    return losses


def label(problem: Problem) -> dict[str, list[float | None]]:
    """Final losses at each trained rate, means over the seeds: of validation, and of training.

    The validation labels are right. The training loss is Keras's mean over the last epoch.
    """
    validation, training = train_all(problem, SEEDS, trained_rates()).mean(axis=1)
    return {"validation": rounded(validation), "training": rounded(training)}


def rounded(values: np.ndarray) -> list[Any]:
    """Six digits, and None for what is not finite."""
    return [float(f"{value:.6g}") if np.isfinite(value) else None for value in values]


def train_all(problem: Problem, seeds: Sequence[int], rates: np.ndarray) -> np.ndarray:
    """Train one model per seed and rate for EPOCHS epochs, all at once; shape (2, seeds, rates)."""
    import jax
    import jax.numpy as jnp
    import keras

    x, y, x_val, y_val = (jnp.asarray(part) for part in samples(problem))
    models = [build(problem, seed) for seed in seeds]
    model, optimizer = models[0], models[0].optimizer
    optimizer.build(model.trainable_variables)
    dial = [v.path for v in optimizer.variables].index(optimizer.learning_rate.path)
    loss_of = keras.losses.SparseCategoricalCrossentropy(from_logits=True)

    def loss(weights: Any, state: Any, rows: Any) -> Any:
        logits, state = model.stateless_call(weights, state, x[rows], training=True)
        return loss_of(y[rows], logits), state

    def step(carry: Any, rows: Any) -> Any:
        weights, state, slots = carry
        (value, state), slopes = jax.value_and_grad(loss, has_aux=True)(weights, state, rows)
        weights, slots = optimizer.stateless_apply(slots, slopes, weights)
        return (weights, state, slots), value

    def train(weights: Any, state: Any, order: Any, rate: Any) -> Any:
        slots = [v.value for v in optimizer.variables]
        slots[dial] = rate
        (weights, state, _), losses = jax.lax.scan(step, (weights, state, slots), order)
        logits, _ = model.stateless_call(weights, state, x_val, training=False)
        return loss_of(y_val, logits), losses[-(problem.samples // problem.batch_size) :].mean()

    def stacked(variables: list[Any]) -> list[Any]:
        return [jnp.stack([v.value for v in same]) for same in zip(*variables, strict=True)]

    run = jax.vmap(jax.vmap(train, (None, None, None, 0)), (0, 0, 0, None))
    final = jax.jit(run)(
        stacked([m.trainable_variables for m in models]),
        stacked([m.non_trainable_variables for m in models]),
        jnp.stack([orders(problem, seed) for seed in seeds]),
        jnp.asarray(rates, "float32"),
    )
    keras.backend.clear_session()
    jax.clear_caches()
    return np.array(final, dtype=np.float64)


def check() -> float:
    """Largest relative difference of final losses between ``train_all`` and ``model.fit``."""
    import keras

    worst = 0.0
    for tail, optimizer in (("dropout", "adam"), ("batchnorm", "momentum"), ("hidden", "adamw")):
        problem = Problem("digits", tail, optimizer, 0, 16, 0.1, 128, 0, "none")
        rates = np.array([1e-4, 1e-3, 1e-2])
        together = train_all(problem, (3,), rates)[:, 0]
        x, y, x_val, y_val = samples(problem)
        for rate, ours in zip(rates, together.T, strict=True):
            model = build(problem, 3)
            model.optimizer.learning_rate = rate
            rows = iter(orders(problem, 3))
            batches = ((x[batch], y[batch]) for batch in rows)
            steps = problem.samples // problem.batch_size
            history = model.fit(
                batches, epochs=EPOCHS, steps_per_epoch=steps, shuffle=False, verbose=0
            ).history
            theirs = [model.evaluate(x_val, y_val, verbose=0), history["loss"][-1]]
            worst = max(worst, float(np.max(np.abs(ours / theirs - 1))))
            keras.backend.clear_session()
    if worst > 1e-3:
        raise SystemExit(f"vmapped training differs from model.fit by {worst:.2g}, over 0.001.")
    return worst


def orders(problem: Problem, seed: int) -> np.ndarray:
    """Rows of each step: every epoch in an order of its own."""
    draw = np.random.default_rng([seed, problem.seed])
    epochs = [draw.permutation(problem.samples) for _ in range(EPOCHS)]
    return np.concatenate(epochs).reshape(-1, problem.batch_size)

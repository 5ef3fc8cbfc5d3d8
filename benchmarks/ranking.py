"""``tlkit.rank_backbones`` beside the published way: stage 1 of the study for every candidate.

Candidates are EfficientNet-Lite 0 to 2 at several sizes, with random-weight networks as controls,
and whatever ``--also NAME@SIZE=FILE`` adds. The training part is ranked, features and all from
nothing; then the study's head is trained on each candidate for 40 epochs, and judged on the
validation part. Printed are the ranking, how far both orders agree (weighted Kendall tau) and what
the first choice loses (regret), for the ranking and for what else could be read from the same
features: the nearest neighbours, a shrunken LDA, LogME (You et al., ICML 2021), and for ImageNet's
top-1 accuracy. The published way runs the network on every picture in every epoch; its time is that
of one pass, by Keras, times the epochs, and the head's.

One split of a few hundred pictures cannot put candidates in order that are a few points apart. So
stage 1 is cross-validated too, five folds of all pictures, and the orders are compared with that as
well: those above, and stage 1's own on the one split.

Promised: a twentieth of the published way's time, a weighted Kendall tau of at least 0.8.
"""

from __future__ import annotations

import argparse
import os
import platform
import tempfile
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from setting import RAKUTEN, read_challenge

import tlkit

HEAD = tlkit.Head(units=(1024, 512), dropout=0.2, activation="relu")


def candidates(sizes: list[int], also: list[str]) -> list[tlkit.Candidate]:
    """Return networks with ImageNet weights, and controls without."""
    found = [
        tlkit.Candidate(f"efficientnet_lite{number}", size) for size in sizes for number in range(3)
    ]
    found += [
        tlkit.Candidate("efficientnet_lite0", sizes[0], weights=None),
        tlkit.Candidate("efficientnet_lite1", sizes[-1], weights=None),
        tlkit.Candidate("mobilenet_v2", sizes[0], weights=None),
    ]
    for each in also:
        name, _, file = each.partition("=")
        backbone, _, size = name.partition("@")
        found.append(tlkit.Candidate(backbone, int(size), weights=file))
    return found


def stage_one(
    candidate: tlkit.Candidate, sets: tuple[Any, Any, Any], epochs: int, cache: Any
) -> tuple[float, float, float]:
    """Train the study's head; return its F1 on one split, the head's seconds, and F1 by folds."""
    train, validation, data = sets
    stage = tlkit.Stage("1 frozen", epochs=epochs, learning_rate=0.001, batch_size=64)
    trainer = tlkit.StagedTrainer(stages=[stage], head=HEAD, cache=cache, **candidate.arguments)
    tlkit.extract(dataset=train, cache=cache, verbose=0, **candidate.arguments)
    tlkit.extract(dataset=validation, cache=cache, verbose=0, **candidate.arguments)
    started = time.perf_counter()
    result = trainer.fit(train, validation, verbose=0)
    spent = time.perf_counter() - started
    crossed = tlkit.cross_validate(trainer, data, folds=5, verbose=0)
    return tlkit.evaluate(result, validation).weighted_f1, spent, crossed.evaluation.weighted_f1


def neighbours(x: Any, y: Any) -> float:
    """Return the weighted F1 of the five nearest by cosine, out of fold."""
    from sklearn.neighbors import KNeighborsClassifier

    return _out_of_fold(KNeighborsClassifier(5, metric="cosine"), x, y)


def lda(x: Any, y: Any) -> float:
    """Return the weighted F1 of a shrunken LDA, out of fold."""
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

    return _out_of_fold(LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto"), x, y)


def _out_of_fold(model: Any, x: Any, y: Any) -> float:
    from sklearn.metrics import f1_score
    from sklearn.model_selection import StratifiedKFold, cross_val_predict

    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    return float(f1_score(y, cross_val_predict(model, x, y, cv=folds), average="weighted"))


def logme(x: Any, y: Any) -> float:
    """Return the mean log evidence of a linear regression on each class's indicator."""
    n, d = x.shape
    u, s, _ = np.linalg.svd(np.asarray(x, np.float64), full_matrices=False)
    squares, total = s**2, 0.0
    for label in np.unique(y):
        target = (y == label).astype(float)
        projected = (u.T @ target) ** 2
        rest = target @ target - projected.sum()
        alpha = beta = 1.0
        for _ in range(50):
            ratio = alpha / beta
            gamma = (squares / (squares + ratio)).sum()
            weights = (squares * projected / (squares + ratio) ** 2).sum()
            errors = (projected / (1 + squares / ratio) ** 2).sum() + rest
            alpha, beta, last = gamma / weights, (n - gamma) / errors, ratio
            if abs(alpha / beta - last) < 1e-5 * last:
                break
        evidence = d * np.log(alpha) + n * np.log(beta) - n * np.log(2 * np.pi)
        evidence -= np.log(alpha + beta * squares).sum() + (d - len(squares)) * np.log(alpha)
        total += (evidence - beta * errors - alpha * weights) / (2 * n)
    return float(total / len(np.unique(y)))


def top1(candidate: tlkit.Candidate) -> float:
    """Return what was published for ImageNet, 0 for random weights; a larger size wins a tie."""
    known = tlkit.get_backbone(str(candidate.backbone)).top1 or 0.0
    return known * (candidate.weights is not None) + 1e-6 * float(candidate.image_size or 0)  # type: ignore[arg-type]


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", default="96,128,160")
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--data", type=Path, help="a folder with a folder for each class")
    parser.add_argument("--also", action="append", default=[], metavar="NAME@SIZE=FILE")
    parser.add_argument("--plot", type=Path, help="where to draw the ranking")
    parser.add_argument("--cache", type=Path, help="with features of an earlier try: no times then")
    options = parser.parse_args()
    print(f"{platform.platform()}, {os.cpu_count()} cores")
    given = options.data
    data = tlkit.ImageDataset.from_directory(given) if given else read_challenge(RAKUTEN / "sample")
    train, validation = data.split(0.2, seed=0)
    entered = candidates(list(map(int, options.sizes.split(","))), options.also)
    with tempfile.TemporaryDirectory() as folder:
        cache = options.cache or Path(folder)
        started = time.perf_counter()
        ranking = tlkit.rank_backbones(entered, train, cache=cache)
        seconds = time.perf_counter() - started
        print(ranking)
        if options.plot:
            ranking.plot(options.plot)
        compared(ranking, (train, validation, data), options.epochs, cache, seconds)


def compared(
    ranking: tlkit.Ranking, sets: tuple[Any, Any, Any], epochs: int, cache: Path, seconds: float
) -> None:
    """Train every candidate and print how the orders agree."""
    methods: dict[str, list[float]] = {}
    reached, crossed, published, train = [], [], 0.0, sets[0]
    for place, row in enumerate(ranking.rows):
        one, spent, folds = stage_one(row.candidate, sets, epochs, cache)
        reached.append(one)
        crossed.append(folds)
        published += spent + epochs * len(train) * row.cost.ms / 1000
        x = np.array(
            tlkit.extract(dataset=train, cache=cache, verbose=0, **row.candidate.arguments)
        )
        for name, value in {
            "ranking": -place,
            "nearest neighbours": neighbours(x, train.labels),
            "shrunken LDA": lda(x, train.labels),
            "LogME": logme(x, train.labels),
            "ImageNet top-1": top1(row.candidate),
            "stage 1, one split": one,
        }.items():
            methods.setdefault(name, []).append(value)
        print(f"  {row.name:<44} ranked {row.estimate:.4f}  stage 1 {one:.4f}, folds {folds:.4f}")
    print(f"ranking {seconds:.0f} s, the published way about {published:.0f} s: "
          f"{seconds / published:.3f} of it (promised: 0.05)")  # fmt: skip
    print(f"{'weighted Kendall tau and regret, against':<44}stage 1, one split    stage 1, folds")
    for name, values in methods.items():
        told = "".join(f"{_agreement(values, truth):>22}" for truth in (reached, crossed))
        print(f"  {name:<40}{told}")


def _agreement(values: list[float], reached: list[float]) -> str:
    """Return the weighted Kendall tau of two orders, and what the first of one loses."""
    from scipy.stats import weightedtau

    tau = weightedtau(values, reached).statistic
    regret = 100 * (max(reached) - reached[int(np.argmax(values))])
    return f"{tau:.3f}, {regret:.1f} points"


if __name__ == "__main__":
    main()

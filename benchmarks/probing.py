"""A probe beside scikit-learn's ``LogisticRegressionCV``, on the same features, in one process.

The probe is nested: it chooses a penalty within each fold, predicts every picture by a regression
that has not seen it, and ends with one on all of them. ``LogisticRegressionCV`` chooses one penalty
over the same folds, of the same values, and ends with a regression on all; it gives no figure that
is not optimistic. Then the probe alone on as many generated features as the study's data have,
where scikit-learn would take hours, with the memory that the process grew by.

Promised for the sample: 5 seconds on two cores, and a tenth of scikit-learn's time; for the large
one 5 minutes and 3 GiB.
"""

from __future__ import annotations

import argparse
import os
import platform
import resource
import time
from collections.abc import Callable
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from joblib.externals.loky import get_reusable_executor
from setting import Setting, add_options

import tlkit
from tlkit._regression.nested import cross_validated
from tlkit._regression.regressions import Prepared
from tlkit.data.even_folds import even_folds

FOLDS = 5
LARGE = (84_916, 2_048, 27)


class Timed:
    """What work gave, and its seconds: as they went by, and of all processors together.

    Args:
        work: Called once.
    """

    def __init__(self, work: Callable[[], Any]) -> None:
        before, start = _processor_seconds(), time.perf_counter()
        self.found = work()
        self.seconds = time.perf_counter() - start
        # Processes that joblib keeps are counted once they have ended.
        get_reusable_executor().shutdown(wait=True)
        self.processors = _processor_seconds() - before

    def __str__(self) -> str:
        return f"{self.seconds:6.1f} s, {self.processors:6.1f} of processors"


def _processor_seconds() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def probed(x: Any, y: Any, folds: Any) -> Any:
    """Return what a probe does after extraction."""
    pictures = Prepared.of(x, y, int(y.max()) + 1)
    return cross_validated(pictures, folds, lambda *_: None, discriminant=True, whole=True)


def scikit_learn(x: Any, y: Any, folds: Any, penalties: Any) -> Any:
    """Return scikit-learn's regression, with a penalty chosen over folds."""
    from sklearn.linear_model import LogisticRegressionCV
    from sklearn.model_selection import PredefinedSplit
    from sklearn.preprocessing import StandardScaler

    scaled = StandardScaler().fit_transform(x)
    model = LogisticRegressionCV(
        Cs=1 / (penalties * len(x)), cv=PredefinedSplit(folds), max_iter=2000, n_jobs=-1
    )
    return model.fit(scaled, y)


def generated(n: int, d: int, classes: int) -> tuple[Any, Any]:
    """Return features about as hard as the study's: weighted F1 near 0.65."""
    random = np.random.default_rng(0)
    y = np.minimum(random.geometric(0.1, n) - 1, classes - 1)
    x = random.standard_normal((n, d), dtype="float32")
    x *= np.exp(random.normal(0, 1, d)).astype("float32")
    centres = 0.09 * random.standard_normal((classes, d), dtype="float32")
    for start in range(0, n, 8192):
        x[start : start + 8192] += x.std(axis=0) * centres[y[start : start + 8192]]
    return x, y


def beside_scikit_learn(given: Setting) -> None:
    """Print what both take for the sample."""
    sets = [
        tlkit.extract(given.backbone, part, image_size=given.size, weights=given.weights, verbose=0)
        for part in (given.train, given.validation)
    ]
    x = np.concatenate([np.array(part, "float32") for part in sets])
    y = np.concatenate([part.labels for part in sets])
    folds = even_folds(y, FOLDS, seed=0)
    ours = Timed(lambda: probed(x.copy(), y, folds))
    penalties = np.array([10 ** (1 - half / 2) for half in range(9)])
    theirs = Timed(lambda: scikit_learn(x, y, folds, penalties))
    again = Timed(lambda: probed(x.copy(), y, folds))
    found = ours.found
    right = np.mean(found.probabilities.argmax(axis=1) == y)
    print(f"{x.shape[0]:,} x {x.shape[1]:,}, {y.max() + 1} classes: accuracy {right:.4f}")
    print(f"  probe, {len(found.losses)} penalties, nested   {ours}  (promised: 5)")
    print(f"  LogisticRegressionCV, 9 penalties {theirs}")
    print(f"  probe once more                   {again}")
    seconds, processors = (
        (getattr(ours, what) + getattr(again, what)) / 2 / getattr(theirs, what)
        for what in ("seconds", "processors")
    )
    print(f"  the probe takes {seconds:.3f} and {processors:.3f} of that  (promised: 0.1)")


def alone(pictures: int) -> None:
    """Print what a probe of generated features takes."""
    x, y = generated(pictures, *LARGE[1:])
    folds = even_folds(y, FOLDS, seed=0)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    took = Timed(lambda: probed(x, y, folds))
    found = took.found
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 2**20
    right = np.mean(found.probabilities.argmax(axis=1) == y)
    print(f"{x.shape[0]:,} x {x.shape[1]:,}, {y.max() + 1} classes: accuracy {right:.4f}")
    print(f"  probe, {len(found.losses)} penalties, nested   {took}  (promised: 300)")
    print(f"  memory {grown + x.nbytes / 2**30:.2f} GiB, features included  (promised: 3)")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_options(parser)
    parser.add_argument("--large", type=int, default=LARGE[0], help="pictures of the large one")
    options = parser.parse_args()
    print(f"{platform.platform()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    beside_scikit_learn(Setting(options))
    if options.large:
        alone(options.large)


if __name__ == "__main__":
    main()

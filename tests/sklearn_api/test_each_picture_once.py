"""However often scikit-learn fits and scores, the frozen part runs once for each picture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline

import tlkit
from tests.conftest import thorough
from tests.sklearn_api.conftest import classifier, extractor
from tlkit.features.trunk import Trunk

Pixels = NDArray[np.uint8]


@pytest.fixture
def passes(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """How many pictures went through each trunk, by its fingerprint, when features were kept."""
    counted: dict[str, int] = {}
    add = Trunk.add

    def counting(trunk: Trunk, engine: Any, pixels: Any, chosen: Any, *more: Any) -> bool:
        done = add(trunk, engine, pixels, chosen, *more)
        counted[trunk.fingerprint] = counted.get(trunk.fingerprint, 0) + len(chosen) * done
        return done

    monkeypatch.setattr(Trunk, "add", counting)
    return counted


def test_a_search_over_a_pipeline_computes_each_picture_once(
    passes: dict[str, int], pixels: Pixels, labels: NDArray[np.str_], tmp_path: Path
) -> None:
    pipeline = make_pipeline(
        extractor(cache=tmp_path, engine="keras"), LogisticRegression(max_iter=1000)
    )
    search = GridSearchCV(pipeline, {"logisticregression__C": [0.1, 1.0]}, cv=3)
    search.fit(pixels, labels).score(pixels, labels)
    assert list(passes.values()) == [48]


@pytest.mark.slow
def test_a_search_over_stages_computes_each_picture_once(
    passes: dict[str, int], pixels: Pixels, labels: NDArray[np.str_], tmp_path: Path
) -> None:
    stages = [[tlkit.Stage("head", epochs=1, learning_rate=rate)] for rate in (1e-6, 0.1)]
    estimator = classifier(cache=tmp_path, engine="keras", validation=0.25)
    search = GridSearchCV(estimator, {"stages": stages}, cv=2).fit(pixels, labels)
    search.predict(pixels)
    assert search.best_params_["stages"] == stages[1]
    assert list(passes.values()) == [48]
    again = extractor(cache=tmp_path, engine="keras").transform(pixels)
    assert list(passes.values()) == [48], "the extractor reads what the classifier has kept"
    assert again.shape == (48, 12)


@pytest.mark.slow
def test_fine_tuning_computes_each_picture_once_for_each_cut(
    passes: dict[str, int], pixels: Pixels, labels: NDArray[np.str_], tmp_path: Path
) -> None:
    few: dict[str, Any] = {"stages": None, "validation": 0.25, "epochs": 1}
    estimator = classifier(cache=tmp_path, engine="keras", **few)
    cross_val_score(estimator, pixels, labels, cv=2)
    assert list(passes.values()) == [48], "for the probe; fine-tuning has nothing that is frozen"


@pytest.mark.parametrize("jobs", thorough(2))
def test_processes_share_the_store(
    jobs: int, pixels: Pixels, labels: NDArray[np.str_], tmp_path: Path
) -> None:
    estimator = classifier(cache=tmp_path, engine="keras")
    spread = cross_val_score(estimator, pixels, labels, cv=2, n_jobs=jobs)
    assert spread.tolist() == cross_val_score(estimator, pixels, labels, cv=2).tolist()

"""scikit-learn's own checks of estimators, on tables that are drawn as pictures."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sklearn.base import BaseEstimator, clone
from sklearn.utils.estimator_checks import (
    check_classifiers_train,
    estimator_checks_generator,
    parametrize_with_checks,
)

import tlkit
from tests.sklearn_api.conftest import SMALL, classifier, extractor
from tests.sklearn_api.tables import TableClassifier, TableExtractor
from tlkit.sklearn import WAIVED_CHECKS
from tlkit.testing import tiny_backbone

PAGE = Path(__file__).parents[2] / "docs" / "scikit-learn.md"
STAGE = tlkit.Stage("head", epochs=30, learning_rate=0.05, batch_size=8)
ESTIMATORS: dict[str, BaseEstimator] = {
    "ImageClassifier": TableClassifier(
        tiny_backbone(), **SMALL, engine="keras", stages=[STAGE], validation=None
    ),
    "FeatureExtractor": TableExtractor(tiny_backbone(), **SMALL, engine="keras"),
}
# They train nothing; the last two train in a second and stand for the others.
QUICK = {
    "check_estimator_cloneable",
    "check_estimator_tags_renamed",
    "check_valid_tag_types",
    "check_estimator_repr",
    "check_no_attributes_set_in_init",
    "check_do_not_raise_errors_in_init_or_set_params",
    "check_estimators_unfitted",
    "check_mixin_order",
    "check_complex_data",
    "check_dtype_object",
    "check_estimators_empty_data_messages",
    "check_estimator_sparse_tag",
    "check_classifiers_one_label",
    "check_classifiers_regression_target",
    "check_supervised_y_no_nan",
    "check_parameters_default_constructible",
    "check_get_params_invariance",
    "check_set_params",
    "check_fit1d",
    "check_requires_y_none",
    "check_estimators_fit_returns_self",
    "check_dict_unchanged",
}


def name_of(check: Any) -> str:
    while isinstance(check, partial):
        check = check.func
    return str(check.__name__)


def cases() -> Iterator[Any]:
    """Every check of both estimators; one that is waived and passes is a failure."""
    for name, estimator in ESTIMATORS.items():
        waived = WAIVED_CHECKS[name]
        for given, check in estimator_checks_generator(estimator):
            marks = [] if name_of(check) in QUICK else [pytest.mark.slow]
            if name_of(check) in waived:
                marks.append(pytest.mark.xfail(reason=waived[name_of(check)], strict=True))
            # Two forms of a check have one name.
            form = "-".join(map(str, getattr(check, "keywords", {}).values()))
            case = f"{name}-{name_of(check)}" + (f"-{form}" if form else "")
            yield pytest.param(given, check, marks=marks, id=case)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.DataConversionWarning")
@pytest.mark.parametrize(("estimator", "check"), list(cases()))
def test_scikit_learns_check(estimator: BaseEstimator, check: Any) -> None:
    check(estimator)


@pytest.mark.parametrize("name", WAIVED_CHECKS)
def test_every_waived_check_is_one_of_scikit_learns(name: str) -> None:
    known = {name_of(check) for _, check in estimator_checks_generator(ESTIMATORS[name])}
    assert set(WAIVED_CHECKS[name]) <= known
    assert {
        name_of(check)
        for estimator in ESTIMATORS.values()
        for _, check in estimator_checks_generator(estimator)
    } >= QUICK


@pytest.mark.slow
def test_the_waived_check_of_learning_fails_at_its_end_only() -> None:
    """It first asks for accuracy and for probabilities that fit the labels."""
    with pytest.raises(AssertionError, match="number of features in predict is different"):
        check_classifiers_train("TableClassifier", clone(ESTIMATORS["ImageClassifier"]))


@pytest.mark.parametrize("estimator", [classifier(), extractor()])
def test_scikit_learn_itself_asks_no_table_of_them(estimator: BaseEstimator) -> None:
    with pytest.warns(Warning, match="Can't test estimator"):
        mark = parametrize_with_checks([estimator])
    assert len(mark.args[1]) == 1, "only whether it can be cloned"


def test_the_page_shows_what_is_waived_and_why() -> None:
    rows = re.findall(r"^\| `(check_\w+)` \| (.+?) \| (.+?) \|$", PAGE.read_text("utf-8"), re.M)
    told = {
        (check, kind): reason for check, kinds, reason in rows for kind in re.findall(r"\w+", kinds)
    }
    assert told == {
        (check, kind): reason
        for kind, waived in WAIVED_CHECKS.items()
        for check, reason in waived.items()
    }

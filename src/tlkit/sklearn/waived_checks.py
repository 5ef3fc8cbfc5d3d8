"""Which of scikit-learn's checks of estimators do not fit pictures, each with the reason."""

from __future__ import annotations

_NO_FEATURES = (
    "Pictures of any size are resized to the model's, so there is no number of features to keep or "
    "to compare."
)
_OWN_WORDS = "X is refused with a ValueError, as asked; it speaks of pictures, not of features."
_OBJECTS = "An array of objects is taken for paths; numbers as objects are no pixels and refused."

_BOTH = {
    "check_n_features_in": _NO_FEATURES,
    "check_n_features_in_after_fitting": _NO_FEATURES,
    "check_dtype_object": _OBJECTS,
    "check_estimators_empty_data_messages": _OWN_WORDS,
    "check_fit2d_predict1d": _OWN_WORDS,
}

# By the class of the estimator and the name of the check. `parametrize_with_checks` and
# `check_estimator` of scikit-learn take the inner tables as ``expected_failed_checks``.
WAIVED_CHECKS: dict[str, dict[str, str]] = {
    "ImageClassifier": {
        **_BOTH,
        "check_classifiers_train": (
            "It learns what the check asks; then the check gives pictures of another size and "
            f"wants them refused. {_NO_FEATURES}"
        ),
    },
    "FeatureExtractor": {
        **_BOTH,
        "check_complex_data": _OWN_WORDS,
    },
}

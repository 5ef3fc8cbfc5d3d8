"""TensorFlow's warning of functions that are traced too often, where it is none."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_WARNING = "triggered tf.function retracing"


class _OfOtherPlaces(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        return _WARNING not in record.getMessage()


@contextmanager
def many_models() -> Iterator[None]:
    """Say nothing of models that are traced once each while this is open.

    TensorFlow counts traces by the place in the program, and what predicts with any Keras model is
    one place in Keras: from the fifth model on it warns of a loop that traces anew each time.
    """
    logger, quiet = logging.getLogger("tensorflow"), _OfOtherPlaces()
    logger.addFilter(quiet)
    try:
        yield
    finally:
        logger.removeFilter(quiet)


def predict_on_batch(model: Any, batch: Any) -> Any:
    """Return what a model, or anything with such a method, predicts for one batch.

    Args:
        model: Has ``predict_on_batch``.
        batch: What it takes.
    """
    with many_models():
        return model.predict_on_batch(batch)

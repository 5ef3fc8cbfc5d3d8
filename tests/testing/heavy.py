"""A plugin that makes everybody wait: it imports scikit-learn where backbones are listed."""

from __future__ import annotations

from typing import Any

import sklearn

from tlkit.testing import tiny_backbone

VERSION = sklearn.__version__


def build(image: Any, weights: str | None) -> Any:
    """Build the tiny network."""
    return tiny_backbone().build(image, weights)

"""Xception of keras.applications."""

from __future__ import annotations

from tlkit.backbones.applications.application import application
from tlkit.backbones.plugins import hookimpl
from tlkit.backbones.spec import BackboneSpec


@hookimpl
def tlkit_backbones() -> list[BackboneSpec]:
    """Return the backbones of keras.applications.xception."""
    return [
        application(
            "Xception",
            name="xception",
            family="Xception",
            preprocessing="tf",
            default_size=299,
            min_size=71,
            feature_count=2048,
            parameters=20_861_480,
            top1=0.79,
            paper="https://arxiv.org/abs/1610.02357",
        ),
    ]

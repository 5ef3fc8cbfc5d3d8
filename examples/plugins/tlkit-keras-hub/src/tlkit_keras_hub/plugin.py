"""What tlkit's entry point loads: the presets that were added, as data, and no framework."""

from __future__ import annotations

import tlkit
from tlkit import BackboneSpec
from tlkit_keras_hub.records import records


@tlkit.hookimpl
def tlkit_backbones() -> list[BackboneSpec]:
    """Return the presets that were added and are still what they were."""
    return [record.spec for record in records() if record.spec is not None]

"""Any KerasHub image backbone, from a local preset folder, as a backbone of tlkit."""

from tlkit_keras_hub.records import register, remove
from tlkit_keras_hub.specs import spec_from_preset

__all__ = ["register", "remove", "spec_from_preset"]

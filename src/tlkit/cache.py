"""The feature store: `tlkit.cache.info` says what lies on disk, `tlkit.cache.clear` removes it."""

from tlkit.features.store.store import clear, info

__all__ = ["clear", "info"]

"""What lies in the feature store on disk, and how to clear it: `info` and `clear`."""

from tlkit.features.store.store import clear, info

__all__ = ["clear", "info"]

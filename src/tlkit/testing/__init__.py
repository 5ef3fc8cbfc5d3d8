"""Helpers for the tests of users and plugin authors: small, seeded, no download."""

from tlkit.testing.tiny import TINY_SIZE, tiny_backbone, tiny_dataset, tiny_model

__all__ = ["TINY_SIZE", "tiny_backbone", "tiny_dataset", "tiny_model"]

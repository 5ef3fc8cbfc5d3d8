"""Frozen work spread over the workers of an executor."""

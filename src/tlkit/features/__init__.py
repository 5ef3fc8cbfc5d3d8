"""Frozen work, done once."""

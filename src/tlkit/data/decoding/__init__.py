"""Bytes of a file to RGB pixels, or the reason why not."""

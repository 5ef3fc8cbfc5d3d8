"""Runs every Python snippet of the documentation and the README as a test."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from sybil import Sybil
from sybil.parsers.markdown import PythonCodeBlockParser, SkipParser


def make_pictures(root: str, each: int = 12, size: int = 64) -> None:
    """Draw pictures of two kinds into a folder for each class."""
    random = np.random.default_rng(0)
    for name, colour in (("cats", (200, 120, 60)), ("dogs", (60, 120, 200))):
        folder = Path(root) / name
        folder.mkdir(parents=True)
        for number in range(each):
            noise = random.integers(-40, 41, (size, size, 3))
            pixels = np.clip(np.array(colour) + noise, 0, 255).astype("uint8")
            Image.fromarray(pixels).save(folder / f"{number}.png")


def enter_folder(namespace: dict[str, Any]) -> None:
    """Run a page's snippets in an empty folder, with a feature store of its own."""
    namespace["stack"] = stack = contextlib.ExitStack()
    folder = stack.enter_context(tempfile.TemporaryDirectory())
    stack.enter_context(contextlib.chdir(folder))
    os.environ["TLKIT_CACHE_DIR"] = str(Path(folder) / "cache")
    namespace["make_pictures"] = make_pictures


def leave_folder(namespace: dict[str, Any]) -> None:
    """Remove the folder."""
    namespace["stack"].close()


pytest_collect_file = Sybil(
    parsers=[PythonCodeBlockParser(), SkipParser()],
    patterns=["README.md", "docs/*.md"],
    setup=enter_folder,
    teardown=leave_folder,
).pytest()

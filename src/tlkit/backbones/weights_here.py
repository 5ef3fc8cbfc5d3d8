"""Which ImageNet weights lie on this machine already, by the names that Keras gives their files."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from tlkit.backbones.registry import folded
from tlkit.backbones.spec import BackboneSpec

# How Keras marks files without the classification top.
_WITHOUT_TOP = ("notop", "notopv2")


def weights_in(folder: Path, specs: Iterable[BackboneSpec]) -> dict[str, str]:
    """Return the file of each backbone whose weights lie in a folder, by the backbone's name.

    A file is of the backbone whose name it begins with, of several the longest one: Keras has no
    table of these names, and they differ in dashes and underscores only.

    Args:
        folder: Keras's folder of models; it may be missing.
        specs: Networks of keras.applications.
    """
    specs = list(specs)
    names = {folded(each): spec.name for spec in specs for each in (spec.name, *spec.aliases)}
    found: dict[str, str] = {}
    for file in sorted(folder.glob("*.h5")):
        plain = folded(file.stem).removeprefix("weights")
        known = [name for name in names if plain.startswith(name)]
        if known and plain.endswith(_WITHOUT_TOP):
            found[names[max(known, key=len)]] = file.name
    return found

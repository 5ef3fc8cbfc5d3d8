"""Pretrained weights: fetched by name, or read from a file."""

from __future__ import annotations

import os
import tempfile
import traceback
import warnings
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from tlkit._disk.seals import check_seal
from tlkit._keras.types import Model
from tlkit.backbones._nested_weights import load_nested
from tlkit.backbones._weights_difference import misfits, misplaced
from tlkit.backbones.spec import BackboneSpec
from tlkit.errors import WeightsError

SUFFIXES = (".weights.h5", ".h5", ".keras")
Weights = str | Path | None
_NO_FILE = (FileNotFoundError, NotADirectoryError, IsADirectoryError, PermissionError)


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
    known = " or ".join(["None", *map(repr, spec.weights)])
    raise WeightsError(
        f"weights={str(weights)!r} for {spec.name!r}: expected {known}, or the path of a "
        f"{', '.join(SUFFIXES)} file. {_why_not(path)}"
    )


def _why_not(path: Path) -> str:
    if path.is_file():
        return f"{path} is a file of another kind."
    if path.name.endswith(SUFFIXES) or path.parent != Path():
        return f"There is no file {path}."
    return "Name one of these; None gives random weights."


def load_file(model: Model, path: Path, *, inside: bool = False) -> None:
    """Load a weights file into a model.

    Args:
        model: A built keras.Model.
        path: A ``.weights.h5``, ``.h5`` or ``.keras`` file.
        inside: Whether the network may be one layer of the model that was saved.

    Raises:
        WeightsError: The file is damaged or made for another architecture; says which layers
            differ and how.
    """
    _refuse_damaged(path)
    try:
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            model.load_weights(path)
        # Keras only warns about a part of the model that the file has nothing for.
        skipped = [str(each.message) for each in said if "Skipping" in str(each.message)]
        reason = skipped[0] if skipped else misplaced(model, path)
        cause = None
    except Exception as error:  # noqa: BLE001 - readers of a damaged file raise anything
        # Keras's own words run to pages: they print the values of a tensor and every layer.
        reason = misfits(model, path) or str(error).strip().split("\n")[0] or type(error).__name__
        cause = error
    if reason and not (inside and load_nested(model, path)):
        raise WeightsError(
            f"The weights in {path} do not fit {model.name!r}: {reason}\n"
            "Give a file that was saved from the same architecture without its top."
        ) from cause


def _refuse_damaged(path: Path) -> None:
    """Raise where a file that tlkit has written is not what it was; another has no checksum."""
    try:
        check_seal(path, needed=False)
    except (OSError, ValueError) as error:
        raise WeightsError(
            f"The weights in {path} cannot be used: {error}. Give another copy of that file, or "
            "train that model again."
        ) from error


@dataclass(frozen=True)
class Download:
    """A file that Keras wanted to fetch.

    Args:
        url: Where it is.
        path: Where Keras looks for it first, and keeps it.
    """

    url: str
    path: Path


def download_of(error: BaseException) -> Download | None:
    """Return the file that Keras was fetching when an error was raised, or None.

    Keras names the file in some of its errors only, and its address is not always called like
    the file. The arguments of `keras.utils.get_file` say both.
    """
    import keras

    for frame, _ in traceback.walk_tb(error.__traceback__):
        if frame.f_code is getattr(keras.utils.get_file, "__code__", None):
            return _download(**{k: frame.f_locals[k] for k in ("fname", "origin", "cache_subdir")})
    return None


def keras_home() -> Path:
    """Return the folder in which Keras keeps what it fetches, as it looks for it itself."""
    home = Path(os.environ.get("KERAS_HOME") or Path("~/.keras").expanduser())
    return home if os.access(home, os.W_OK) else Path(tempfile.gettempdir()) / ".keras"


def _download(fname: str | None, origin: str, cache_subdir: str) -> Download:
    home = keras_home()
    name = fname or urlsplit(origin).path.rpartition("/")[2]
    return Download(origin, home / cache_subdir / name)


def unreachable(
    spec: BackboneSpec, weights: str, error: Exception, wanted: Download | None = None
) -> WeightsError:
    """Return the error for weights that a builder could not fetch or open, with the ways out."""
    if wanted is None and isinstance(error, _NO_FILE):
        return WeightsError(
            f"The {weights!r} weights of {spec.name!r} could not be opened: {error}\n"
            f"The plugin of {spec.distribution or 'this program'!r} names them and does not find "
            "their file: tell its author, who may have left it out of the package. Until then use "
            f"weights=None for random weights, or weights=PATH ({', '.join(SUFFIXES)})."
        )
    fetch = (
        f"fetch {wanted.url} where there is a network and put it here as {wanted.path}; "
        if wanted
        else "run once where there is a network (Keras keeps its files in ~/.keras/models); "
    )
    return WeightsError(
        f"The {weights!r} weights of {spec.name!r} could not be downloaded: {error}\n"
        f"Ways out: {fetch}"
        f"give a file with weights=PATH ({', '.join(SUFFIXES)}); use weights=None for random "
        "weights; or take a backbone whose weights are installed from a package, such as "
        "efficientnet_lite0 of the plugin tlkit-efficientnet-lite."
    )

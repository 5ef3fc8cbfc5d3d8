"""A preset as files: read and checked without any framework, and never fetched from anywhere."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tlkit.errors import BackboneError, WeightsError

CONFIG = "config.json"
CONVERTER = "image_converter.json"
PREPROCESSOR = "preprocessor.json"
WEIGHTS = "model.weights.h5"
SHARDS = "model.weights.json"

_SAVE = "Save one with keras_hub's save_to_preset(folder) where the model is at hand."


@dataclass(frozen=True)
class Preset:
    """What a preset folder says of itself.

    Args:
        folder: Where it is, absolute.
        class_name: Of its backbone, for example ``"ResNetBackbone"``.
        registered_name: What Keras calls that class, for example ``"keras_hub>ResNetBackbone"``.
        settings: What that class was made with.
        converter: The serialized image converter, or None where the preset has none.
        weights: The file to load weights from: of the weights, or of the list of their shards.
        weight_files: The files that hold weights.
        fingerprint: Changes where the files change: a hash of all but the weights, of which only
            names and sizes count, so that it takes no time.
    """

    folder: Path
    class_name: str
    registered_name: str
    settings: Mapping[str, Any]
    converter: Mapping[str, Any] | None
    weights: Path
    weight_files: tuple[Path, ...]
    fingerprint: str


def read_preset(folder: str | Path) -> Preset:
    """Read a preset folder.

    Args:
        folder: A local folder that KerasHub's ``save_to_preset`` made.

    Raises:
        BackboneError: It is no local folder, or holds no preset of KerasHub; says what is wrong.
        WeightsError: The weights are missing.
    """
    path = _local_folder(folder)
    config = _config(path)
    weights, weight_files = _weights(path)
    return Preset(
        folder=path,
        class_name=config["class_name"],
        registered_name=config["registered_name"],
        settings=config["config"],
        converter=_converter(path),
        weights=weights,
        weight_files=weight_files,
        fingerprint=_fingerprint(path, weight_files),
    )


def _local_folder(folder: str | Path) -> Path:
    if "://" in str(folder):
        raise BackboneError(
            f"{str(folder)!r} is an address, expected a local folder: this plugin downloads "
            "nothing. Fetch the preset once with keras_hub.models.ImageClassifier.from_preset("
            f"{str(folder)!r}).save_to_preset(FOLDER) and give that folder."
        )
    path = Path(folder).expanduser().absolute()
    if not path.is_dir():
        what = "is a file" if path.exists() else "does not exist"
        raise BackboneError(f"{path} {what}, expected the folder of a KerasHub preset. {_SAVE}")
    return path


def _config(folder: Path) -> dict[str, Any]:
    path = folder / CONFIG
    if not path.is_file():
        raise BackboneError(f"{folder} has no {CONFIG}, expected a KerasHub preset. {_SAVE}")
    config = _read_json(path)
    for key, origin in (("model_type", "Hugging Face Transformers"), ("architecture", "timm")):
        if key in config and "registered_name" not in config:
            raise BackboneError(
                f"{folder} is a checkpoint of {origin}, expected a KerasHub preset. Convert it: "
                f"keras_hub.models.Backbone.from_preset({str(folder)!r}).save_to_preset(FOLDER)."
            )
    kinds = {"class_name": str, "registered_name": str, "config": dict}
    wrong = [key for key, kind in kinds.items() if not isinstance(config.get(key), kind)]
    if wrong:
        raise BackboneError(
            f"{path} has no valid {', '.join(wrong)}, expected what KerasHub writes. {_SAVE}"
        )
    return config


def _converter(folder: Path) -> Mapping[str, Any] | None:
    if (folder / CONVERTER).is_file():
        return _read_json(folder / CONVERTER)
    if not (folder / PREPROCESSOR).is_file():
        return None
    settings = _read_json(folder / PREPROCESSOR).get("config")
    nested = settings.get("image_converter") if isinstance(settings, dict) else None
    return nested if isinstance(nested, dict) else None


def _weights(folder: Path) -> tuple[Path, tuple[Path, ...]]:
    single, index = folder / WEIGHTS, folder / SHARDS
    if single.is_file():
        return single, (single,)
    if not index.is_file():
        raise WeightsError(
            f"{folder} has neither {WEIGHTS} nor {SHARDS}, expected the weights of its preset. "
            "Fetch or save the preset again, whole."
        )
    names = sorted(set(_shard_names(_read_json(index))))
    missing = [name for name in names if not (folder / name).is_file()]
    if missing or not names:
        raise WeightsError(
            f"{index} lists the files {names}, and {missing or 'none'} of them missing in "
            f"{folder}. Fetch or save the preset again, whole."
        )
    return index, tuple(folder / name for name in names)


def _shard_names(index: Mapping[str, Any]) -> Iterator[str]:
    entries = index.get("weight_map")
    for entry in entries.values() if isinstance(entries, dict) else ():
        for name in entry if isinstance(entry, list) else [entry]:
            # A name that is a path could lead out of the folder.
            yield name if isinstance(name, str) and Path(name).name == name else repr(name)


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise BackboneError(f"{path} cannot be read: {error}. {_SAVE}") from error
    if not isinstance(content, dict):
        raise BackboneError(f"{path} holds a {type(content).__name__}, expected an object. {_SAVE}")
    return content


def _fingerprint(folder: Path, weight_files: tuple[Path, ...]) -> str:
    digest = hashlib.sha256()
    for name in (CONFIG, CONVERTER, PREPROCESSOR):
        path = folder / name
        digest.update(f"{name} ".encode() + (path.read_bytes() if path.is_file() else b"-"))
    for path in weight_files:
        digest.update(f"{path.name} {path.stat().st_size} ".encode())
    return digest.hexdigest()

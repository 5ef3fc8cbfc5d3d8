"""Presets that were added, as a small JSON file each, so that listing them loads nothing."""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tlkit import BackboneSpec, get_backbone
from tlkit.backbones.registry import installed_registry
from tlkit.errors import (
    BackboneError,
    DuplicateBackboneError,
    PluginError,
    TlkitError,
    UnknownBackboneError,
)
from tlkit_keras_hub.facts import Facts
from tlkit_keras_hub.preset import read_preset
from tlkit_keras_hub.specs import backbone_name, changed, facts_of, make_spec

HOME = "TLKIT_KERAS_HUB_HOME"
FORMAT = 1
# The entry point through which tlkit lists what was added.
PLUGIN = "keras_hub"


@dataclass(frozen=True)
class Record:
    """A preset that was added.

    Args:
        name: Of its backbone.
        folder: Where the preset is.
        facts: What is known of it, or None where the record is damaged.
        spec: Its backbone, or None where the record or the preset is not what it should be.
        problem: What is wrong, else empty.
    """

    name: str
    folder: str = ""
    facts: Facts | None = None
    spec: BackboneSpec | None = None
    problem: str = ""


def register(
    folder: str | Path, *, name: str | None = None, preprocessing: str = "auto"
) -> BackboneSpec:
    """Add a preset to the backbones that tlkit lists by name, in every process from now on.

    Only what is known of the preset is kept, not the preset: it has to stay where it is. Adding
    the same folder under the same name again brings the record up to date.

    Args:
        folder: As for `spec_from_preset`.
        name: As for `spec_from_preset`.
        preprocessing: As for `spec_from_preset`.

    Returns:
        The backbone, as `tlkit.get_backbone` gives it.

    Raises:
        BackboneError: As for `spec_from_preset`; or the record cannot be written.
        DuplicateBackboneError: Another backbone has that name, or one that tlkit takes for it.
        WeightsError: As for `spec_from_preset`.

    Example:
        >>> import tlkit, tlkit_keras_hub
        >>> tlkit_keras_hub.register("presets/resnet_50_imagenet")  # doctest: +SKIP
        >>> tlkit.get_backbone("resnet_50_imagenet")  # doctest: +SKIP
    """
    preset = read_preset(folder)
    name = backbone_name(name, preset.folder)
    _require_free(name, preset.folder)
    facts = facts_of(preset, preprocessing)
    spec = make_spec(name, preset, facts)
    _write(
        _file(name),
        {
            "format": FORMAT,
            "folder": str(preset.folder),
            "fingerprint": preset.fingerprint,
            "facts": facts.to_json(),
        },
    )
    # tlkit asks plugins once in a process; this process is to see the new one as well.
    installed_registry.cache_clear()
    return spec


def remove(name: str) -> None:
    """Remove a preset from the backbones that tlkit lists; the preset itself stays.

    Args:
        name: As it was added. A damaged record is removed as well.

    Raises:
        BackboneError: No preset was added under that name, or the record cannot be removed.
    """
    file = _file(backbone_name(name, Path()))
    if not file.exists():
        known = ", ".join(record.name for record in records()) or "none"
        raise BackboneError(f"No preset was added as {name!r}. Added: {known}.")
    with _writing(file):
        file.unlink()
    installed_registry.cache_clear()


def records() -> tuple[Record, ...]:
    """Return every record, broken ones too, sorted by name; loads no framework."""
    return tuple(_read(file) for file in sorted(home().glob("*.json")))


def home() -> Path:
    """Return where records are kept: ``$TLKIT_KERAS_HUB_HOME``, else in the user's data folder."""
    named = os.environ.get(HOME)
    if named:
        return Path(named).expanduser()
    data = os.environ.get("XDG_DATA_HOME")
    return (Path(data) if data else Path.home() / ".local" / "share") / "tlkit-keras-hub"


def _read(file: Path) -> Record:
    """Return a record; whatever is wrong with one harms no other."""
    name = file.stem
    try:
        data = _checked(json.loads(file.read_text("utf-8")))
        folder, facts = data["folder"], Facts.from_json(data.get("facts"))
    except (OSError, ValueError) as error:
        return Record(name, problem=f"{name}: {file} is damaged: {error}.")
    try:
        backbone_name(name, file)
        preset = read_preset(folder)
        if preset.fingerprint != data["fingerprint"]:
            raise BackboneError(changed(preset.folder))
    except TlkitError as error:
        return Record(name, folder, facts, problem=f"{name}: {error}")
    return Record(name, folder, facts, make_spec(name, preset, facts))


def _checked(data: object) -> dict[str, Any]:
    if not isinstance(data, dict):
        raise ValueError(f"it holds a {type(data).__name__}, expected an object")
    if data.get("format") != FORMAT:
        raise ValueError(f"its format is {data.get('format')!r}, expected {FORMAT}")
    for key in ("folder", "fingerprint"):
        if not isinstance(data.get(key), str):
            raise ValueError(f"{key}={data.get(key)!r}, expected text")
    return data


def _file(name: str) -> Path:
    return home() / f"{name}.json"


def _require_free(name: str, folder: Path) -> None:
    for record in records():
        if record.name == name and record.folder not in ("", str(folder)):
            raise DuplicateBackboneError(
                f"{name!r} is the preset in {record.folder} already. Give {folder} another name, "
                f"or remove that one first: python -m tlkit_keras_hub remove {name}."
            )
    try:
        other = get_backbone(name)
    except (UnknownBackboneError, PluginError):
        return
    if (other.name, other.plugin) != (name, PLUGIN):
        raise DuplicateBackboneError(
            f"{name!r} cannot be told from {other.name!r} of {other.distribution!r}, since tlkit "
            "looks past case, dashes and underscores. Give another name with name=, or --name on "
            "the command line."
        )


def _write(file: Path, data: dict[str, Any]) -> None:
    part = file.with_name(f".{file.name}.{uuid.uuid4().hex}")
    with _writing(file):
        file.parent.mkdir(parents=True, exist_ok=True)
        try:
            part.write_text(json.dumps(data, indent=1), "utf-8")
            part.replace(file)
        finally:
            part.unlink(missing_ok=True)


@contextmanager
def _writing(file: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise BackboneError(
            f"{file} cannot be changed: {error}. Make its folder writable, or name another one "
            f"with the environment variable {HOME}."
        ) from error

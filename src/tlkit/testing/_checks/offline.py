"""A network with random weights needs no internet, and those that it names can be had."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn
from unittest.mock import patch

from tlkit.testing.failure import BackboneCheckError, expect, in_short
from tlkit.testing.subject import Subject, free


def builds_offline(subject: Subject) -> str:
    """Require that ``weights=None`` asks for no network and downloads nothing."""
    subject.reset()  # so that it is built here, whatever ran before
    files, error = _downloads(), None
    with no_network() as asked:
        try:
            parameters = subject.model.count_params()
        except BackboneCheckError as raised:
            error = raised
    if asked:
        subject.reset()  # so that the other checks may build it with a network
        raise BackboneCheckError(
            f"With weights=None its builder asks the network for {asked[0]}, expected random "
            "weights without a network. Fetch weights only where the builder is given a name."
        ) from error
    if error:
        raise error
    new = sorted(map(str, _downloads() - files))
    expect(
        not new,
        f"With weights=None its builder writes {', '.join(new)}, expected nothing in Keras's "
        "download folder. Fetch weights only where the builder is given a name.",
    )
    return f"{parameters:,} parameters"


def named_weights(subject: Subject) -> str:
    """Require that each of its named weights is in its package, or asked for in the network.

    No download is made: a builder that asks for one has done its part.
    """
    # Names that are no tuple are told by spec_figures.
    names = subject.spec.weights if isinstance(subject.spec.weights, tuple) else ()
    return ", ".join(f"{name!r} {_origin(subject, name)}" for name in names)


def _origin(subject: Subject, name: str) -> str:
    from tlkit.backbones.build import build_backbone

    error = None
    with no_network() as asked:
        try:
            build_backbone(subject.spec, weights=name)
        except Exception as raised:  # noqa: BLE001 - told below, or what a refused network leads to
            error = raised
    free()
    if error is not None and not asked:
        raise BackboneCheckError(
            f"weights={name!r}, which the spec names, is not available: {in_short(error)}\n"
            "Expected a file in the package, or a download. Look whether the built wheel holds the "
            "file (python -m zipfile -l): what version control ignores may be left out of it."
        ) from error
    return f"from {asked[0]}" if asked else "in the package"


@contextmanager
def no_network() -> Iterator[list[str]]:
    """Refuse every connection, and note which were asked for.

    Yields:
        The hosts that were asked for, as text; it fills up.
    """
    asked: list[str] = []

    def refuse(address: str) -> NoReturn:
        asked.append(address)
        raise ConnectionRefusedError(f"{address}: no network in this check")

    def look_up(host: object, port: object = None, *_: object, **__: object) -> NoReturn:
        refuse(f"{host}:{port}")

    def connect(_: socket.socket, address: object) -> NoReturn:
        refuse(":".join(map(str, address)) if isinstance(address, tuple) else str(address))

    with (
        patch.object(socket, "getaddrinfo", look_up),
        patch.object(socket.socket, "connect", connect),
        patch.object(socket.socket, "connect_ex", connect),
    ):
        yield asked


def _downloads() -> set[Path]:
    """Return the files in the folder where Keras keeps what it downloads."""
    folder = Path(os.environ.get("KERAS_HOME", "~/.keras")).expanduser()
    return {path for path in folder.rglob("*") if path.is_file()}

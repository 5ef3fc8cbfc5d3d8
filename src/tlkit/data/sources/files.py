"""Images in files: read once, found changed where they did, all deep ones at one depth."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Sequence
from functools import partial
from os import PathLike
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tlkit._threads import in_threads
from tlkit.data._text import printable
from tlkit.data.decoding.contents import Content, ImageSource, read_content
from tlkit.data.decoding.decode import Pixels, Size, decode_image, decode_many
from tlkit.data.decoding.depth import FULL, Unusable, bits, checked_depth, may_be_deep, refusal
from tlkit.data.decoding.fitting import SQUASH, Fit
from tlkit.data.decoding.looks import look_at, read_file, read_once
from tlkit.data.scans import NothingKnown, Scan, ScanMemory, content_key
from tlkit.data.sources._file_systems import FileSystems
from tlkit.data.sources._places import RemotePath, place_of
from tlkit.data.sources.stores import CHANGED, ImageStore
from tlkit.errors import DataError

# Of files elsewhere so many are asked for at once: most of the time is waiting.
_REQUESTS = 16
# One for all stores, as these go to other processes: a data set's depth is found once.
_finding_depth = threading.Lock()


class FileStore(ImageStore):
    """Images in files, or in what else gives the content of a file.

    Files with more than 8 bits for each value are all read at one depth: the one that is given, or
    the least that holds the largest value of any of them. Their digests tell depths apart, but for
    16, at which a value of 65,535 is white.

    Args:
        paths: Where the content of each image is.
        names: What people call each image.
        depth: Of such files; None to find it in them.
    """

    def __init__(
        self, paths: Sequence[ImageSource], names: Sequence[str], depth: int | None = None
    ) -> None:
        super().__init__(names)
        systems = FileSystems()
        self.paths = tuple(
            place_of(x, systems) if isinstance(x, (str, PathLike)) else x for x in paths
        )
        far = any(isinstance(path, RemotePath) for path in self.paths)
        self._at_once = _REQUESTS if far else None
        self.given_depth = checked_depth(depth)
        self._found: int | None = None
        self._needs = np.zeros(len(self.names), np.uint8)

    def load(
        self,
        indices: NDArray[np.int64],
        size: Size,
        workers: int | None = None,
        fit: Fit = SQUASH,
    ) -> Pixels:
        """Decode and resize some images, in threads."""

        def check(place: int, content: bytes) -> None:
            self._take_in(int(indices[place]), content)

        paths = [self.paths[index] for index in indices]
        names = [self._called(index) for index in indices]
        return decode_many(
            paths,
            size,
            workers=workers or self._at_once,
            depth=lambda _: self._depth(),
            seen=check,
            fit=fit,
            names=names,
        )

    def load_whole(self, index: int) -> Pixels:
        """Decode one image at its own size."""
        path = self.paths[index]
        content = read_file(path, self._called(index))
        self._take_in(index, content)
        return np.array(
            decode_image(content, None, name=self._called(index), depth=lambda _: self._depth())
        )

    def _called(self, index: int) -> str:
        """Return what to call an image in an error: its path, where it lies in a file."""
        path = self.paths[index]
        return self.names[index] if isinstance(path, bytes) else printable(str(path))

    def _take_in(self, index: int, content: bytes) -> None:
        look = look_at(content, decoded=False, deep=not self._known[index])
        if not self._known[index]:
            self._needs[index] = look.need
        self._require_same(index, look.digest)

    def scan(
        self,
        indices: NDArray[np.int64],
        memory: ScanMemory,
        *,
        decoded: bool,
        workers: int | None = None,
    ) -> list[str | None]:
        """Read each file at most once, and none that the memory knows; see `ImageStore.scan`."""

        def look(index: int) -> str | None:
            return self._look(index, memory, decoded=decoded)

        reasons = in_threads(look, indices.tolist(), workers or self._at_once)
        if decoded and self._needs[indices].any():
            depth = self._depth(memory)
            needs = self._needs[indices].tolist()
            reasons = [why or refusal(x, depth) for why, x in zip(reasons, needs, strict=True)]
        return reasons

    def _look(self, index: int, memory: ScanMemory, *, decoded: bool) -> str | None:
        path = self.paths[index]
        key = content_key(path)  # before it is read: it may change meanwhile
        known = memory.get(key) if key else None
        if known is None or (decoded and not known.whole):
            digest, reason, need = read_once(path, decoded=decoded)
            if reason is not None:
                return reason
            known = Scan(digest, whole=decoded, need=need)
            if key:
                memory.add(key, known)
        if not self._known[index]:
            self._needs[index] = known.need
        return None if self._keep(index, known.digest) else f"{CHANGED}; make it anew"

    def _depth(self, memory: ScanMemory | None = None) -> int:
        """At which depth images of this store are read, whichever part of it is in use."""
        if self.given_depth is not None:
            return self.given_depth
        known = memory or NothingKnown()
        with _finding_depth:
            if self._found is None:
                self._look_at_all(np.arange(len(self.names)), known)
                self._found = max(bits(need) for need in set(self._needs.tolist())) or FULL
        return self._found

    def _look_at_all(self, indices: NDArray[np.int64], memory: ScanMemory) -> None:
        """Take in what is not known yet; what cannot be read has no depth."""
        look = partial(self._look, memory=memory, decoded=False)
        in_threads(look, indices[~self._known[indices]].tolist(), self._at_once)

    def depth(self, indices: NDArray[np.int64]) -> int | None:
        """Return it, found in all files of the store where it was not given."""
        self._look_at_all(indices, NothingKnown())  # which tells whether any is deep
        return self._depth() if self._needs[indices].any() else None

    def depth_note(self, indices: NDArray[np.int64]) -> str:
        """Return it in words, with how it was found."""
        if not (needs := self._needs[indices]).any():
            return ""
        depth = self._depth()
        found = self.given_depth is None
        how = "as the largest value of them asks for" if found else "as was asked"
        return (
            f"{np.count_nonzero(needs)} of more than 8 bits, read with depth={depth}, {how}: "
            f"{2**depth - 1:,} is white"
        )

    def digests(self, indices: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Return them, with the depth in those of deep images unless it is 16."""
        found = super().digests(indices)
        deep = np.flatnonzero(self._needs[indices])
        if len(deep) and self._depth() != FULL:
            for place in deep:
                how = b"depth %d of " % self._depth() + found[place].tobytes()
                found[place] = np.frombuffer(hashlib.sha256(how).digest(), np.uint8)
        return found

    @classmethod
    def joined(cls, parts: Sequence[tuple[FileStore, NDArray[np.int64]]]) -> FileStore:
        """Return the images of several stores in one, with what is known of them.

        Images of one name that are different files are called by their paths.

        Args:
            parts: Stores, and which of their images.

        Raises:
            DataError: They are to be read at different depths.
        """
        depths = {store.given_depth for store, _ in parts}
        if len(depths) > 1:
            given = " and ".join(sorted(f"depth={depth}" for depth in depths))
            raise DataError(
                f"Received images made with {given}; expected one depth for all that is put "
                "together. Make them all with the same depth=."
            )
        every = [(store, index) for store, chosen in parts for index in chosen.tolist()]
        paths = [store.paths[index] for store, index in every]
        names = [store.names[index] for store, index in every]
        files: dict[str, set[ImageSource]] = {}
        for name, path in zip(names, paths, strict=True):
            files.setdefault(name, set()).add(path)
        shown = [
            str(path) if len(files[name]) > 1 else name
            for name, path in zip(names, paths, strict=True)
        ]
        store = cls(paths, shown, depths.pop())
        store._digests = np.concatenate([part._digests[chosen] for part, chosen in parts])
        store._known = np.concatenate([part._known[chosen] for part, chosen in parts])
        store._needs = np.concatenate([part._needs[chosen] for part, chosen in parts])
        return store

    def part(self, indices: NDArray[np.int64]) -> FileStore:
        """Return some of the images, by absolute paths, with the depth of all."""
        unknown = indices[~self._known[indices]].tolist()
        heads = in_threads(lambda index: _head(self.paths[index]), unknown, self._at_once)
        if any(map(may_be_deep, heads)):
            super().digests(indices)
        # One part may not be read at another depth than the others.
        depth = self._depth() if self._needs[indices].any() else self.given_depth
        # The other process may have another working directory.
        paths = [_for_another_process(self.paths[index]) for index in indices]
        return FileStore(paths, [self.names[index] for index in indices], depth)

    def digest(self, index: int) -> bytes:
        """Return the SHA-256 of a file's content."""
        look = look_at(read_file(self.paths[index], self._called(index)), decoded=False)
        self._needs[index] = look.need
        return look.digest


def _head(path: ImageSource) -> bytes:
    try:
        if not isinstance(path, Path):
            return read_content(path)[:32]
        with path.open("rb") as file:
            return file.read(32)
    except (OSError, Unusable):
        return b""


def _for_another_process(path: ImageSource) -> ImageSource:
    if isinstance(path, Content):
        return path.for_another_process()
    return path.absolute() if isinstance(path, Path) else path

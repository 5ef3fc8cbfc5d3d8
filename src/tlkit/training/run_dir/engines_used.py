"""Which engine gave a training what: so that it goes on with the same numbers.

``engine="auto"`` takes the fastest, and of two that are as fast now the one, now the other. They
differ by a rounding error, which is enough for a resumed run to end with other weights.
"""

from __future__ import annotations

from pathlib import Path

from tlkit._disk.records import Record
from tlkit.errors import RunDirectoryError
from tlkit.training.run_dir.files import write_record

ENGINES = Record("tlkit engines used", 1)


class EngineNotes:
    """Names of engines by what they ran.

    Args:
        file: Where they are kept, and read where it exists; None to keep them nowhere.

    Raises:
        RunDirectoryError: The file is damaged.
    """

    def __init__(self, file: Path | None = None) -> None:
        self._file = file
        self._names: dict[str, str] = {}
        if file is None or not file.is_file():
            return
        try:
            self._names = ENGINES.read(file)
        except (OSError, ValueError) as error:
            raise RunDirectoryError(
                f"{file} is damaged: {error}. Delete it to go on; frozen work may then be run by "
                "another engine than before, and the weights differ by its rounding."
            ) from error

    def get(self, stage: str, role: str, trunk: str) -> str:
        """Return the name of the engine, empty where there is none.

        Args:
            stage: Name of the stage.
            role: ``"train"`` or ``"validation"``.
            trunk: Its fingerprint.
        """
        return self._names.get(_key(stage, role, trunk), "")

    def note(self, stage: str, role: str, trunk: str, name: str) -> None:
        """Keep the name of an engine; one in whose place it comes cannot run that trunk any more.

        Raises:
            RunDirectoryError: The file cannot be written.
        """
        key = _key(stage, role, trunk)
        gone = self._names.get(key)
        if gone == name:
            return
        for other in [x for x, known in self._names.items() if known == gone]:
            if other.endswith(trunk):
                del self._names[other]
        self._names[key] = name
        if self._file is not None:
            write_record(ENGINES, self._file, self._names)


def _key(stage: str, role: str, trunk: str) -> str:
    return f"{stage}: {role}: {trunk}"

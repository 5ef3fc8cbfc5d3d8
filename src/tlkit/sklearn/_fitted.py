"""What a fit gave, on its way into a pickle and out again, and what it says of pictures."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, TypedDict

import numpy as np
from numpy.typing import NDArray

from tlkit._keras.graph import Graph
from tlkit._keras.traces import predict_on_batch
from tlkit._keras.types import Model
from tlkit._progress import reporter_for
from tlkit._task import two_columns
from tlkit.data.dataset import ImageDataset
from tlkit.data.images import Images
from tlkit.errors import PredictionError
from tlkit.features.passes import Plan, extracted
from tlkit.features.store.store import open_store
from tlkit.features.trunk import Trunk
from tlkit.inference.opening import opened
from tlkit.inference.predictor import Predictor
from tlkit.training.result import TrainingResult

# The tail always gets so many rows, so that an output does not depend on its neighbours.
_BATCH = 32


class _State(TypedDict):
    told: TrainingResult
    file: bytes


class FittedModel:
    """A trained model that can be pickled: as the bytes of a ``.keras`` file with its names.

    No object of Keras is pickled. The file is read by ``keras.saving.load_model`` in its safe mode,
    when it is first asked for.

    Args:
        result: What the training gave.
    """

    def __init__(self, result: TrainingResult) -> None:
        self._told = result
        self._file: bytes | None = None

    def __getstate__(self) -> _State:
        file = self._file if self._file is not None else _as_bytes(self._told)
        return {"told": replace(self._told, model=None, snapshots={}), "file": file}

    def __setstate__(self, state: _State) -> None:
        self._told, self._file = state["told"], state["file"]

    @property
    def result(self) -> TrainingResult:
        """What the training gave."""
        if self._file is not None:
            self._told = replace(self._told, model=_from_bytes(self._file))
            self._file = None
        return self._told

    @property
    def depth(self) -> int | None:
        """At which depth pictures of more than 8 bits are read."""
        return self._told.depth

    def probabilities(
        self, images: ImageDataset, *, engine: str, cache: bool | str | Path, verbose: int
    ) -> NDArray[np.float32]:
        """Return the probability of each class, (n, classes).

        Where the model has a part that stayed frozen, its features are read from the store and put
        there, as in training.

        Args:
            images: The pictures.
            engine: What runs the frozen part.
            cache: Where its features are kept.
            verbose: 0 shows nothing, 1 a progress bar.

        Raises:
            DamagedImageError, PredictionError: A picture cannot be read.
        """
        if self.result.kept.cut is None:
            return self._whole(images, engine, cache, verbose)
        plan = Plan(engine, images_ahead=len(images), progress=reporter_for(verbose).step)
        trunk_model, tail = self._parts
        with open_store(cache) as store:
            trunk, scans = Trunk(trunk_model, store), store.scans()
            try:
                images.scan(scans, decoded=False).raise_if_any()
            finally:
                scans.save()
            pixels = Images(images, trunk.size).pixels
            rows = extracted(trunk, pixels, images.image_digests, plan).rows
            return two_columns(_outputs(tail, rows), len(self.result.class_names))

    @cached_property
    def _parts(self) -> tuple[Model, Model]:
        cut = self.result.kept.cut
        assert cut is not None
        graph = Graph.of(self.result.model)
        return graph.trunk(cut), graph.tail(cut)

    def _whole(
        self, images: ImageDataset, engine: str, cache: bool | str | Path, verbose: int
    ) -> NDArray[np.float32]:
        predictor = Predictor(self.result, engine=engine, cache=cache)
        rows = predictor.predict(images, top=None, verbose=verbose)
        if rows.failed:
            raise PredictionError(
                f"{len(rows.failed)} of {len(rows)} pictures have no answer, the first of them "
                f"{rows.failed[0]}. Mend it or leave it out; tlkit.Predictor passes over such."
            )
        column = {name: place for place, name in enumerate(predictor.class_names)}
        found = np.empty((len(rows), len(column)), np.float32)
        for place, row in enumerate(rows):
            found[place, [column[label] for label in row.labels]] = row.probabilities
        return found


def _outputs(tail: Model, rows: Any) -> NDArray[np.float32]:
    found = []
    for start in range(0, len(rows), _BATCH):
        part = rows[slice(start, start + _BATCH)]
        full = np.pad(part, [(0, _BATCH - len(part)), *[(0, 0)] * (part.ndim - 1)])
        found.append(np.asarray(predict_on_batch(tail, full))[: len(part)])
    return np.concatenate(found).astype(np.float32, copy=False)


def _as_bytes(result: TrainingResult) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "model.keras"
        result.save(file)
        return file.read_bytes()


def _from_bytes(content: bytes) -> Model:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "model.keras"
        file.write_bytes(content)
        return opened(file, None, None)[0]

"""Features of a data set from a frozen backbone, for a training to come or for work of your own."""

from __future__ import annotations

import weakref
from concurrent.futures import Executor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from tlkit._printing import Printed, one_line
from tlkit._progress import reporter_for
from tlkit.backbones.build import Backbone, ImageSize
from tlkit.data.batches import PixelCache
from tlkit.data.dataset import ImageDataset
from tlkit.data.expected import require_dataset
from tlkit.data.unlabelled import UnlabelledImages
from tlkit.errors import CutError
from tlkit.features.engines.precision import TrunkPrecision
from tlkit.features.passes import extracted
from tlkit.features.precision.check import PrecisionCheck
from tlkit.features.precision.sample import sample_of
from tlkit.features.settings import FrozenSettings
from tlkit.features.store.rows import FeatureRows
from tlkit.features.store.store import FeatureStore, open_store
from tlkit.freezing.head import Head
from tlkit.freezing.phase import Phase, prepare, selections
from tlkit.freezing.policies import FreezeAll
from tlkit.freezing.policy import Policy


@dataclass(frozen=True, repr=False)
class Features(Printed):
    """Features of images, with their labels; ``numpy.asarray(features)`` gives all of them.

    Args:
        rows: Features ``(n, ...)``; indexed like a NumPy array, read from disk where they are
            large.
        labels: Class number of each image, int64 ``(n,)``; None for images without labels.
        class_names: Names of the classes.
        cut: Name of the layer whose output they are.
        notes: Which engine computed them and why, or that they were read.
        precision: What the frozen part's precision does to them, where it is below float32 and was
            compared on this machine; None for float32.
    """

    rows: FeatureRows
    labels: NDArray[np.int64] | None
    class_names: tuple[str, ...]
    cut: str
    notes: tuple[str, ...]
    precision: PrecisionCheck | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the features, (n, ...)."""
        return self.rows.shape

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, indices: ArrayLike | slice) -> NDArray[Any]:
        """Return the features at some positions."""
        return self.rows[indices]

    def __repr__(self) -> str:
        return one_line(f"Features({self._what})")

    def __str__(self) -> str:
        return "\n".join([self._what, *(f"  {note}" for note in self.notes)])

    @property
    def _what(self) -> str:
        classes = len(self.class_names)
        of = "images without labels" if self.labels is None else f"{classes} classes"
        return f"{self.shape} of {of}, from layer {self.cut!r}"

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:
        return self.rows.__array__(dtype, copy)


def extract(
    backbone: Backbone,
    dataset: ImageDataset | UnlabelledImages,
    *,
    policy: Policy | None = None,
    image_size: ImageSize | None = None,
    weights: str | Path | None = "imagenet",
    preprocessing: str = "auto",
    engine: str = "auto",
    cache: bool | str | Path = True,
    feature_dtype: str = "float32",
    executor: Executor | None = None,
    trunk_precision: TrunkPrecision = "float32",
    seed: int = 0,
    verbose: int = 1,
) -> Features:
    """Compute the features of images once, and keep them where `StagedTrainer` looks for them.

    They are what the first trained layer of a stage gets: with `FreezeAll` the backbone's output,
    averaged over the picture. A trainer with the same backbone, settings and cache finds them, as
    does this function the next time, in this or another process.

    Args:
        backbone: As for `StagedTrainer`.
        dataset: The images, with labels or without.
        policy: Of the stage to come, which says how far it is frozen; ``FreezeAll()`` where None.
        image_size: As for `StagedTrainer`, and so are the next five.
        weights: Of the backbone.
        preprocessing: Of the images.
        engine: What runs the frozen part.
        cache: Where features are kept; False keeps them as long as what is returned.
        feature_dtype: As what they are stored.
        trunk_precision: At which the frozen part is run; these images are those of the training, on
            which int8 is calibrated and low precisions are compared with float32.
        executor: Whose workers share the work: `tlkit.ProcessExecutor`, any other
            ``concurrent.futures.Executor``, or ``Client.get_executor()`` of Dask. They need the
            same files and the same cache folder or address. What a worker fails to do is done here.
        seed: Random weights, where ``weights`` is None, follow from it.
        verbose: 0 shows nothing, 1 a progress bar.

    Returns:
        The features and, where there are any, labels, in the order of the images.

    Raises:
        CutError: Nothing of the model is frozen, or it cannot be cut.
        DamagedImageError: An image cannot be read.
        CacheError: The cache folder cannot be written.
        FeatureError: The executor's workers are forked copies of this process.
        EngineError: No engine can run the frozen part; none has that precision on this processor,
            or the frozen part does not stand it.

    Example:
        >>> import tlkit, tlkit.testing
        >>> data = tlkit.testing.tiny_dataset()
        >>> features = tlkit.extract(
        ...     tlkit.testing.tiny_backbone(), data, weights=None, cache=False, verbose=0)
        >>> features.shape, features.labels.shape
        ((48, 12), (48,))
    """
    if not isinstance(dataset, UnlabelledImages):
        require_dataset(dataset, "dataset")
    frozen = FrozenSettings(
        backbone,
        image_size=image_size,
        weights=weights,
        preprocessing=preprocessing,
        engine=engine,
        cache=cache,
        feature_dtype=feature_dtype,
        seed=seed,
        trunk_precision=trunk_precision,
    )
    phase = first_phase(frozen, policy or FreezeAll())
    assert phase.trunk is not None
    assert phase.cut is not None
    reporter = reporter_for(verbose)
    plan = frozen.plan(reporter.step, images_ahead=len(dataset), executor=executor)
    with ExitStack() as stack:
        store = stack.enter_context(open_store(cache))
        take_digests(dataset, store)
        height, width = phase.trunk.input_shape[1:3]
        pixels = PixelCache(dataset, (height, width))
        trunk = frozen.trunk(phase.trunk, store, sample_of(pixels, dataset), reporter.step)
        found = extracted(trunk, pixels, dataset.image_digests, plan)
        weakref.finalize(found.rows, stack.pop_all().close)
    if isinstance(dataset, UnlabelledImages):
        return Features(found.rows, None, (), phase.cut.name, found.notes, found.check)
    told = (dataset.labels, dataset.class_names, phase.cut.name, found.notes, found.check)
    return Features(found.rows, *told)


def take_digests(dataset: ImageDataset | UnlabelledImages, store: FeatureStore) -> None:
    """Find what identifies each image; whether it is whole will be seen where it is decoded."""
    scans = store.scans()
    try:
        dataset.scan(scans, decoded=False).raise_if_any()
    finally:
        scans.save()


def first_phase(frozen: FrozenSettings, policy: Policy) -> Phase:
    """Return the first phase of a stage of that policy, which has a trunk."""
    parts = frozen.assembled(Head(), 2)  # the trunk ends below the first layer to which it matters
    (_, _, chosen), *_ = selections(policy, parts, 1)
    phase = prepare(parts, chosen, policy)
    if phase.trunk is None:
        raise CutError(
            f"No part of {parts.model.name!r} can be computed once and kept under {policy!r}. "
            f"{phase.note or 'Its first layers are to be trained.'} Freeze more of it."
        )
    return phase

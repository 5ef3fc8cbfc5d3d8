"""What a search was asked for, and what it holds while it runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tlkit.data.labelled_images import LabelledImages
from tlkit.features.store.store import FeatureStore, open_store
from tlkit.training import _checks
from tlkit.training.run_dir.encoding import encoded
from tlkit.training.run_dir.run_directory import RunDirectory
from tlkit.training.run_dir.run_settings import run_settings
from tlkit.training.tuning._maker import Maker
from tlkit.training.tuning._space import Settings, Space


@dataclass(frozen=True, eq=False)
class Asked:
    """What a search was asked for.

    Args:
        train: Training images; with folds, all.
        validation: Validation images; None with folds.
        share: With folds, the share of a training's images that validates it, or None.
        test: Test images, or None.
        maker: Makes trainers.
        space: What is tried.
        settings: Of each trial, in order.
        size: Settings that there are.
        seconds: The budget; None for as long as it takes.
        folds: How many; None for validation images.
        metric: By which trials are scored.
        smaller: Whether less of it is better.
    """

    train: LabelledImages
    validation: LabelledImages | None
    share: float | None
    test: LabelledImages | None
    maker: Maker
    space: Space
    settings: tuple[Settings, ...]
    size: int
    seconds: float | None
    folds: int | None
    metric: str
    smaller: bool

    @property
    def several(self) -> bool:
        """Whether an image may have several labels."""
        return self.train.labels.ndim > 1

    @property
    def run_dir(self) -> Path | None:
        """Where the table is kept."""
        given = self.maker.given.get("run_dir")
        return None if given is None else Path(given)

    def look(self, store: FeatureStore) -> tuple[str, ...]:
        """Read all images once, and return what there is to say on them.

        Raises:
            DataError: Some are damaged.
        """
        if self.test is not None:
            self.test.check().raise_if_any()
        return _checks.check_images(store, self.train, self.validation)

    def opened(self) -> AbstractContextManager[FeatureStore]:
        """Return the store of features, open."""
        return open_store(self.maker.given.get("cache", True))

    @contextmanager
    def held(self, root: Path, *, resume: bool) -> Iterator[None]:
        """Hold the folder of the search, begun or gone on with.

        Raises:
            RunDirectoryError: It holds something else, is in use, or cannot be written.
        """
        run = RunDirectory(root)
        first = self.maker.trainer(self.settings[0])
        parts = (first.settings, first.head, first.stages, first.keep, first.start_from)
        asked = {
            "space": encoded(self.space),
            "make": encoded(self.maker.make),
            "trials": len(self.settings),
            "folds": self.folds,
            "share": self.share,
            "metric": self.metric,
        }
        with run.held():
            told = {"tune": asked, **run_settings(*parts, self.train, self.validation)}
            run.open(told, resume=resume)
            yield

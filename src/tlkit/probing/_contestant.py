"""A candidate's frozen network: how good its features are on some pictures, and what it costs."""

from __future__ import annotations

from concurrent.futures import Executor
from dataclasses import dataclass

import numpy as np

from tlkit._progress import Reporter
from tlkit._regression.nested import cross_validated
from tlkit._regression.regressions import Prepared
from tlkit._regression.standardized import Doubles, Floats
from tlkit.data.batches import PixelCache
from tlkit.data.dataset import ImageDataset
from tlkit.evaluation.evaluation import Evaluation
from tlkit.features.engines.comparison import timed
from tlkit.features.engines.keras_engine import BATCH, KerasEngine
from tlkit.features.extraction import first_phase
from tlkit.features.passes import extracted
from tlkit.features.precision.sample import sample_of
from tlkit.features.settings import FrozenSettings
from tlkit.features.store.store import FeatureStore
from tlkit.features.trunk import Trunk
from tlkit.freezing.policies import FreezeAll
from tlkit.probing._kept_probes import KeptProbes, probe_key
from tlkit.probing._pictures import evaluation_of
from tlkit.probing._rounds import Round
from tlkit.probing.ranked import Cost


@dataclass(frozen=True, eq=False)
class Contestant:
    """A candidate's network.

    Args:
        name: What the candidate is called.
        trunk: The network.
        settings: Of the network and its features.
        executor: Whose workers share the work.
        reporter: Shows how far it is.
        kept: Where finished probes are kept, and read; None to keep none.
    """

    name: str
    trunk: Trunk
    settings: FrozenSettings
    executor: Executor | None
    reporter: Reporter
    kept: KeptProbes | None = None

    @classmethod
    def built(
        cls,
        name: str,
        settings: FrozenSettings,
        store: FeatureStore,
        data: ImageDataset,
        executor: Executor | None,
        reporter: Reporter,
        kept: KeptProbes | None = None,
    ) -> Contestant:
        """Build a candidate's network; on the data a low precision is calibrated and compared."""
        phase = first_phase(settings, FreezeAll())
        assert phase.trunk is not None
        height, width = phase.trunk.input_shape[1:3]
        sample = sample_of(PixelCache(data, (height, width)), data)

        def show(what: str, done: int, total: int) -> None:
            reporter.step(f"{name}, {what}", done, total)

        trunk = settings.trunk(phase.trunk, store, sample, show)
        return cls(name, trunk, settings, executor, reporter, kept)

    def probed(self, part: Round) -> Evaluation:
        """Return the scores of a probe of a round's pictures, out of their folds.

        Raises:
            EngineError: Features are not finite, or no engine runs the network.
            DamagedImageError: A picture cannot be read.
            RunDirectoryError: It cannot be kept.
        """
        data = part.data
        plan = self.settings.plan(self._show, images_ahead=len(data), executor=self.executor)
        pixels = PixelCache(data, self.trunk.size)
        found = extracted(self.trunk, pixels, data.image_digests, plan)
        rows = np.array(found.rows, np.float32)
        return evaluation_of(data, self._probabilities(rows, part))

    def _probabilities(self, rows: Floats, part: Round) -> Doubles:
        """Return those of a probe: kept ones, or of a probe made now; ``rows`` may change."""
        if self.kept is None:
            return self._crossed(rows, part)
        classes = len(part.data.class_names)
        key = probe_key(rows, part.data.labels, part.folds, classes)
        found = self.kept.read(key, (len(rows), classes))
        if found is None:
            found = self._crossed(rows, part)
            self.kept.write(key, found)
        return found

    def _crossed(self, rows: Floats, part: Round) -> Doubles:
        def show(done: int, total: int) -> None:
            self._show("probe", done, total)

        pictures = Prepared.of(rows, part.data.labels, len(part.data.class_names))
        return cross_validated(pictures, part.folds, show, discriminant=True).probabilities

    def cost(self, data: ImageDataset) -> Cost:
        """Return what it costs; the time is measured on the first pictures, unless it is known."""
        ms = self.trunk.measured_ms.get(KerasEngine.name)
        if ms is None:
            pixels = PixelCache(data, self.trunk.size)
            few = pixels[np.arange(min(len(data), BATCH))]
            engine = self.trunk.choice(pixels, KerasEngine.name).engine
            engine.run(few)  # which compiles it
            ms = timed([engine], few)[engine.name]
        return Cost(ms, int(self.trunk.model.count_params()), self.trunk.bytes)

    def _show(self, what: str, done: int, total: int) -> None:
        self.reporter.step(f"{self.name}, {what}", done, total)

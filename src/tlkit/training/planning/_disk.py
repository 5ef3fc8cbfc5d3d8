"""What a training writes where, and whether there is room."""

from __future__ import annotations

import shutil
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

from tlkit.features.store.places import places_of
from tlkit.training.planning.plan import DiskNeed, size_text
from tlkit.training.planning.stage_plan import StagePlan

# A new checkpoint is written beside the one before, which goes then.
_CHECKPOINTS = 2


def disk_needs(
    cache: bool | str | Path, run_dir: Path | None, stages: Sequence[StagePlan], model: int
) -> Iterator[DiskNeed]:
    """Yield what is written, by folder.

    Args:
        cache: Where features go.
        run_dir: Where the run goes, or None.
        stages: Of the plan.
        model: Bytes of the model's weights.
    """
    features = sum(stage.feature_bytes for stage in stages)
    if features:
        root = places_of(cache)[0] or Path(tempfile.gettempdir())
        yield _need("features", root, features)
    ahead = sum(stage.epochs > 0 for stage in stages)
    if run_dir is not None and ahead:
        largest = max(stage.checkpoint_bytes for stage in stages)
        yield _need("run directory", run_dir, model * (ahead + 1) + _CHECKPOINTS * largest)


def warnings_of(disk: Sequence[DiskNeed]) -> Iterator[str]:
    """Yield what does not fit, for each disk on which it does not."""
    by_disk: dict[int, list[DiskNeed]] = defaultdict(list)
    for need in disk:
        by_disk[_existing(need.folder).stat().st_dev].append(need)
    for needs in by_disk.values():
        wanted, free = sum(need.bytes for need in needs), min(need.free for need in needs)
        if wanted > free:
            places = " and ".join(dict.fromkeys(str(need.folder) for need in needs))
            yield (
                f"not enough disk: {size_text(wanted)} will be written to {places}, where "
                f"{size_text(free)} are free. Free some space, or give another cache=PATH or "
                "run_dir."
            )


def _need(what: str, folder: Path, size: int) -> DiskNeed:
    return DiskNeed(what, folder, size, shutil.disk_usage(_existing(folder)).free)


def _existing(folder: Path) -> Path:
    """Return the folder, or the one above it that exists."""
    return next(place for place in (folder, *folder.absolute().parents) if place.exists())

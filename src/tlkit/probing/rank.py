"""rank_backbones: which backbone to take for some pictures, before anything is trained."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor
from functools import partial
from pathlib import Path

from tlkit._progress import reporter_for
from tlkit.backbones.build import ImageSize
from tlkit.data.dataset import ImageDataset
from tlkit.data.deals import deal_notes
from tlkit.features.engines.precision import TrunkPrecision
from tlkit.features.extraction import take_digests
from tlkit.features.settings import FrozenSettings
from tlkit.features.store.store import open_store
from tlkit.probing._contestant import Contestant
from tlkit.probing._field import field_of, no_candidate, possible
from tlkit.probing._kept_probes import KeptProbes
from tlkit.probing._pictures import check_counts, check_pictures
from tlkit.probing._race import Race
from tlkit.probing._ranking_text import on_unranked
from tlkit.probing._rounds import rounds_of
from tlkit.probing.candidate import Given
from tlkit.probing.ranking import Ranking


def rank_backbones(
    candidates: str | Sequence[Given] | None,
    data: ImageDataset,
    *,
    image_size: ImageSize | None = None,
    folds: int = 5,
    groups: Sequence[object] | None = None,
    engine: str = "auto",
    cache: bool | str | Path = True,
    feature_dtype: str = "float32",
    trunk_precision: TrunkPrecision = "float32",
    executor: Executor | None = None,
    checkpoint: str | Path | None = None,
    seed: int = 0,
    verbose: int = 1,
) -> Ranking:
    """Order backbones by how well their features tell pictures apart, without training them.

    Each is probed as by `tlkit.probe`, but little is spent on the hopeless. First all are probed on
    some of the pictures, at least 200 and 10 for each class. Then, the best of them first, each
    goes on with twice as many, and again, until it has seen all, or is clearly behind the best so
    far on the same pictures: by a paired comparison, `tlkit.compare`, that of equals would tell one
    apart in a thousand. Whoever is not told apart stays in. It is a race of models (O. Maron and
    A. W. Moore, "Hoeffding Races", NIPS 1993) on rounds that double, as in successive halving
    (K. Jamieson and A. Talwalkar, "Non-stochastic Best Arm Identification and Hyperparameter
    Optimization", AISTATS 2016), where instead half go out, told apart or not.

    Args:
        candidates: Names of backbones, ``(backbone, image_size)``, or `tlkit.Candidate` where more
            is to be said; or a pattern such as ``"efficientnet*"``, or None for all backbones. Of
            these last two, those take part whose weights are on this machine, and the others are
            listed with what they need.
        data: The pictures, with one class each.
        image_size: Of candidates that name none; the backbone's default where None.
        folds: As for `tlkit.probe`, and so are the others.
        groups: Of the pictures.
        engine: What computes features.
        cache: Where they are kept.
        feature_dtype: As what.
        trunk_precision: At which networks run, as for `tlkit.extract`. Int8 is calibrated for each,
            for half a minute, and pays for many pictures alone.
        executor: Whose workers share the work.
        checkpoint: Folder in which every finished probe is kept: a ranking that was interrupted
            goes on from them, and one of more candidates makes those of the new ones alone. It is
            made where it is not there. None keeps the features alone.
        seed: The folds follow from it, who is in the first rounds, and random weights.
        verbose: 0 shows nothing, 1 progress and a line for each candidate.

    Returns:
        The ranking; print it, `plot <Ranking.plot>` it, or read its ``rows``. A candidate that
        cannot be built is among its ``unranked``, with the reason.

    Raises:
        BackboneError: No candidate, one that is given twice, or none that can be built.
        DataError: As for `tlkit.probe`.
        SplitError: As for `tlkit.probe`.
        RunDirectoryError: ``checkpoint`` cannot be written.
        KeyboardInterrupt: After what is known so far was shown. Features stay, and with
            ``checkpoint`` the probes, so that a second call goes on from there.

    Example:
        >>> import tlkit, tlkit.testing
        >>> tiny = tlkit.testing.tiny_backbone()
        >>> sizes = [tlkit.Candidate(tiny, size, weights=None) for size in (8, 16)]
        >>> found = tlkit.rank_backbones(
        ...     sizes, tlkit.testing.tiny_dataset(), cache=False, verbose=0)
        >>> sorted(row.name for row in found.rows)
        ['tiny 16 px, random weights', 'tiny 8 px, random weights']
    """
    check_pictures(data)
    check_counts(folds, 1)
    entered = possible(field_of(candidates, image_size))
    kept = None if checkpoint is None else KeptProbes(Path(checkpoint))
    asked = partial(FrozenSettings, engine=engine, cache=cache, feature_dtype=feature_dtype)
    settings = {
        name: asked(**each.arguments, seed=seed, trunk_precision=trunk_precision)
        for name, each in entered.candidates.items()
    }
    rounds = rounds_of(data, folds, groups, seed)
    reporter = reporter_for(verbose)
    with open_store(cache) as store:
        take_digests(data, store)
        notes = tuple(deal_notes(data, rounds[-1].folds))
        for line in (*notes, *on_unranked(entered.unranked)):
            reporter.line(f"rank: {line}")

        def build(name: str) -> Contestant:
            return Contestant.built(name, settings[name], store, data, executor, reporter, kept)

        race = Race(rounds, build, reporter, list(entered.unranked))
        try:
            race.run(entered.candidates)
        except KeyboardInterrupt:
            reporter.line(f"So far:\n{race.ranking(notes) or 'nothing'}")
            raise
        found = race.ranking(notes)
    if found is None:
        raise no_candidate(race.unranked)
    return found

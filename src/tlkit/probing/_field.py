"""Who takes part in a ranking: those that are named, or those whose weights are here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from tlkit.backbones.build import ImageSize, checked_size
from tlkit.backbones.registry import get_backbone, list_backbones
from tlkit.backbones.spec import BackboneSpec
from tlkit.backbones.weights import keras_home, weights_file
from tlkit.backbones.weights_here import weights_in
from tlkit.errors import BackboneError, UnknownBackboneError
from tlkit.probing.candidate import Candidate, Given
from tlkit.probing.ranked import Unranked


@dataclass(frozen=True)
class Field:
    """Who takes part in a ranking.

    Args:
        candidates: By a name for each.
        unranked: Backbones that are known and take no part.
    """

    candidates: dict[str, Candidate]
    unranked: tuple[Unranked, ...] = ()


def field_of(given: str | Sequence[Given] | None, image_size: ImageSize | None) -> Field:
    """Return who takes part.

    Args:
        given: Candidates; or a pattern of `tlkit.list_backbones`, or None for all, of which those
            take part whose weights are on this machine.
        image_size: Of candidates that name none.

    Raises:
        BackboneError: No candidate, or one that is given twice, or something that is none.
        UnknownBackboneError: No backbone matches the pattern.
    """
    if given is None or (isinstance(given, str) and any(sign in given for sign in "*?[")):
        return _installed(given or "*", image_size)
    asked = [given] if isinstance(given, str) else list(given)
    if not asked:
        raise BackboneError(
            "candidates is empty; expected backbones, such as ['efficientnet_lite0', "
            "('mobilenet_v2', 160)], or None for all whose weights are on this machine."
        )
    return Field(_named([_sized(_candidate(each), image_size) for each in asked]))


def possible(entered: Field) -> Field:
    """Return who can take part, as far as that is clear before anything is built.

    Raises:
        BackboneError: Nobody can.
    """
    out = []
    for name, candidate in entered.candidates.items():
        try:
            _check(candidate)
        except BackboneError as error:
            out.append(Unranked(name, str(error)))
    gone = {each.name for each in out}
    left = {name: each for name, each in entered.candidates.items() if name not in gone}
    if not left:
        raise no_candidate(out)
    return Field(left, (*out, *entered.unranked))


def no_candidate(unranked: Sequence[Unranked]) -> BackboneError:
    """Return the error that says why nobody can be ranked."""
    reasons = "\n".join(f"{each.name}: {each.reason}" for each in unranked)
    return BackboneError(f"None of the candidates can be ranked.\n{reasons}")


def _check(candidate: Candidate) -> None:
    spec = candidate.backbone
    if isinstance(spec, str):
        spec = get_backbone(spec)
    if isinstance(spec, BackboneSpec):
        checked_size(spec, candidate.image_size)
        weights_file(spec, candidate.weights)


def _candidate(given: Given) -> Candidate:
    if isinstance(given, Candidate):
        return given
    if isinstance(given, (str, BackboneSpec)) or callable(given):
        return Candidate(given)
    if isinstance(given, (tuple, list)) and len(given) == 2:
        return Candidate(*given)
    raise BackboneError(
        f"A candidate is {given!r}; expected a backbone, (backbone, image_size), or "
        "tlkit.Candidate(backbone, image_size=, weights=, preprocessing=)."
    )


def _sized(candidate: Candidate, image_size: ImageSize | None) -> Candidate:
    """Return the candidate with its size written out, where that is known without building it."""
    size = candidate.image_size or image_size or _default_size(candidate)
    return replace(candidate, image_size=size)


def _default_size(candidate: Candidate) -> int | None:
    given = candidate.backbone
    if isinstance(given, str):
        try:
            given = get_backbone(given)
        except BackboneError:  # `possible` tells it
            return None
    return given.default_size if isinstance(given, BackboneSpec) else None


def _named(candidates: Sequence[Candidate]) -> dict[str, Candidate]:
    """Return candidates by name; of two that are called the same, the second gets a number."""
    named: dict[str, Candidate] = {}
    seen: Counter[str] = Counter()
    for candidate in candidates:
        if candidate in named.values():
            raise BackboneError(f"{candidate} is a candidate twice; give each once.")
        name = str(candidate)
        seen[name] += 1
        named[name if seen[name] == 1 else f"{name} ({seen[name]})"] = candidate
    return named


def _installed(pattern: str, image_size: ImageSize | None) -> Field:
    listed = list_backbones(pattern)
    if not listed:
        raise UnknownBackboneError(
            f"No backbone's name matches {pattern!r}. tlkit.list_backbones() lists all."
        )
    folder = keras_home() / "models"
    own = [spec for spec in listed if spec.distribution == "tlkit"]
    here = weights_in(folder, own)
    missing = [
        Unranked(spec.name, "has no pretrained weights") for spec in listed if not spec.weights
    ]
    missing += [
        Unranked(
            spec.name,
            f"its weights are not in {folder}; Keras downloads them for candidates that are named",
        )
        for spec in own
        if spec.weights and spec.name not in here
    ]
    left = {each.name for each in missing}
    taken = [
        _sized(Candidate(spec.name, weights=spec.weights[0]), image_size)
        for spec in listed
        if spec.name not in left
    ]
    if not taken:
        raise BackboneError(
            f"No backbone that matches {pattern!r} has its weights on this machine, in {folder} or "
            "in a plugin. Name candidates, which Keras then downloads; or install a plugin that "
            "brings weights, such as tlkit-efficientnet-lite."
        )
    return Field(_named(taken), tuple(missing))

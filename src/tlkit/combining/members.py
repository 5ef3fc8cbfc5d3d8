"""The models that are combined, looked at before anything is run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import combinations
from os import PathLike
from typing import Any, TypeAlias

import numpy as np

from tlkit._keras.graph import Graph
from tlkit._keras.types import ModelOrResult
from tlkit._task import Task
from tlkit.data.class_names import positions
from tlkit.errors import CombiningError, CutError
from tlkit.inference.contract import ModelContract
from tlkit.inference.opening import opened
from tlkit.inference.usable_model import UsableModel

Given: TypeAlias = ModelOrResult | str | PathLike[str]
Several: TypeAlias = Mapping[str, Given] | Sequence[Given]


@dataclass(frozen=True, eq=False)
class Member(UsableModel):
    """One of the models.

    Args:
        name: What it is called.
        model: A ``keras.Model`` with a graph, one input and one output, of finite weights.
        contract: Its classes, and how its pictures are read.
    """

    name: str
    model: Any
    contract: ModelContract

    @property
    def class_names(self) -> tuple[str, ...]:
        """What its outputs are of, in order."""
        return self.contract.class_names

    @property
    def task(self) -> Task:
        """What it tells of an image."""
        return self.contract.task

    @property
    def thresholds(self) -> tuple[float, ...] | None:
        """From which probability on an image is given each label; None for 0.5."""
        return self.contract.thresholds

    @cached_property
    def graph(self) -> Graph:
        """Its model as a flat list of steps."""
        return Graph.of(self.model)


def members_of(given: Several, made: str) -> tuple[Member, ...]:
    """Return models that can be combined: two or more of the same classes, read alike.

    Args:
        given: By name, or in a sequence, where they are called "model 1", "model 2", ...
        made: What is made of them, whose name none of them may have.

    Raises:
        CombiningError: They cannot; the message says which and why.
        PredictionError: One is no model, or does not know its classes.
    """
    named = _by_name(given)
    if made in named:
        raise CombiningError(f"A model is called {made!r}, as what is made of them. Rename it.")
    members = tuple(_member(name, each) for name, each in named.items())
    for one, other in combinations(members, 2):
        if one.model is other.model:
            raise CombiningError(
                f"{one.name!r} and {other.name!r} are the same model. Give each model once."
            )
    for other in members[1:]:
        _check_alike(members[0], other)
    return members


def joint_contract(members: Sequence[Member]) -> tuple[ModelContract, tuple[str, ...]]:
    """Return the contract of all together, as the first numbers the classes, and what to say of it.

    Args:
        members: As `members_of` gives them, of one image size.
    """
    first = members[0].contract
    if all(_thresholds(member) == _thresholds(members[0]) for member in members):
        return first, ()
    note = (
        "The models have different thresholds, so this one has none and labels are given from 0.5 "
        "on: choose new ones, tlkit.evaluate(this, validation).best_thresholds()."
    )
    return replace(first, thresholds=None), (note,)


def _thresholds(member: Member) -> dict[str, float] | None:
    cuts = member.thresholds
    return None if cuts is None else dict(zip(member.class_names, cuts, strict=True))


def _by_name(given: Several) -> dict[str, Any]:
    if isinstance(given, Mapping):
        named = dict(given)
    elif isinstance(given, Sequence) and not isinstance(given, str):
        named = {f"model {number}": each for number, each in enumerate(given, 1)}
    else:
        raise CombiningError(
            f"received a {type(given).__name__}; expected several models in a list, or by name: "
            "[result, result.after(5)] or {'seed 0': result, 'seed 1': other}."
        )
    if len(named) < 2:
        raise CombiningError(
            f"received {len(named)} model{'s' * (len(named) != 1)}; expected two or more. Train "
            "again with another seed=, or keep snapshots= of one training."
        )
    if not all(isinstance(name, str) for name in named):
        raise CombiningError(
            f"received models of the names {list(named)}; expected text, such as "
            "{'seed 0': result, 'seed 1': other}, or a list."
        )
    return named


def _member(name: str, given: Given) -> Member:
    model, contract = opened(given, None, None)
    member = Member(name, model, contract)
    try:
        Graph.of(model, inner=False)
    except CutError as error:
        raise CombiningError(
            f"{name!r} cannot be combined: {error} Give Functional or Sequential models."
        ) from error
    for weight in model.weights:
        array = np.asarray(weight)
        if not np.isfinite(array.astype(np.float32, copy=False)).all():
            raise CombiningError(
                f"{name!r} has weights that are not finite, in {weight.path!r}: its training went "
                "wrong. Leave it out."
            )
    return member


def _check_alike(first: Member, other: Member) -> None:
    words = (repr(first.name), repr(other.name))
    positions(
        first.class_names,
        other.class_names,
        words=words,
        way_out="Models are combined that know the same classes.",
        error=CombiningError,
    )
    for what, hint in (
        ("task", "Train them with the same head"),
        ("fit", "Train them on pictures of the same fit="),
        ("depth", "Train them on pictures of the same depth="),
    ):
        values = [getattr(each.contract, what) for each in (first, other)]
        if values[0] != values[1]:
            raise CombiningError(
                f"{words[0]} has {what}={str(values[0])!r} and {words[1]} {what}="
                f"{str(values[1])!r}: they do not take or give the same. {hint}, or leave one out."
            )

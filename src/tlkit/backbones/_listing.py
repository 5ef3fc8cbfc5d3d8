"""A listing of backbones that reads as a table."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from tlkit._plugins.listing import Column, SpecList
from tlkit.backbones.spec import BackboneSpec


class BackboneList(SpecList[BackboneSpec]):
    """Backbones: a tuple of `BackboneSpec` that prints as a table."""

    columns = (
        Column[BackboneSpec]("name", lambda spec: spec.name),
        Column[BackboneSpec]("family", lambda spec: spec.family),
        Column[BackboneSpec]("pixels", lambda spec: str(spec.default_size), is_number=True),
        Column[BackboneSpec]("least", lambda spec: str(spec.min_size), is_number=True),
        Column[BackboneSpec]("features", lambda spec: str(spec.feature_count), is_number=True),
        Column[BackboneSpec]("parameters", lambda spec: f"{spec.parameters:,}", is_number=True),
        Column[BackboneSpec]("top-1", lambda spec: _accuracy(spec.top1), is_number=True),
        Column[BackboneSpec]("input", lambda spec: spec.preprocessing),
        Column[BackboneSpec]("weights", lambda spec: ", ".join(spec.weights)),
        Column[BackboneSpec]("licence", lambda spec: spec.weights_license),
        Column[BackboneSpec]("distribution", lambda spec: spec.distribution),
    )
    way_out = "Ask for a backbone of one of them as '{first}:NAME'."

    def to_dataframe(self) -> Any:
        """Return a pandas.DataFrame with a row for each backbone and a column for each fact.

        Returns:
            The fields of `BackboneSpec` but ``build``, indexed by name.
        """
        import pandas as pd

        names = [each.name for each in fields(BackboneSpec) if each.name != "build"]
        rows = [{name: getattr(spec, name) for name in names} for spec in self]
        return pd.DataFrame(rows, columns=names).set_index("name")


def _accuracy(top1: float | None) -> str:
    return "" if top1 is None else f"{top1:.3f}"

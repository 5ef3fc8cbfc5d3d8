"""The checks as tests of pytest, one for each backbone and check."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tlkit.backbones.spec import BackboneSpec
from tlkit.errors import PluginError
from tlkit.testing.kit import BACKBONE_CHECKS, as_spec, checked_waivers
from tlkit.testing.subject import Subject

if TYPE_CHECKING:
    import pytest


def parametrize_backbones(
    backbones: str | BackboneSpec | Iterable[str | BackboneSpec],
    *,
    waived: Mapping[str, str] | None = None,
) -> pytest.MarkDecorator:
    """Make a test function one test for each backbone and check.

    The function takes one argument, ``check``, and calls it. Tests are named after backbone and
    check, such as ``mynet_small-trunk_and_tail``. Those of one backbone share its model.

    Args:
        backbones: Names of installed backbones or specs; one or several.
        waived: Checks that all of these backbones may fail, each with the reason. They become
            ``xfail(strict=True)``: a waiver that is no longer needed fails. Where backbones
            need different waivers, write a test function for each group.

    Returns:
        A decorator of pytest.

    Raises:
        PluginError: No backbone at all, a waiver for a check that does not exist, or one
            without a reason.
        UnknownBackboneError: No installed backbone has that name.

    Example:
        >>> from tlkit.testing import parametrize_backbones, tiny_backbone
        >>> @parametrize_backbones(tiny_backbone())
        ... def test_my_backbone(check):
        ...     check()
    """
    import pytest

    specs = _specs(backbones)
    reasons = checked_waivers(waived)
    params = [
        pytest.param(
            BackboneCheck(spec, name),
            id=f"{spec.name}-{name}",
            marks=[pytest.mark.xfail(strict=True, reason=reasons[name])] if name in reasons else [],
        )
        for spec in specs
        for name in BACKBONE_CHECKS
    ]
    return pytest.mark.parametrize("check", params)


@dataclass(frozen=True)
class BackboneCheck:
    """One check of one backbone, to be called.

    Args:
        spec: The backbone.
        name: The check's name in ``BACKBONE_CHECKS``.
    """

    spec: BackboneSpec
    name: str

    def __call__(self) -> None:
        """Run the check.

        Raises:
            BackboneCheckError: The backbone fails it.
        """
        BACKBONE_CHECKS[self.name](_shared.subject(self.spec))


class SharedSubject:
    """Keep one subject, which the tests of one backbone share as they run in a row."""

    def __init__(self) -> None:
        self._subject: Subject | None = None

    def subject(self, spec: BackboneSpec) -> Subject:
        """Return the subject of a spec; that of another spec gives its memory back first."""
        if self._subject is None or self._subject.spec is not spec:
            if self._subject is not None:
                self._subject.release()
            self._subject = Subject(spec)
        return self._subject


_shared = SharedSubject()


def _specs(backbones: str | BackboneSpec | Iterable[str | BackboneSpec]) -> list[BackboneSpec]:
    if isinstance(backbones, (str, BackboneSpec)) or not isinstance(backbones, Iterable):
        return [as_spec(backbones)]
    specs = [as_spec(each) for each in backbones]
    if not specs:
        raise PluginError(
            "parametrize_backbones received no backbone, expected at least one: pytest would skip "
            "the test in silence. Look at tlkit.list_backbones() for what is installed."
        )
    return specs

"""All checks of a backbone in one call, and the list of them."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Mapping
from types import MappingProxyType

from tlkit.backbones.registry import get_backbone
from tlkit.backbones.spec import BackboneSpec
from tlkit.errors import PluginError
from tlkit.testing._checks.figures import spec_figures
from tlkit.testing._checks.graph import save_and_load, stock_layers, trunk_and_tail
from tlkit.testing._checks.images import input_range
from tlkit.testing._checks.inference import batch_independence, frozen_stays
from tlkit.testing._checks.light import light_import
from tlkit.testing._checks.offline import builds_offline, named_weights
from tlkit.testing._checks.shapes import feature_shape, sizes
from tlkit.testing.failure import BackboneCheckError, in_short
from tlkit.testing.report import CheckReport, CheckResult
from tlkit.testing.subject import Subject

Check = Callable[[Subject], str | None]

_CHECKS: tuple[Check, ...] = (
    light_import,
    builds_offline,
    named_weights,
    sizes,
    feature_shape,
    batch_independence,
    frozen_stays,
    trunk_and_tail,
    save_and_load,
    stock_layers,
    input_range,
    spec_figures,
)
BACKBONE_CHECKS: Mapping[str, Check] = MappingProxyType({c.__name__: c for c in _CHECKS})


def check_backbone(
    backbone: str | BackboneSpec, *, waived: Mapping[str, str] | None = None
) -> CheckReport:
    """Run every check of ``BACKBONE_CHECKS`` on a backbone, with random weights and no download.

    Args:
        backbone: The name of an installed backbone, or a `tlkit.BackboneSpec`.
        waived: Checks that it may fail, each with the reason. They are run all the same: a
            waiver that is no longer needed fails.

    Returns:
        What each check found; ``print`` shows it as a table.

    Raises:
        BackboneCheckError: Some checks fail. The message names them all, and ``error.report``
            has all results; the first failure is the cause.
        PluginError: A waiver for a check that does not exist, or without a reason.
        UnknownBackboneError: No installed backbone has that name.

    Example:
        >>> from tlkit.testing import check_backbone, tiny_backbone
        >>> report = check_backbone(tiny_backbone())
        >>> report.results[-1].name, report.results[-1].outcome
        ('spec_figures', 'passed')
    """
    spec, waived = as_spec(backbone), checked_waivers(waived)
    subject = Subject(spec)
    try:
        results = [_result(name, subject, waived.get(name)) for name in BACKBONE_CHECKS]
    finally:
        subject.release()
    report = CheckReport(spec.name, tuple(results))
    if report.failed:
        raise BackboneCheckError(_message(report), report) from report.failed[0].error
    return report


def as_spec(backbone: object) -> BackboneSpec:
    """Return the spec of a backbone that is given by name or as a spec.

    Raises:
        PluginError: It is given as something else.
    """
    if isinstance(backbone, str):
        return get_backbone(backbone)
    if not isinstance(backbone, BackboneSpec):
        raise PluginError(
            f"Received {backbone!r} to check, expected the name of an installed backbone or a "
            "BackboneSpec. Give what your hook tlkit_backbones returns, one by one."
        )
    return backbone


def checked_waivers(waived: Mapping[str, str] | None) -> Mapping[str, str]:
    """Return the waivers if each names a check and gives a reason.

    Raises:
        PluginError: One does not.
    """
    waived = waived or {}
    for name, reason in waived.items():
        if name not in BACKBONE_CHECKS:
            raise PluginError(
                f"waived names the check {name!r}, expected one of {', '.join(BACKBONE_CHECKS)}. "
                "Correct the name, or drop it."
            )
        if not isinstance(reason, str) or not reason.strip():
            raise PluginError(
                f"waived[{name!r}]={reason!r}, expected the reason why the backbone may fail it. "
                "Say why, or drop the waiver."
            )
    return waived


def _result(name: str, subject: Subject, reason: str | None) -> CheckResult:
    started = time.perf_counter()
    note, error = _outcome(BACKBONE_CHECKS[name], subject)
    seconds = time.perf_counter() - started
    if error is None and reason is not None:
        note = f"It passes, and it is waived: {reason}\nRemove the waiver, which hides nothing."
        error = BackboneCheckError(note)
    elif error is not None and reason is not None:
        return CheckResult(name, "waived", seconds, reason)
    return CheckResult(name, "failed" if error else "passed", seconds, note, error)


def _outcome(check: Check, subject: Subject) -> tuple[str, Exception | None]:
    """Return a check's note, and its error where it fails."""
    try:
        return check(subject) or "", None
    except BackboneCheckError as error:
        return str(error), _without_locals(error)
    except Exception as error:  # noqa: BLE001 - whatever a plugin raises fails this check only
        return in_short(error), _without_locals(error)


def _without_locals(error: Exception) -> Exception:
    """Return an error whose traceback names the lines but keeps no model in memory."""
    traceback.clear_frames(error.__traceback__)
    return error


def _message(report: CheckReport) -> str:
    named: dict[str, list[str]] = {}
    for result in report.failed:
        named.setdefault(result.note, []).append(result.name)
    # One fault that fails several checks, such as a model that cannot be built, is told once.
    faults = "\n".join(f"* {', '.join(names)}: {note}" for note, names in named.items())
    return (
        f"{report.backbone!r} fails {len(report.failed)} of {len(report.results)} checks:\n"
        f"{faults}\nRepair the plugin, or waive a check with the reason: "
        f"waived={{{report.failed[0].name!r}: 'why'}}."
    )

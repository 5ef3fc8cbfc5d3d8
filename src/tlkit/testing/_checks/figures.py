"""What the spec says about the backbone is true."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tlkit.backbones.spec import BackboneSpec
from tlkit.testing.failure import expect
from tlkit.testing.subject import Subject

_ADDRESS = re.compile(r"https?://[^\s/]+\.[^\s/]+(/\S*)?")


def spec_figures(subject: Subject) -> None:
    """Require that its counts are the model's, and its facts are in range and have a source."""
    spec, model = subject.spec, subject.model
    figures = {"parameters": model.count_params(), "feature_count": model.output_shape[-1]}
    wrong = [
        f"{name}={getattr(spec, name)}, and the model of {spec.min_size} pixels has {found}."
        for name, found in figures.items()
        if getattr(spec, name) != found
    ]
    wrong += _wrong_facts(spec)
    expect(not wrong, "\n".join([*wrong, "Correct the BackboneSpec."]))


def _wrong_facts(spec: BackboneSpec) -> Iterator[str]:
    weights = spec.weights
    if not isinstance(weights, tuple) or not all(isinstance(w, str) and w for w in weights):
        yield f"weights={weights!r}, expected a tuple of names such as ('imagenet',)."
    if spec.top1 is not None and not 0 < spec.top1 < 1:
        yield f"top1={spec.top1!r}, expected a share between 0 and 1, such as 0.751."
    if spec.top1 is not None and not spec.top1_source:
        yield f"top1={spec.top1!r} without top1_source, expected where it was published."
    for name in ("paper", "top1_source"):
        address = getattr(spec, name)
        if address and not _ADDRESS.fullmatch(address):
            yield f"{name}={address!r}, expected an address that begins with https://."

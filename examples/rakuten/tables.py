"""The study's tables with our figures beside the published ones, and an honest summary."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from foretold import agreement
from outcome import Outcome
from published import BENCHMARK, CLASS_SIZES, LEARNING_RATES, SOURCE, STAGES
from study import Study

import tlkit
from tlkit.evaluation.evaluation import Evaluation

NOT_RAKUTEN = (
    "Measured on {data}, not on the Rakuten images: the published figures are shown for the "
    "shape of the study, and the two columns cannot be compared."
)
# What a step from one stage to another answers.
QUESTIONS = (
    ("Did augmentation help?", 1, 2),
    ("Did fine-tuning at 1e-5 help?", 2, 3),
    ("Did the learning rate of stage 4 help the fine-tuning?", 3, 5),
)


def markdown(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table with aligned columns."""
    lines = [list(header), ["-" * len(name) for name in header], *map(list, rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(header))]
    lines[1] = ["-" * width for width in widths]
    return "\n".join(
        "| " + " | ".join(cell.ljust(w) for cell, w in zip(line, widths, strict=True)) + " |"
        for line in lines
    )


def stage_one_table(study: Study) -> str:
    """Return stage 1: each candidate, its published and its measured weighted F1."""
    rows = []
    for outcome in (o for o in study.outcomes if o.stage == 1):
        trial = outcome.trial
        published = trial.published if outcome.preprocessing == "unit" else None
        rows.append(
            (
                trial.backbone,
                outcome.preprocessing,
                f"{trial.image_size}/{trial.epochs}/{trial.batch_size}",
                _figure(published, 2),
                _figure(_f1(outcome)),
                _interval(outcome),
                f"{outcome.seconds:.0f} s",
            )
        )
    rows.sort(key=lambda row: row[4], reverse=True)
    header = ("Backbone", "preprocessing", "size/epochs/batch", "published", "measured",
              "95 % interval", "time")  # fmt: skip
    return markdown(header, rows)


def stages_table(study: Study) -> str:
    """Return weighted F1 by backbone and stage, published and measured side by side."""
    measured = [trial.backbone for trial in study.best_trials()]
    rows = []
    for backbone in dict.fromkeys([*measured, *STAGES]):
        cells = [backbone]
        for stage in (1, 2, 3, 5):
            ours = study.outcome(stage, backbone)
            cells += [_figure(STAGES.get(backbone, {}).get(stage), 2), _figure(ours and _f1(ours))]
        rows.append(cells)
    header = ["Backbone"]
    for stage in (1, 2, 3, 5):
        header += [f"stage {stage} published", f"stage {stage} measured"]
    return markdown(header, rows)


def learning_rate_table(study: Study) -> str:
    """Return stage 4: the learning rates, published and found here."""
    rows = []
    found = [trial.backbone for trial in study.best_trials()]
    for backbone in dict.fromkeys([*found, *LEARNING_RATES]):
        sweep = study.outcome(4, backbone)
        curve = sweep.curve if sweep else None
        rows.append(
            (
                backbone,
                f"{LEARNING_RATES[backbone]:.2g}" if backbone in LEARNING_RATES else "-",
                f"{curve.suggestion:.2g}" if curve else "-",
                f"{sweep.seconds:.0f} s" if sweep else "-",
            )
        )
    return markdown(("Backbone", "published", "measured", "time"), rows)


def baseline(study: Study) -> Evaluation:
    """Return what always guessing the most frequent training class reaches."""
    evaluation = study.ranking()[0].evaluation
    assert evaluation is not None
    return evaluation.baseline(study.train)


def summary(study: Study, data: str) -> str:
    """Return what the study showed, in plain sentences."""
    lines = [f"Weighted F1 on {len(study.validation)} validation images of {data}:"]
    lines += [
        f"  always the most frequent class            {baseline(study).weighted_f1:.4f}",
        *(f"  {_label(o):<42}{_f1(o):.4f}  {_interval(o)}" for o in _scored(study)),
    ]
    if study.ranked is not None:
        lines += ["", agreement(study)]
    lines += ["", *_questions(study), "", "Time by stage:"]
    seconds: dict[int, float] = defaultdict(float)
    for outcome in study.outcomes:
        seconds[outcome.stage] += outcome.seconds
    lines += [f"  stage {stage}: {spent:.0f} s" for stage, spent in sorted(seconds.items())]
    lines.append(f"  all:     {sum(seconds.values()):.0f} s")
    if not is_rakuten_study(study):
        lines += ["", NOT_RAKUTEN.format(data=data)]
    return "\n".join(lines)


def is_rakuten_study(study: Study) -> bool:
    """Return whether both parts together are the challenge's images."""
    counts = {
        name: count + study.validation.class_counts[name]
        for name, count in study.train.class_counts.items()
    }
    return counts == {str(code): size for code, size in CLASS_SIZES.items()}


def classes_below_benchmark(study: Study, outcome: Outcome) -> str:
    """Return the classes whose F1 is below the challenge's benchmark for images."""
    assert outcome.evaluation is not None
    weak = [row for row in outcome.evaluation.per_class if row.f1 < BENCHMARK]
    names = ", ".join(f"{row.name} {row.f1:.2f}" for row in sorted(weak, key=lambda r: r.f1))
    return f"{len(weak)} of {len(study.train.class_names)} classes below F1 {BENCHMARK}: {names}"


def best_outcome(study: Study) -> Outcome:
    """Return the outcome with the largest weighted F1, other preprocessing left aside."""
    mode = study.profile.preprocessing
    return max((o for o in _scored(study) if o.preprocessing == mode), key=_f1)


def document(study: Study, data: str, command: str) -> str:
    """Return all tables as one Markdown page."""
    warning = "" if is_rakuten_study(study) else NOT_RAKUTEN.format(data=data) + "\n\n"
    best = best_outcome(study)
    return (
        f"# The five-stage study\n\nMeasured on {data}, profile `{study.profile.name}`, with "
        f"`{command}`. Published figures: {SOURCE}.\n\n{warning}"
        f"{_stage_zero(study)}## Stage 1: candidates\n\n"
        f"Weighted F1, frozen backbone, no augmentation.\n\n"
        f"{stage_one_table(study)}\n\n"
        f"## Stages 1, 2, 3 and 5\n\nWeighted F1; - where nothing was published or run.\n\n"
        f"{stages_table(study)}\n\n## Stage 4: learning rates\n\n{learning_rate_table(study)}\n\n"
        f"## What it showed\n\n```text\n{summary(study, data)}\n```\n\n"
        f"## Where the best model fails\n\n{_label(best)}: {classes_below_benchmark(study, best)}."
        f"\n\n```text\n{best.evaluation.per_class}\n```\n"  # type: ignore[union-attr]
    )


def _stage_zero(study: Study) -> str:
    if study.ranked is None:
        return ""
    return (
        "## Stage 0: the candidates before training\n\nOn the training images alone.\n\n"
        f"```text\n{study.ranked}\n```\n\n"
    )


def _questions(study: Study) -> list[str]:
    lines = []
    for question, before, after in QUESTIONS:
        for trial in study.best_trials():
            a, b = study.outcome(before, trial.backbone), study.outcome(after, trial.backbone)
            if a is not None and b is not None:
                lines.append(
                    f"{question} {trial.backbone}, stage {before} to {after}: {_gain(a, b)}"
                )
    return [*lines, *_preprocessing(study)]


def _preprocessing(study: Study) -> list[str]:
    others = [o for o in study.outcomes if o.stage == 1]
    others = [o for o in others if o.preprocessing != study.profile.preprocessing]
    lines = []
    for other in others:
        ours = next(o for o in study.ranking() if o.trial == other.trial)
        unit, auto = (other, ours) if other.preprocessing == "unit" else (ours, other)
        lines.append(
            f"Is the preprocessing that {other.trial.backbone} was trained with better than "
            f"pixels in [0, 1]? {_gain(unit, auto)}"
        )
    return lines


def _gain(before: Outcome, after: Outcome) -> str:
    """Return the gain with its paired interval, and whether it is more than chance."""
    comparison = tlkit.compare({"before": before.evaluation, "after": after.evaluation})
    low, high = _paired(comparison)
    gain = 100 * (_f1(after) - _f1(before))
    if low > 0:
        verdict = "yes"
    elif high < 0:
        verdict = "no, it made things worse"
    else:
        verdict = "no difference can be claimed"
    return f"{verdict}; {gain:+.1f} points [{100 * low:+.1f}, {100 * high:+.1f}]"


def _paired(comparison: Any) -> tuple[float, float]:
    """Return the interval of after minus before."""
    (pair,) = comparison.pairs
    low, high = pair.interval
    return (low, high) if pair.better == "after" else (-high, -low)


def _scored(study: Study) -> list[Outcome]:
    return [outcome for outcome in study.outcomes if outcome.evaluation is not None]


def _f1(outcome: Outcome) -> float:
    assert outcome.evaluation is not None
    return outcome.evaluation.weighted_f1


def _interval(outcome: Outcome) -> str:
    assert outcome.evaluation is not None
    low, high = outcome.evaluation.interval("weighted_f1")
    return f"[{low:.3f}, {high:.3f}]"


def _label(outcome: Outcome) -> str:
    mode = " (unit)" if outcome.preprocessing == "unit" else ""
    return f"stage {outcome.stage} {outcome.trial.backbone}{mode} {outcome.trial.image_size} px"


def _figure(value: float | None, digits: int = 4) -> str:
    return "-" if value is None else f"{value:.{digits}f}"

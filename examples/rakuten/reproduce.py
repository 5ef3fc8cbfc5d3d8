"""Reproduce a published five-stage transfer-learning study, on the sample or on the real data.

The sample ships with this example and needs no registration; the real images come from
https://challengedata.ens.fr/challenges/35. Published figures are printed beside measured ones.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import shlex
import shutil
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

# Keras and TensorFlow say a great deal on standard error that is of no use here.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
logging.getLogger("tensorflow").setLevel(logging.ERROR)

from challenge import read_challenge  # noqa: E402
from command_line import SAMPLE, parser, with_needed  # noqa: E402
from executors import executor_of  # noqa: E402
from out_folder import full_disk_told, open_out  # noqa: E402
from protocol import PROFILES, Profile, choose  # noqa: E402
from study import Study  # noqa: E402

import tlkit  # noqa: E402
from tlkit.errors import TlkitError  # noqa: E402
from tlkit.features.store.store import open_store  # noqa: E402


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the study and return the exit status: 0, 1 for an error, 130 for Ctrl-C."""
    options = parser(__doc__).parse_args(arguments)
    try:
        with full_disk_told():
            run(options)
    except TlkitError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(
            f"\nStopped. What is finished is in {options.out}; the same command with --resume "
            "goes on from the last finished epoch.",
            file=sys.stderr,
        )
        return 130
    return 0


def run(options: argparse.Namespace) -> None:
    """Check everything that can be checked first, run the study, write what it gave."""
    profile = choose(
        PROFILES[options.profile], options.backbones, options.image_size, options.preprocessing
    )
    stages = with_needed(options.stages)
    if options.executor is not None:  # workers begin in other folders
        options.data, options.out = options.data.absolute(), options.out.absolute()
    say(f"reading {options.data}")
    dataset = read_challenge(options.data)
    if options.plan is not None:
        show_plan(options, profile, dataset)
        return
    check = look_at(dataset)
    dataset = whole_images(dataset, check, skip=options.skip_damaged)
    name = data_name(options.data, dataset)
    train, validation = dataset.split(0.2, seed=options.seed, stratify=profile.stratify)
    weights = dict(options.weights)
    check_backbones(profile, weights)
    settings = {
        "tlkit": tlkit.__version__,
        "profile": json.loads(json.dumps(asdict(profile), default=repr)),
        "weights": weights,
        "seed": options.seed,
        "engine": options.engine,
        "trunk_precision": options.trunk_precision,
        "images": dataset.fingerprint,
    }
    open_out(options.out, settings, resume=options.resume)
    say(f"{len(train)} training and {len(validation)} validation images of {name}")
    study = Study(
        profile=profile,
        train=train,
        validation=validation,
        out=options.out,
        seed=options.seed,
        weights=weights,
        engine=options.engine,
        say=say,
        stages=stages,
        trunk_precision=options.trunk_precision,
    )
    with executor_of(options.workers, options.executor) as study.executor:
        study.run()
    write_all(study, name, options.out, check)


def show_plan(options: argparse.Namespace, profile: Profile, dataset: tlkit.ImageDataset) -> None:
    """Print what the study would take, and write it where a file is named; run nothing of it."""
    from study_plan import plan_study

    train, validation = dataset.split(0.2, seed=options.seed, stratify=profile.stratify)
    given = (profile, train, validation, options.out, options.seed, dict(options.weights))
    study = Study(*given, options.engine, say, with_needed(options.stages))
    plan = plan_study(replace(study, trunk_precision=options.trunk_precision))
    print(plan)
    if options.plan:
        _write(Path(options.plan), json.dumps(plan.to_json(), indent=1))


def look_at(dataset: tlkit.ImageDataset) -> tlkit.DamageReport:
    """Look for damage, with one read of each file that the store does not know to be whole.

    What is found whole is remembered there, so that no training looks at it again.
    """
    say(f"looking at {len(dataset):,} files for damage")
    with open_store(True) as store:
        scans = store.scans()
        report = dataset.scan(scans)
        scans.save()
    return report


def whole_images(
    dataset: tlkit.ImageDataset, report: tlkit.DamageReport, *, skip: bool
) -> tlkit.ImageDataset:
    """Return the data set if all its images are whole, else name those that are not.

    Raises:
        DamagedImageError: Some are damaged and ``skip`` is False.
    """
    if not skip:
        report.raise_if_any()
    elif not report:
        say(str(report))
        return dataset.without_damaged(report)
    return dataset


def check_backbones(profile: Profile, weights: dict[str, str | None]) -> None:
    """Build each candidate once, so that missing weights are found before hours of work."""
    for trial in {(t.backbone, t.image_size): t for t in profile.trials}.values():
        say(f"building {trial.backbone} at {trial.image_size} pixels")
        tlkit.build_backbone(
            trial.backbone,
            image_size=trial.image_size,
            weights=weights.get(trial.backbone, "imagenet"),
        )


def write_all(study: Study, data: str, out: Path, check: tlkit.DamageReport) -> None:
    """Write tables, plots, results, the best model and the report, and print the summary."""
    from page import write_report
    from pictures import draw_all
    from tables import best_outcome, document, summary

    best = best_outcome(study)
    _write(out / "tables.md", document(study, data, shlex.join(["reproduce.py", *sys.argv[1:]])))
    _write(out / "results.json", json.dumps(results(study, data), indent=1))
    pictures = draw_all(study, out / "plots")
    _copy(best.model, out / "model.keras")
    print(f"\n{summary(study, data)}\n")
    print(f"Tables:  {out / 'tables.md'}\nResults: {out / 'results.json'}")
    print("Plots:   " + "\n         ".join(map(str, pictures)))
    print(f"Model:   {out / 'model.keras'} (stage {best.stage} {best.trial.backbone})")
    # Last: it needs one package more than the rest, and everything else is told by now.
    page = write_report(study, data, check, out / "report.html")
    print(f"Report:  {page} ({page.stat().st_size / 1e6:.1f} MB; open it in a browser)")


def results(study: Study, data: str) -> dict[str, Any]:
    """Return everything measured, as plain data."""
    from tables import baseline, is_rakuten_study

    return {
        "tlkit": tlkit.__version__,
        "profile": study.profile.name,
        "data": data,
        "is_rakuten": is_rakuten_study(study),
        "seed": study.seed,
        "class_names": list(study.train.class_names),
        "train_images": len(study.train),
        "validation_images": len(study.validation),
        "baseline_weighted_f1": baseline(study).weighted_f1,
        "outcomes": [
            {
                "stage": outcome.stage,
                "trial": asdict(outcome.trial),
                "preprocessing": outcome.preprocessing,
                "seconds": outcome.seconds,
                "scores": outcome.evaluation and outcome.evaluation.to_dict(),
                "stages": [stage.to_json() for stage in outcome.stages],
                "learning_rate": outcome.curve and outcome.curve.suggestion,
            }
            for outcome in study.outcomes
        ],
    }


def data_name(folder: Path, dataset: tlkit.ImageDataset) -> str:
    """Return what to call the data in every table."""
    if folder.resolve() == SAMPLE.resolve():
        return f"the clip-art sample that ships ({len(dataset)} images)"
    return f"{folder.resolve().name} ({len(dataset)} images)"


def say(text: str) -> None:
    """Print a line of progress on standard error."""
    print(text, file=sys.stderr, flush=True)


def _write(file: Path, text: str) -> None:
    part = file.with_name(f".{file.name}")
    part.write_text(text, "utf-8")
    part.replace(file)


def _copy(source: Path, file: Path) -> None:
    part = file.with_name(f".{file.name}")
    shutil.copyfile(source, part)
    part.replace(file)


if __name__ == "__main__":
    sys.exit(main())

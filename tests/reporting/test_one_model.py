"""What stands on one page belongs to one model, or the page says what does not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import tlkit
import tlkit.testing
from tests.conftest import thorough
from tlkit import Evaluation, ImageDataset
from tlkit.errors import EvaluationError

pytest.importorskip("jinja2", reason="reports are in the extra tlkit[report]")


def trained(data: ImageDataset, run_dir: Path, epochs: int, seed: int) -> tlkit.TrainingResult:
    stage = tlkit.Stage("head", epochs=epochs, learning_rate=0.02)
    return tlkit.StagedTrainer(
        tlkit.testing.tiny_backbone(),
        stages=[stage],
        weights=None,
        cache=False,
        run_dir=run_dir,
        seed=seed,
    ).fit(data, verbose=0)


class Two:
    """Two runs on the same images, B the better one."""

    def __init__(self, folder: Path) -> None:
        self.data = tlkit.testing.tiny_dataset(images=48)
        self.run = {"A": folder / "A", "B": folder / "B"}
        self.result = {
            "A": trained(self.data, self.run["A"], 1, 0),
            "B": trained(self.data, self.run["B"], 25, 1),
        }
        self.found = {n: tlkit.evaluate(x, self.data) for n, x in self.result.items()}
        assert self.found["A"].weighted_f1 < self.found["B"].weighted_f1
        # Drawing a page takes longest: these two are looked at by several tests.
        self.twice = page(
            self, folder, self.run["A"], dict.fromkeys(("A", "again"), self.found["A"])
        )
        self.both = page(self, folder, self.run, self.found)


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Two:
    return Two(tmp_path_factory.mktemp("two"))


def page(two: Two, folder: Path, run: Any, evaluations: Any, **settings: Any) -> str:
    file = folder / "r.html"
    settings = {"dataset": two.data, **settings}
    return tlkit.report(run, file, evaluations=evaluations, **settings).read_text("utf-8")


def leads_with(text: str, name: str, found: Evaluation) -> bool:
    lead = f"<strong>{name}</strong> reaches a weighted F1 of <strong>{found.weighted_f1:.3f}<"
    return lead in text


def photos(text: str) -> list[str]:
    return [part.partition('"')[0] for part in text.split("data:image/jpeg;base64,")[1:]]


@pytest.mark.parametrize(("kind", "name"), [("run", "A"), *thorough(("result", "A"), ("run", "B"))])
def test_a_page_about_a_run_looks_at_that_run_s_evaluation(
    kind: str, name: str, two: Two, tmp_path: Path
) -> None:
    text = page(two, tmp_path, getattr(two, kind)[name], two.found)
    assert leads_with(text, name, two.found[name])
    assert f"Evaluation of {name}<" in text
    passed_over = "B&#39;, with the best weighted F1" in text
    assert passed_over == (name == "A")
    assert ('class="remark"' in text) == passed_over
    if name == "A":  # B may make no mistake
        assert "Grad-CAM at" in text


@pytest.mark.parametrize("kind", ["run", "result"])
def test_an_evaluation_of_another_model_is_refused(kind: str, two: Two, tmp_path: Path) -> None:
    run = getattr(two, kind)["A"]
    for given, settings in (
        (two.found["B"], {}),
        ({"B": two.found["B"]}, {}),
        (two.found, {"detail": "B"}),
        ({"A": two.found["B"]}, {}),
        (two.found["A"], {"model": two.result["B"].model}),
        (two.found["A"], {"model": two.run["B"] / "model.keras"}),
    ):
        with pytest.raises(EvaluationError, match="is not what was stored as"):
            page(two, tmp_path, run, given, **settings)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_model_that_is_given_is_told_apart_from_the_run(two: Two, tmp_path: Path) -> None:
    text = page(two, tmp_path, two.run["A"], two.found, model=two.result["B"])
    assert leads_with(text, "B", two.found["B"])
    assert "is not the one that run &#39;A&#39; ended with" in text
    alone = page(two, tmp_path, two.run["A"], None, model=two.result["B"])
    assert leads_with(alone, "given model", two.found["B"])
    assert "is not the one that run &#39;A&#39; ended with" in alone
    same = page(two, tmp_path, two.run["A"], two.found["A"], model=two.run["A"] / "model.keras")
    assert 'class="remark"' not in same


def test_swapped_names_are_told(two: Two, tmp_path: Path) -> None:
    swapped = {"A": two.found["B"], "B": two.found["A"]}
    text = page(two, tmp_path, two.run["A"], swapped)
    assert leads_with(text, "B", two.found["A"])
    assert "&#39;A&#39;, with the best weighted F1" in text
    both = page(two, tmp_path, two.run, swapped)
    for name in "AB":
        told = f"The evaluation &#39;{name}&#39; is not what the model of run &#39;{name}&#39;"
        assert told in both
    assert "Grad-CAM at" not in both
    assert 'class="remark"' not in two.both
    assert leads_with(two.both, "B", two.found["B"])


@pytest.mark.slow
def test_a_plain_evaluation_stands_before_one_of_several_views(two: Two, tmp_path: Path) -> None:
    turned = tlkit.Augmentation(rotation=90.0, horizontal_flip=True)
    views = tlkit.evaluate(two.result["A"], two.data, augmentation=turned, views=3)
    named = {"3 views": views, "plain": two.found["A"]}
    text = page(two, tmp_path, two.run["A"], named)
    assert leads_with(text, "plain", two.found["A"])


@pytest.mark.slow
def test_without_images_the_page_says_that_nobody_looked(two: Two, tmp_path: Path) -> None:
    text = page(two, tmp_path, two.run["A"], two.found["B"], dataset=None)
    assert "was not checked: no dataset was given" in text
    alone = page(two, tmp_path, two.run["A"], None, dataset=None)
    assert "was not checked" not in alone


def test_other_images_with_the_same_labels_are_refused(two: Two, tmp_path: Path) -> None:
    order = sorted(range(48), key=lambda n: (two.data.labels[n], -n))
    back = sorted(range(48), key=lambda n: (two.data.labels[n], n))
    found = tlkit.evaluate(two.result["A"], two.data.subset(order))
    with pytest.raises(EvaluationError, match="the images' contents differ"):
        page(two, tmp_path, two.run["A"], found, dataset=two.data.subset(back))


@pytest.mark.slow
def test_the_page_of_images_in_another_order_of_classes_is_the_same(
    two: Two, tmp_path: Path
) -> None:
    other = two.data.with_classes(two.data.class_names[::-1])
    text = page(two, tmp_path, two.run["A"], {"A": two.found["A"]}, dataset=other)
    assert leads_with(text, "A", two.found["A"])
    assert photos(text)
    assert photos(text) == photos(two.twice), "with the heat of the same classes"


def test_the_best_is_not_said_to_be_like_itself(two: Two) -> None:
    assert "Best: B, with a claimed difference to the other." in two.both
    assert "Best: A. No difference to it can be claimed for: again." in two.twice

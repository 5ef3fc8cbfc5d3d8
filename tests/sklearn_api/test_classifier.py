"""ImageClassifier does in scikit-learn's hands what scikit-learn's own classifiers do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline

import tlkit
from tests.sklearn_api.conftest import HEAD, SHORT, classifier
from tlkit.errors import DamagedImageError, DataError, SplitError, TlkitError, TrainingError
from tlkit.sklearn import ImageClassifier
from tlkit.testing import tiny_backbone

Pixels = NDArray[np.uint8]


@pytest.fixture(scope="module")
def fitted(pixels: Pixels, labels: NDArray[np.str_]) -> ImageClassifier:
    return classifier().fit(pixels, labels)


@pytest.fixture(scope="module")
def files(pixels: Pixels, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The same pictures as files."""
    folder = tmp_path_factory.mktemp("files")
    for number, picture in enumerate(pixels):
        Image.fromarray(picture).save(folder / f"{number}.png")
    return [str(folder / f"{number}.png") for number in range(len(pixels))]


def test_columns_are_the_sorted_labels(
    fitted: ImageClassifier, pixels: Pixels, labels: NDArray[np.str_]
) -> None:
    assert fitted.classes_.tolist() == sorted(set(labels.tolist()))
    probabilities = fitted.predict_proba(pixels)
    assert probabilities.shape == (48, 3)
    assert probabilities.dtype == np.float32
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)
    assert (fitted.predict(pixels) == fitted.classes_[probabilities.argmax(axis=1)]).all()
    assert fitted.score(pixels, labels) == np.mean(fitted.predict(pixels) == labels) > 0.6
    assert fitted.result_.class_names == tuple(fitted.classes_.tolist())


def test_it_says_what_the_model_itself_says(fitted: ImageClassifier, pixels: Pixels) -> None:
    plain = fitted.result_.model.predict(pixels, verbose=0)
    np.testing.assert_allclose(fitted.predict_proba(pixels), plain, atol=1e-6)
    one_by_one = np.concatenate([fitted.predict_proba(pixels[[row]]) for row in range(3)])
    np.testing.assert_array_equal(one_by_one, fitted.predict_proba(pixels)[:3])


@pytest.mark.parametrize("form", [list, np.array, lambda files: [*map(Path, files)]])
def test_files_are_taken_in_every_form(
    fitted: ImageClassifier, pixels: Pixels, files: list[str], form: Any
) -> None:
    expected = fitted.predict_proba(pixels)
    np.testing.assert_array_equal(fitted.predict_proba(form(files)), expected)


def test_a_column_of_a_table_is_taken(
    pixels: Pixels, files: list[str], labels: NDArray[np.str_]
) -> None:
    pd = pytest.importorskip("pandas")
    table = pd.DataFrame({"image": files, "label": labels}).iloc[::-1]
    told = classifier(stages=[SHORT]).fit(table["image"], table["label"])
    assert (told.predict(table["image"]) == told.predict(files)[::-1]).all()
    assert (told.predict(pixels) == told.predict(files)).all()
    with pytest.raises(DataError, match=r"shape \(48, 1\).*the column of paths alone"):
        told.predict(table[["image"]])


@pytest.mark.parametrize(
    "names", [[30, -2, 7], [True, False], ["b", "a"], np.array(["b", "a"], object), [2.0, 0.0]]
)
def test_labels_come_back_as_they_were_given(pixels: Pixels, names: Any) -> None:
    given = np.asarray(names)[np.arange(48) % len(names)]
    told = classifier(stages=[SHORT]).fit(pixels, given)
    assert told.classes_.tolist() == sorted(names)
    assert told.predict(pixels).dtype == given.dtype
    assert told.classes_.dtype == given.dtype


def test_fitting_twice_gives_the_same_and_changes_no_argument(
    fitted: ImageClassifier, pixels: Pixels, labels: NDArray[np.str_]
) -> None:
    twin = clone(fitted)
    assert not hasattr(twin, "classes_")
    assert not hasattr(twin, "result_")
    before = repr(twin)
    assert repr(twin.fit(pixels, labels)) == before
    np.testing.assert_array_equal(twin.predict_proba(pixels), fitted.predict_proba(pixels))


@pytest.mark.slow
def test_it_does_what_fine_tune_does(pixels: Pixels, labels: NDArray[np.str_]) -> None:
    few: dict[str, Any] = {"epochs": 2, "learning_rate": 1e-3}
    told = classifier(stages=None, validation=0.25, random_state=3, **few).fit(pixels, labels)
    same = tlkit.fine_tune(
        *(tlkit.ImageDataset.from_arrays(pixels, labels), 0.25, tiny_backbone()),
        **few,
        seed=3,
        weights=None,
        cache=False,
        verbose=0,
    )
    assert told.result_.history == same.history
    plain = same.model.predict(pixels, verbose=0)
    np.testing.assert_allclose(told.predict_proba(pixels), plain, atol=1e-5)


@pytest.mark.slow
def test_a_model_without_a_frozen_part_predicts_too(
    pixels: Pixels, labels: NDArray[np.str_], files: list[str], tmp_path: Path
) -> None:
    stage = tlkit.Stage("all", epochs=1, learning_rate=1e-3, policy=tlkit.UnfreezeAll())
    told = classifier(stages=[stage]).fit(pixels, labels)
    assert told.result_.kept.cut is None
    plain = told.result_.model.predict(pixels, verbose=0)
    np.testing.assert_allclose(told.predict_proba(pixels), plain, atol=1e-6)
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no picture")
    with pytest.raises(TlkitError, match=r"1 of 3 pictures.*broken\.png"):
        told.predict([*files[:2], broken])


@pytest.mark.slow
def test_random_states_are_those_of_scikit_learn(pixels: Pixels, labels: NDArray[np.str_]) -> None:
    def weights(state: Any) -> Any:
        return (
            classifier(stages=[SHORT], random_state=state)
            .fit(pixels, labels)
            .result_.model.get_weights()[-1]
        )

    one, same = (weights(np.random.RandomState(5)) for _ in range(2))
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, weights(np.int64(1)))


def test_every_argument_is_kept_as_it_was_given_and_wrong_ones_are_told_in_fit(
    pixels: Pixels, labels: NDArray[np.str_]
) -> None:
    wrong: dict[str, tuple[Any, str]] = {
        "backbone": ("mobilnet_v2", "mobilenet_v2"),
        "stages": (HEAD, "expected a list"),
        "validation": ("fifth", r"validation='fifth'; expected the share"),
        "head": (3, r"expected a tlkit\.Head"),
        "engine": ("motor", "motor"),
        "epochs": (3, r"stages=\[Stage\('head'.*and epochs; expected one of both"),
    }
    for name, (value, told) in wrong.items():
        estimator = classifier().set_params(**{name: value})
        assert estimator.get_params()[name] is value
        with pytest.raises(TlkitError, match=told):
            estimator.fit(pixels, labels)


OTHERS: dict[str, tuple[Any, str]] = {
    "one path": ("a.png", r"'a\.png' as X, one path.*in a list"),
    "nothing": ([], "0 samples"),
    "floats": (np.zeros((2, 8, 8, 3)), r"\(images \* 255\)|astype\('uint8'\)"),
    "grey": (np.zeros((2, 8, 8, 1), np.uint8), r"np\.repeat"),
    "no such files": (["nowhere.png", "there.png"], "2 of 2 paths lead to no file"),
    "a data set": (tlkit.testing.tiny_dataset(6), r"a data set \(ImageDataset\).*tlkit\.fine_tune"),
    "a gap": (["a.png", None], r"at place 1 \(counted from 0\) a NoneType.*drop the row"),
    "no order": ({"a.png", "b.png"}, "Received a set as X"),
    "a number": (3, "Received a int as X"),
}


@pytest.mark.parametrize("case", OTHERS)
def test_what_is_no_picture_is_named(fitted: ImageClassifier, case: str) -> None:
    given, told = OTHERS[case]
    with pytest.raises(DataError, match=told):
        fitted.predict(given)
    with pytest.raises(DataError, match=told):
        classifier().fit(given, [0, 1])


LABELS: dict[str, tuple[Any, str]] = {
    "none": (None, "requires y to be passed"),
    "fewer": ([0, 1], "48 pictures and 2 labels"),
    "one class": (["a"] * 48, "at least two"),
    "empty": ([None, "a"] * 24, r"Label 0 .* is None"),
    "mixed": (np.array([1, "a"] * 24, object), "types int, str cannot be sorted"),
    "alike": (["a", "a "] * 24, "look alike"),
    "amounts": (np.arange(48) / 7, "Unknown label type: continuous"),
}


@pytest.mark.parametrize("case", LABELS)
def test_labels_that_cannot_be_learned_are_named(pixels: Pixels, case: str) -> None:
    given, told = LABELS[case]
    with pytest.raises(ValueError, match=told):
        classifier().fit(pixels, given)


def test_a_class_of_one_picture_cannot_be_held_out(pixels: Pixels) -> None:
    labels = ["rare", *["often", "too"] * 24][:48]
    with pytest.raises(SplitError, match=r"validation=0\.2 of 48 pictures.*validation=None trains"):
        classifier(validation=0.2).fit(pixels, labels)


def test_sample_weights_are_not_taken(pixels: Pixels, labels: NDArray[np.str_]) -> None:
    untyped: Any = classifier()
    with pytest.raises(TypeError, match="sample_weight"):
        untyped.fit(pixels, labels, sample_weight=np.ones(48))


def test_fit_comes_first(pixels: Pixels) -> None:
    with pytest.raises(NotFittedError):
        classifier().predict(pixels)


def test_a_damaged_picture_is_named(
    fitted: ImageClassifier, files: list[str], tmp_path: Path
) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(Path(files[0]).read_bytes()[:60])
    with pytest.raises(DamagedImageError, match=r"broken\.png"):
        fitted.predict([files[0], broken])


def test_a_failed_fit_leaves_what_was_fitted(pixels: Pixels, labels: NDArray[np.str_]) -> None:
    told = classifier(stages=[SHORT]).fit(pixels, labels)
    before = told.predict_proba(pixels)
    with pytest.raises(TrainingError):
        told.set_params(validation="x").fit(pixels, labels)
    np.testing.assert_array_equal(told.predict_proba(pixels), before)


@pytest.mark.slow
def test_pipelines_and_scores_of_scikit_learn_take_it(
    files: list[str], labels: NDArray[np.str_]
) -> None:
    pipeline = make_pipeline(classifier(stages=[SHORT]))
    scores = cross_val_score(pipeline, files, labels, cv=2, scoring="neg_log_loss")
    assert np.isfinite(scores).all()


def test_rows_of_labels_are_refused_with_what_learns_them() -> None:
    images = np.zeros((4, 8, 8, 3), np.uint8)
    with pytest.raises(ValueError, match=r"one label for each picture.*MultiLabelDataset"):
        tlkit.sklearn.ImageClassifier().fit(images, np.eye(4, 3, dtype=int))

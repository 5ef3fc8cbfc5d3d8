"""The page in a real browser: it loads, sorts, shows its pictures and passes axe's checks.

``nox -s browser`` installs what this needs, except Chromium itself.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import tlkit
import tlkit.testing
from tlkit import Evaluation
from tlkit.reporting import Gain

api = pytest.importorskip("playwright.sync_api", reason="installed by `nox -s browser`")
axe = pytest.importorskip("axe_core_python.sync_playwright", reason="installed by nox -s browser")

pytestmark = pytest.mark.slow

SIZES = [(1280, 900), (390, 844)]
SCHEMES = ["light", "dark"]


def chromium() -> str | None:
    """Return where Chromium is, or None."""
    names = ("chromium", "chromium-browser", "google-chrome")
    return os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, names)), None)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    program = chromium()
    if program is None:
        pytest.fail(
            "no Chromium was found. Install it, for example with `apt-get install chromium`, or "
            "set CHROMIUM to the path of one."
        )
    with api.sync_playwright() as playwright:
        # Containers seldom let Chromium make a sandbox of its own; the page is ours.
        started = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture(scope="module")
def page_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report with everything in it: two runs, evaluations, steps, mistakes with heat."""
    folder = tmp_path_factory.mktemp("report")
    data = tlkit.testing.tiny_dataset(images=48)
    results = {}
    for name, rate in (("slow <b>learner</b>", 0.0001), ("fast learner", 0.01)):
        stages = [
            tlkit.Stage("head", epochs=2, learning_rate=rate),
            tlkit.Stage("all", epochs=1, learning_rate=rate, policy=tlkit.UnfreezeAll()),
        ]
        run_dir = folder / name[:4]
        tlkit.StagedTrainer(
            tlkit.testing.tiny_backbone(), stages=stages, weights=None, cache=False, run_dir=run_dir
        ).fit(data, data)
        results[name] = run_dir
    evaluations = {name: evaluated(root, data) for name, root in results.items()}
    slow, fast = results
    return tlkit.report(
        results,
        folder / "report.html",
        evaluations=evaluations,
        dataset=data,
        model=results[slow] / "model.keras",
        detail=slow,
        benchmark=0.99,
        gains=[Gain(slow, fast, "Does a larger rate help?")],
        check=data.check(),
        remarks=["Drawn by a program; it says nothing about photographs."],
    )


def evaluated(root: Path, data: tlkit.ImageDataset) -> Evaluation:
    import keras

    return tlkit.evaluate(keras.models.load_model(root / "model.keras"), data)


def opened(browser: Any, file: Path, **settings: Any) -> tuple[Any, list[str]]:
    """Return the page and what its console says."""
    said: list[str] = []
    page = browser.new_context(**settings).new_page()
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda asked: said.extend(_fetched(asked.url)))
    page.goto(file.as_uri())
    return page, said


def _fetched(url: str) -> list[str]:
    """Return the address if it is outside of the page."""
    return [] if url.startswith(("file:", "data:")) else [url]


def test_it_loads_without_a_word_on_the_console_and_with_all_its_pictures(
    browser: Any, page_file: Path
) -> None:
    page, said = opened(browser, page_file)
    widths = page.evaluate("[...document.images].map(image => image.naturalWidth)")
    assert len(widths) > 10
    assert min(widths) > 0
    assert said == []


def test_a_click_and_a_key_sort_a_table(browser: Any, page_file: Path) -> None:
    page, said = opened(browser, page_file)
    table = page.locator("#classes table")
    head = table.locator("thead th").nth(1)

    def column() -> list[float]:
        cells = table.locator("tbody tr td:nth-child(2)").all_text_contents()
        return [float(cell) for cell in cells]

    head.locator("button").click()
    assert column() == sorted(column())
    assert head.get_attribute("aria-sort") == "ascending"
    head.locator("button").press("Enter")
    assert column() == sorted(column(), reverse=True)
    assert head.get_attribute("aria-sort") == "descending"
    names = table.locator("thead th").first
    names.locator("button").click()
    first = table.locator("tbody th").all_text_contents()
    assert first == sorted(first)
    assert head.get_attribute("aria-sort") is None
    assert said == []


def test_numbers_sort_by_value_whatever_they_look_like(browser: Any, page_file: Path) -> None:
    page, _ = opened(browser, page_file)
    head = page.locator("#training th", has_text="Weights trained")
    head.locator("button").click()
    cells = page.locator("#training tbody tr td:nth-child(8)").all_text_contents()
    numbers = [int(cell.replace(",", "")) for cell in cells]
    assert numbers == sorted(numbers)
    assert len(set(numbers)) > 1


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("size", SIZES, ids=["desktop", "phone"])
def test_axe_finds_nothing(
    browser: Any, page_file: Path, size: tuple[int, int], scheme: str
) -> None:
    viewport = dict(zip(("width", "height"), size, strict=True))
    # The page's own policy lets no script in but its own; axe is one.
    page, _ = opened(browser, page_file, viewport=viewport, color_scheme=scheme, bypass_csp=True)
    page.evaluate("document.querySelectorAll('details').forEach(part => { part.open = true })")
    found = axe.Axe().run(page)
    problems = [(v["id"], v["nodes"][0]["html"][:200]) for v in found["violations"]]
    assert problems == []
    assert len(found["passes"]) > 20


@pytest.mark.parametrize("size", SIZES, ids=["desktop", "phone"])
def test_the_page_itself_never_scrolls_sideways(
    browser: Any, page_file: Path, size: tuple[int, int]
) -> None:
    page, _ = opened(browser, page_file, viewport={"width": size[0], "height": size[1]})
    assert page.evaluate("document.documentElement.scrollWidth") <= size[0]


def test_it_says_the_same_without_javascript(browser: Any, page_file: Path) -> None:
    page, said = opened(browser, page_file, java_script_enabled=False)
    assert page.locator("h1").count() == 1
    assert page.locator("th button").count() == 0
    assert page.locator("#classes tbody tr").count() == 3
    assert page.locator("#mistakes img").first.is_visible()
    page.locator("#comparison summary").click()
    assert page.locator("#comparison details table").is_visible()
    assert said == []


def test_a_name_with_html_in_it_is_shown_as_text(browser: Any, page_file: Path) -> None:
    page, _ = opened(browser, page_file)
    assert "slow <b>learner</b>" in page.locator("header .lead").inner_text()


def test_a_script_that_slips_in_does_not_run(browser: Any, page_file: Path, tmp_path: Path) -> None:
    text = page_file.read_text("utf-8").replace(
        "</main>", '<script>document.title = "taken"</script></main>'
    )
    file = tmp_path / "tampered.html"
    file.write_text(text, "utf-8")
    page, said = opened(browser, file)
    assert page.title() != "taken"
    assert any("Content Security Policy" in line for line in said)


def test_the_file_is_small(page_file: Path) -> None:
    assert page_file.stat().st_size < 300_000

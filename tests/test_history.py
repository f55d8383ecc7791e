"""`harness history`: runs side by side, trends only within one test set, damaged runs named."""

import json
import re
import shutil
import time
from io import StringIO

import pytest
from rich.console import Console

from harness.history import read, show
from harness.reuse import runs
from harness.run_folder import RunFolder
from prompts.errors import ConfigError
from reports.drawing import file
from reports.history import by_test_set, past_run, trends
from reports.history_page import MOST_DRAWN, render
from reports.scores import score
from reports.wording import Words, usd
from tests.simulated_run import three_classifiers
from tests.test_page import PAYLOADS, Page, poisoned

SCORES = json.loads(json.dumps(score(three_classifiers(120, machine_usd_per_hour=1.2))))
EN = Words.of("en")


def changed(shift=0.0, names=None, **more):
    """The scores of a run whose accuracies lie `shift` beside those of the simulated one."""
    scores = json.loads(json.dumps(SCORES)) | more
    for one in scores["classifiers"].values():
        for level in one["levels"]:
            for end in ("value", "low", "high"):
                level["accuracy"][end] = min(1.0, max(0.0, level["accuracy"][end] + shift))
    if names:
        scores["classifiers"] = {new: scores["classifiers"][old] for old, new in names.items()}
    return scores


def put(root, name, scores, test="ab" * 32):
    run = RunFolder(root / name)
    run.path.mkdir(parents=True)
    (run.path / "experiment.toml").write_text("")
    run.write("data.json", {"sha256": {"test": test}})
    if scores is not None:
        run.write("scores.json", scores)
    return run


def told(root, **options):
    said = StringIO()
    show(root, Console(file=said, width=200), **options)
    return said.getvalue()


@pytest.fixture
def root(tmp_path):
    root = tmp_path / "runs"
    put(root, "20261120-100000-games", changed())
    put(root, "20261121-100000-games", changed(0.03))
    put(root, "20261122-100000-games", changed(0.01), test="cd" * 32)
    put(root, "20261123-100000-games", None)
    put(root, "20261124-100000-games", changed())
    (root / "20261124-100000-games" / "scores.json").write_text('{"schema": 1, "rows": ')
    return root


def past(root):
    return [read(run) for run in runs(root)]


def test_the_table_has_every_run_the_newest_first_and_names_what_cannot_be_read(root):
    text = told(root)
    starts = re.findall(r"202611\d\d", text)
    assert starts == sorted(starts, reverse=True)
    assert text.count("not finished") == 1
    assert text.count("scores.json cannot be read") == 1
    assert text.count("tfidf") == 3


@pytest.mark.parametrize(
    "content", ["", "[]", "null x", '{"schema": 1}', '{"classifiers": 3}', "\x00", '"text"', "{}"]
)
def test_whatever_stands_in_scores_json_history_goes_on(root, content):
    (root / "20261120-100000-games" / "scores.json").write_text(content)
    (root / "20261121-100000-games" / "data.json").write_text(content)
    assert "20261122-100000-games" in told(root)
    render(past(root), "en")


def test_only_runs_on_the_same_test_set_are_in_one_chart(root):
    groups = by_test_set(past(root))
    assert [[run.name[:8] for run in group.runs] for group in groups] == [
        ["20261122"],
        ["20261121", "20261120"],
    ]
    colour = {"bert": 1, "llm": 2, "tfidf": 3}
    assert trends(groups[0], EN, colour, key="one") == []
    made = trends(groups[1], EN, colour, key="two")
    assert [one.key for one in made] == ["two-level-1", "two-level-2", "two-cost", "two-speed"]
    line = made[1].series[0]
    value = SCORES["classifiers"]["bert"]["levels"][1]["accuracy"]
    assert line.points == ((1.0, value["value"]), (2.0, pytest.approx(value["value"] + 0.03)))
    assert line.band[0] == (1.0, value["low"], value["high"])
    assert "bert from " in made[0].alternative


@pytest.mark.parametrize(
    "names", [["baseline-a", "baseline-b"], ["main", "nightly-2"], ["12-1-x", "99999999-999999-b"]]
)
def test_the_name_of_a_renamed_run_is_never_cut(tmp_path, names):
    for name in names:
        put(tmp_path, name, changed())
    (group,) = by_test_set(past(tmp_path))
    across = trends(group, EN, {"bert": 1, "llm": 2, "tfidf": 3}, key="a")[0].across
    assert sorted(word for _, word in across.ticks) == sorted(names)


def test_beside_a_renamed_run_the_others_keep_their_short_stamp(tmp_path):
    for name in ("20261120-100000-games", "20261121-110000-games", "main"):
        put(tmp_path, name, changed())
    (group,) = by_test_set(past(tmp_path))
    across = trends(group, EN, {"bert": 1, "llm": 2, "tfidf": 3}, key="a")[0].across
    assert {word for _, word in across.ticks} == {"11-20 10:00", "11-21 11:00", "main"}


def test_a_run_scored_by_an_earlier_version_is_still_shown(tmp_path):
    scores = changed(schema=1)
    for one in scores["classifiers"].values():
        one["calibration"] = None
    for key in ("label_quality", "cascade", "cost"):
        del scores[key]
    put(tmp_path, "20261120-100000-games", scores)
    text = told(tmp_path)
    assert all(name in text for name in scores["classifiers"])
    assert "cannot be read" not in text


def test_the_table_writes_figures_as_the_report_does(tmp_path):
    scores = changed()
    scores["classifiers"]["bert"]["cost"]["per_1000_usd"] = 3.81e-06
    scores["classifiers"]["llm"]["cost"]["per_1000_usd"] = 12345.6
    scores["classifiers"]["tfidf"]["cost"]["per_1000_usd"] = None
    put(tmp_path, "20261120-100000-games", scores)
    text = told(tmp_path)
    assert "3.81e-06" not in text
    assert f"{usd(3.81e-06)}\n" in text
    assert "$12,345.60" in text
    assert "unknown" in text


def test_runs_without_a_hash_are_joined_to_none(tmp_path):
    for day in (20, 21):
        run = put(tmp_path, f"202611{day}-100000-old", changed())
        (run.path / "data.json").unlink()
    assert [len(group.runs) for group in by_test_set(past(tmp_path))] == [1, 1]


def test_what_is_not_to_be_stated_is_not_drawn(tmp_path):
    left_out = SCORES["verdict"] | {"left_out": ["llm"]}
    put(tmp_path, "20261120-100000-games", changed(verdict=left_out))
    put(tmp_path, "20261121-100000-games", changed(verdict=left_out))
    (group,) = by_test_set(past(tmp_path))
    made = trends(group, EN, {"bert": 1, "llm": 2, "tfidf": 3}, key="a")
    assert [one.name for one in made[0].series] == ["bert", "tfidf"]
    assert "not stated" in told(tmp_path)


def test_the_page_shows_changes_since_the_run_before_on_the_same_test_set(tmp_path):
    first = changed()
    first["classifiers"]["llm"]["identity"]["prompt"] = "another"
    put(tmp_path, "20261120-100000-games", first)
    put(tmp_path, "20261121-100000-games", changed(0.03))
    page = Page(render(past(tmp_path), "en"))
    assert "+3.0" in page.text
    assert page.text.count("changed: prompt") == 1


def test_the_page_loads_nothing_and_is_the_same_bytes_for_the_same_runs(root):
    html = render(past(root), "en")
    assert html == render(past(root), "en")
    page = Page(html)
    assert not {"script", "link", "img", "iframe", "object", "form"} & set(page.tags)
    assert not re.search(r"https?:|//[a-z]|@import", html)
    assert len(page.ids) == len(set(page.ids))
    assert page.headings.count(1) == 1
    assert page.tags.count("table") == page.tags.count("caption")
    assert "20261123-100000-games" in page.text
    assert "not finished" in page.text


@pytest.mark.parametrize("payload", PAYLOADS)
def test_a_name_never_becomes_markup(payload):
    def page(name):
        scores = json.loads(json.dumps(score(poisoned(name))))
        made = [past_run(f"2026112{day}-100000-{name}", scores, {"sha256": {"test": name}}) for day in (2, 1)]
        return Page(render(made, "en"))

    assert page(payload).tags == page("harmless").tags
    assert [name for name, _ in page(payload).attributes] == [name for name, _ in page("harmless").attributes]


def test_the_language_is_that_of_the_newest_run_or_the_one_asked_for(root, tmp_path):
    scores = changed(language="zh")
    put(root, "20261125-100000-games", scores)
    assert "History: " in told(root, html=tmp_path / "a.html")
    assert "历次运行对比" in (tmp_path / "a.html").read_text(encoding="utf-8")
    told(root, html=tmp_path / "b.html", language="en")
    assert "Runs side by side" in (tmp_path / "b.html").read_text(encoding="utf-8")
    with pytest.raises(ConfigError, match=r"--language 'fr': expected 'en' or 'zh'"):
        told(root, language="fr")


def test_a_page_that_cannot_be_written_is_one_message_with_the_cure(root, tmp_path):
    (tmp_path / "taken").write_text("")
    with pytest.raises(ConfigError, match=r"cannot write here .*--html"):
        told(root, html=tmp_path / "taken" / "history.html")


def test_two_hundred_runs_are_quick(tmp_path):
    for number in range(200):
        day, hour = divmod(number, 24)
        put(
            tmp_path,
            f"202611{day + 1:02d}-{hour:02d}0000-games",
            changed(0.0001 * number),
            test=f"{number % 20}",
        )
    start = time.perf_counter()
    html = render(past(tmp_path), "en")
    assert time.perf_counter() - start < 15
    assert html.count('class="chart drawn"') == 4 * MOST_DRAWN
    assert "The trends of 14 older test sets are not drawn" in html
    assert len(html.encode()) < 3_000_000


CHROMIUM = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
)
needs_chromium = pytest.mark.skipif(
    CHROMIUM is None, reason="no Chromium on this machine (Debian: apt-get install chromium)"
)


@pytest.mark.browser
@needs_chromium
@pytest.mark.parametrize("width", [360, 1440])
def test_in_a_browser_page_and_chart_open_quietly_offline_and_fit(root, tmp_path, width):
    from playwright.sync_api import sync_playwright

    (group,) = [group for group in by_test_set(past(root)) if len(group.runs) > 1]
    (chart, *_) = trends(group, EN, {"bert": 1, "llm": 2, "tfidf": 3}, key="a")
    page_file, chart_file = tmp_path / "history.html", tmp_path / "chart.svg"
    page_file.write_text(render(past(root), "zh"), encoding="utf-8")
    chart_file.write_text(file(chart), encoding="utf-8")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--headless", "--no-sandbox", "--disable-gpu"]
        )
        for path in (page_file, chart_file):
            context = browser.new_context(
                offline=True, viewport={"width": width, "height": 900}, color_scheme="dark"
            )
            tab = context.new_page()
            asked, said = [], []
            tab.on("request", lambda request, asked=asked: asked.append(request.url))
            tab.on("console", lambda message, said=said: said.append(message.text))
            tab.goto(path.as_uri())
            assert (asked, said) == ([path.as_uri()], [])
            if path is page_file:
                assert tab.evaluate("document.documentElement.scrollWidth") <= width
                sizes = tab.locator(".drawn .plot text").evaluate_all(
                    "all => all.map(one => one.getBoundingClientRect().height)"
                )
                assert min(sizes) > 9
            else:
                assert tab.evaluate("document.querySelectorAll('text').length") > 5
            context.close()
        browser.close()


def test_one_run_is_told_in_the_singular_and_without_an_empty_column(tmp_path):
    put(tmp_path, "20261120-100000-games", changed())
    page = Page(render(past(tmp_path), "en")).text
    assert "1 run on 1 test set, the newest first." in page
    assert "texts, 1 run." in page
    assert "One run so far; the trend appears with the second." in page
    assert "Since the run before" not in page
    put(tmp_path, "20261121-100000-games", changed(), test="cd" * 32)
    put(tmp_path, "20261122-100000-games", changed(), test="cd" * 32)
    page = Page(render(past(tmp_path), "en")).text
    assert "3 runs on 2 test sets, the newest first." in page
    assert page.count("Since the run before") == page.count("One run so far") == 1
    assert "共 3 次运行、2 个测试集" in Page(render(past(tmp_path), "zh")).text


def test_the_table_names_the_levels_of_its_accuracies(root, tmp_path):
    assert "accuracy, level 1 / whole path" in told(root)
    put(tmp_path / "deep", "20261120-100000-games", changed(levels=3))
    assert "accuracy, level 1 / 2 / whole path" in told(tmp_path / "deep")

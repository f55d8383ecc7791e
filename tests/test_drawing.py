"""Charts as SVG: the same bytes, words as text, nothing of a label read as markup or as a formula."""

import json
import os
import re
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as Xml

import matplotlib
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from prompts.characters import in_xml
from reports import drawing
from reports.all_charts import all_charts, for_files
from reports.chart_files import file_names
from reports.name_places import place_names
from reports.page import render
from reports.plots import Chart, Scale, Series
from reports.scores import score
from reports.svg import LIGHT, width, wrapped
from reports.ticks import ticks
from reports.wording import percent, points
from tests.simulated_run import three_classifiers
from tests.test_page import PAYLOADS

REPOSITORY = Path(__file__).resolve().parent.parent
SHARE = Scale(title="Share", kind="share", low=0.0, high=1.0)


def chart(name="bert", *, key="a-chart", **more):
    plain = {
        "title": f"How {name} does",
        "alternative": f"{name} from 10 % to 90 %",
        "across": Scale(title="Texts", kind="number"),
        "up": SHARE,
        "series": (
            Series(name=name, points=((1, 0.1), (2, 0.5), (3, 0.9)), colour=1, form="line_and_dots"),
            Series(name="other", points=((1, 0.2), (3, 0.4)), colour=2, band=((1, 0.1, 0.3), (3, 0.3, 0.5))),
            Series(name="", points=((2, 0.8),), colour=3, form="dots", names=(name,)),
        ),
    }
    return Chart(key=key, **(plain | more))


def words_of(text):
    return [one.text for one in Xml.fromstring(text).iter() if one.tag.endswith("text")]


def test_the_same_chart_gives_the_same_bytes_also_in_another_process():
    script = "from tests.test_drawing import *; print(drawing.file(chart()) + drawing.figure(chart()))"
    told = {
        subprocess.run(
            [sys.executable, "-c", script],
            cwd=REPOSITORY,
            env=os.environ | {"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert told == {drawing.file(chart()) + drawing.figure(chart()) + "\n"}


def test_a_setting_of_the_users_own_changes_no_chart_and_none_is_left_changed():
    before = drawing.file(chart())
    with matplotlib.rc_context({"lines.linewidth": 9, "path.sketch": (9, 9, 9), "svg.fonttype": "path"}):
        settings_of_the_user = dict(matplotlib.rcParams)
        assert drawing.file(chart()) == before
        assert dict(matplotlib.rcParams) == settings_of_the_user


def test_chinese_is_text_and_no_font_of_matplotlib_is_asked_for_it():
    # A glyph that is missing there is a warning, and warnings are errors in these tests.
    text = drawing.file(chart("射击游戏"))
    assert words_of(text).count("射击游戏") == 2
    assert "How 射击游戏 does" in words_of(text)


@pytest.mark.parametrize("payload", [*PAYLOADS, "$\\frac{1}{0}$", "\x00\x08\ud800", "a\nb", "]]>", "%s {0}"])
def test_a_name_never_becomes_markup_or_a_formula(payload):
    plain, poisoned = (drawing.file(chart(name)) for name in ("harmless", payload))
    assert [one.tag for one in Xml.fromstring(poisoned).iter()] == [
        one.tag for one in Xml.fromstring(plain).iter()
    ]
    inline = str(drawing.figure(chart(payload)))
    assert re.findall(r"<(/?\w+)", inline) == re.findall(r"<(/?\w+)", str(drawing.figure(chart("harmless"))))


@settings(deadline=None, max_examples=25)
@given(st.text(max_size=30))
def test_any_name_makes_a_file_that_can_be_read(name):
    Xml.fromstring(drawing.file(chart(name)).encode())


def test_the_page_has_the_colours_of_its_style_and_the_file_real_ones():
    style = (REPOSITORY / "reports" / "style.css.j2").read_text(encoding="utf-8").split("@media")[0]
    for name, colour in LIGHT.items():
        assert f"--{name}: {colour}" in style
    assert not re.search("#[0-9a-f]{6}", str(drawing.figure(chart())))
    assert "var(--c1)" in drawing.figure(chart())
    assert "var(" not in drawing.file(chart())


def test_every_id_begins_with_the_key_and_every_reference_leads_somewhere():
    for key in ("one", "two"):
        text = str(drawing.inline(chart(key=key, up=Scale(title="", kind="share", low=0.2, high=0.6))))
        ids = re.findall(r'\bid="([^"]+)"', text)
        assert ids
        assert len(ids) == len(set(ids))
        assert all(id_.startswith(f"{key}-") for id_ in ids)
        assert set(re.findall(r'href="#([^"]+)"|url\(#([^)]+)\)', text)) <= {(i, "") for i in ids} | {
            ("", i) for i in ids
        }


def test_who_cannot_see_a_chart_is_told_its_figures():
    text = str(drawing.figure(chart()))
    assert 'role="img" aria-label="bert from 10 % to 90 %"' in text
    assert "<figcaption>How bert does</figcaption>" in text
    assert "<desc>bert from 10 % to 90 %</desc>" in drawing.file(chart())


def test_a_chart_is_small():
    assert len(drawing.figure(chart()).encode()) < 9_000


def test_lines_of_one_colour_are_told_apart_by_dash_and_others_by_their_marker():
    points = ((1, 0.1), (2, 0.5))
    lines = tuple(Series(name=str(n), points=points, colour=n) for n in (1, 2, 3, 4, 5, 6))
    keys = re.findall(r'<svg class="key".*?</svg>', drawing.figure(chart(series=lines)))
    assert len({re.sub(r"var\(--c\d\)|a-chart-k\d-\d", "", key) for key in keys}) == 6
    twice = (lines[0], replace(lines[0], name="again"))
    keys = re.findall(r'<svg class="key".*?</svg>', drawing.figure(chart(series=twice)))
    assert "stroke-dasharray" not in keys[0]
    assert "stroke-dasharray" in keys[1]


EDGES = [
    (),
    (Series(name="one", points=((1.0, 0.5),), form="dots"),),
    (Series(name="alike", points=((1.0, 0.5), (2.0, 0.5))),),
    (Series(name="none", points=()),),
    (Series(name="tiny", points=((1e-9, 0.0), (1e-8, 1.0))),),
    (Series(name="huge", points=((1e12, 0.0), (1e15, 1.0)), form="steps"),),
]


@pytest.mark.parametrize("series", EDGES)
@pytest.mark.parametrize("log", [False, True])
@pytest.mark.parametrize("kind", ["share", "usd", "seconds", "number"])
def test_a_chart_with_little_or_odd_data_is_drawn(series, log, kind):
    made = chart(
        series=series, across=Scale(title="across", kind=kind, log=log), up=Scale(title="", kind="share")
    )
    assert "nan" not in drawing.file(made).lower()


@settings(deadline=None, max_examples=200)
@given(
    st.lists(st.floats(1e-6, 1e9), min_size=1, max_size=8),
    st.sampled_from(["usd", "seconds", "number"]),
    st.booleans(),
)
def test_an_axis_holds_every_value_and_has_a_few_marks_that_differ(values, kind, log):
    found = ticks(Scale(title="", kind=kind, log=log), values)
    assert found.low < found.high
    assert found.low <= min(values) * (1 + 1e-9)
    assert max(values) <= found.high * (1 + 1e-9)
    assert 2 <= len(found.marks) <= 8
    assert all(
        found.low <= value * (1 + 1e-9) and value <= found.high * (1 + 1e-9) for value, _ in found.marks
    )


@settings(deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
@example([0.0, 0.001953125])
@example([0.0, 1e-12])
def test_an_axis_of_shares_stays_between_nothing_and_everything(shares):
    found = ticks(Scale(title="", kind="share"), shares)
    assert 0 <= found.low <= min(shares) <= max(shares) <= found.high <= 1
    assert len({word for _, word in found.marks}) == len(found.marks) >= 2


@given(st.text(max_size=80), st.integers(4, 40))
def test_wrapping_loses_no_word(text, most):
    assert "".join("".join(wrapped(text, most)).split()) == "".join(text.split())


def test_a_chinese_sign_counts_as_nearly_two_digits():
    assert width("射击") == 3.5
    assert wrapped("准确率与费用", 6) == ["准确率", "与费用"]


def test_names_of_dots_that_lie_close_do_not_cover_each_other():
    labels = [(f"classifier-{n}", 200.0, 150.0 + 2 * n, "c1") for n in range(4)]
    dots = [(x, y) for _, x, y, _ in labels]
    found = place_names(labels, dots, box=(40, 20, 460, 260), digit=8)
    assert len({(one.anchor, one.x, one.y) for one in found}) == 4
    assert len({(one.anchor, round(one.y / 12)) for one in found}) == 4


def test_every_chart_a_template_asks_for_is_made_by_a_run_that_has_everything():
    import reports.page

    data = three_classifiers(machine_usd_per_hour=1.2)
    made = all_charts(data, score(data))
    assert len({one.key for one in for_files(data, score(data))}) >= len(made) + 4
    html = render(data, score(data))
    for one in made:
        assert html.count(f'id="chart-{one.key}"') == 1, one.key
    assert reports.page.render(data, json.loads(json.dumps(score(data)))) == html


def test_a_run_without_charts_does_not_load_matplotlib():
    script = (
        "import sys; from tests.simulated_run import *; from reports.page import render; from reports.scores import score\n"
        "test = examples([PATHS[i % 5] for i in range(40)]); data = run(test, [classifier('a', of_quality('a', test, 0.5))])\n"
        "render(data, score(data)); print('matplotlib' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    assert done.stdout == "False\n"


def test_thirty_charts_are_drawn_in_seconds():
    start = time.perf_counter()
    for number in range(30):
        drawing.figure(chart(key=f"chart-{number}"))
    assert time.perf_counter() - start < 10


def test_no_number_of_a_file_has_more_than_two_decimals():
    assert re.findall(r"\d\.\d{3,}", drawing.file(chart())) == []
    assert in_xml("a\x00b") == "a\N{REPLACEMENT CHARACTER}b"


def test_files_are_called_after_the_classifiers_and_none_takes_the_place_of_another():
    names = ["a/b", "a b", "A:B", "射击", "../..", "x" * 500, "\ud800"]
    charts = [chart(key=f"training-{n}-loss", file=f"training-{name}-loss") for n, name in enumerate(names)]
    found = list(file_names([*charts, chart(key="plain"), chart(key="odd", file="///")]))
    assert found[:4] == [
        "training-a-b-loss",
        "training-a-b-loss-2",
        "training-A-B-loss-3",
        "training-射击-loss",
    ]
    assert found[-2:] == ["plain", "odd"]
    assert len({name.casefold() for name in found}) == len(names) + 2
    assert all(re.fullmatch(r"[\w-]+", name) and len(name) < 70 for name in found)


def test_accuracies_and_differences_have_their_figures_the_floor_and_the_margin_beside_the_marks():
    data = three_classifiers()
    scores = score(data)
    charts = {one.key: one for one in for_files(data, scores)}
    accuracy, difference = charts["accuracy-whole-path"], charts["difference-whole-path"]
    for name in ("bert", "tfidf", "llm"):
        rate = scores["classifiers"][name]["levels"][-1]["accuracy"]
        assert percent(rate["value"]) in words_of(drawing.file(accuracy))
    for pair in scores["pairs"]:
        assert points(pair["levels"][-1]["difference"]) in words_of(drawing.file(difference))
    assert difference.zone == (-2.0, 2.0)
    assert LIGHT["band"] in drawing.file(difference)
    assert accuracy.uprights == (scores["floor"][-1]["majority_accuracy"],)


def test_an_interval_upwards_is_drawn_inside_the_axis():
    one = Series(name="a", points=((1, 0.5),), colour=1, form="dots", rise=((0.2, 0.7),))
    plain = replace(one, rise=())
    up = Scale(title="", kind="share")
    with_bar, without = (str(drawing.inline(chart(up=up, series=(series,)))) for series in (one, plain))
    assert with_bar.count("stroke-width:2.5") == without.count("stroke-width:2.5") + 1
    assert "20 %" in with_bar
    assert "20 %" not in without


@example([0.0, 0.010000000000000002], 0.010000000000000002)
@given(
    st.lists(st.floats(0, 1), min_size=1, max_size=5),
    st.floats(0.01, 1),
)
def test_an_axis_is_as_long_as_it_has_to_be_at_least(shares, least):
    axis = ticks(Scale(title="", kind="share", least=least), shares)
    assert axis.high - axis.low >= least - 1e-9
    assert 0 <= axis.low <= min(shares) <= max(shares) <= axis.high <= 1

import base64
import hashlib
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from string import Formatter

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from classifiers.llm import LlmClassifier
from classifiers.settings import LlmSettings
from prompts.taxonomy import Taxonomy
from reports import wording, wording_en, wording_terms, wording_zh
from reports.charts import difference_axis, share_axis
from reports.page import render
from reports.samples import pairs_with_examples
from reports.scores import score
from reports.summary import summary
from reports.wording import MINUS, SPACE
from tests.simulated_run import (
    FLAT,
    PATHS,
    answered,
    classifier,
    examples,
    of_quality,
    row,
    run,
    three_classifiers,
)

VOID = {"meta", "link", "br", "hr", "img", "input"}


class Page(HTMLParser):
    """Checks that tags nest, and keeps what the tests ask for."""

    def __init__(self, html):
        super().__init__()
        self.open, self.tags, self.attributes, self.ids, self.headings = [], [], [], [], []
        self.text = ""
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        self.ids += [value for name, value in attrs if name == "id"]
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        self.ids += [value for name, value in attrs if name == "id"]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" not in self.open:
            self.text += data


def page_of(data):
    html = render(data, score(data))
    return Page(html), html


@pytest.fixture(scope="module")
def whole():
    return page_of(three_classifiers(machine_usd_per_hour=1.2, machine_price_source="a bill"))


def test_the_verdict_comes_before_every_table(whole):
    page, html = whole
    assert html.index("bert is the most accurate") < html.index("<table")
    for sentence in ("bert is better than tfidf by", "Answers per second", "1,000 texts cost"):
        assert sentence in page.text


def test_the_page_loads_nothing_and_runs_one_script_of_its_own(whole):
    page, html = whole
    data, script = re.findall(r"<script[^>]*>(.*?)</script>", html, flags=re.DOTALL)
    assert page.tags.count("script") == html.count("</script") == 2
    assert json.loads(data)["rows"]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}';" in html
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval|Function", script)
    assert not {"link", "img", "iframe", "object"} & set(page.tags)
    assert not re.search(r"url\((?!#)", html)
    assert "@import" not in html
    assert not re.search(r"https?:|//[a-z]", html)
    links = [value for name, value in page.attributes if name in ("href", "src")]
    assert links
    assert all(link.startswith("#") and link[1:] in page.ids for link in links)
    assert "default-src 'none'" in html


def test_headings_go_down_one_step_at_a_time_and_ids_are_unique(whole):
    page, _ = whole
    assert page.headings.count(1) == 1
    assert all(after <= before + 1 for before, after in zip(page.headings, page.headings[1:], strict=False))
    assert len(page.ids) == len(set(page.ids))


def test_every_table_has_a_caption_and_every_header_a_scope(whole):
    page, html = whole
    assert page.tags.count("table") == page.tags.count("caption") > 10
    assert all(re.search(r'\bscope="(col|row|colgroup)"', tag) for tag in re.findall(r"<th\b[^>]*>", html))
    assert page.tags.count("figure") == page.tags.count("figcaption") > 0
    assert all("aria-" in tag for tag in re.findall(r'<svg class="(?:strip|bar|marker|scale)[^>]*>', html))


def test_every_section_of_the_contents_is_there(whole):
    page, _ = whole
    wanted = {
        "results",
        "pairs",
        "failures",
        "confusion",
        "labels",
        "examples",
        "data",
        "time",
        "training",
        "reproduce",
    }
    assert wanted <= set(page.ids)


def test_the_floor_failures_raw_replies_and_hashes_are_shown(whole):
    page, _ = whole
    for text in (
        "Always the most frequent label",
        "Guessing",
        "Who can tell?",
        "unreadable",
        "1a" * 32,
        "numpy",
        "a bill",
    ):
        assert text in page.text


def test_the_same_run_gives_the_same_bytes():
    data = three_classifiers()
    assert render(data, score(data)) == render(three_classifiers(), score(three_classifiers()))


def test_the_page_can_be_made_from_scores_that_were_stored_and_read_again():
    data = three_classifiers()
    scores = score(data)
    assert render(data, json.loads(json.dumps(scores))) == render(data, scores)


PAYLOADS = [
    "<script>alert(1)</script>",
    "</script><script>alert(1)</script>",
    "</style><script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "<svg/onload=alert(1)>",
    '<a href="javascript:alert(1)">x</a>',
    "{{ 7 * 7 }}{% raw %}",
    "<!--",
    "]]>&lt;b&gt;&#60;i&#62;",
]


def poisoned(payload):
    """A run in which the payload stands wherever data can stand."""
    paths = ((payload, payload + "a"), (payload, payload + "b"), ("Plain", "Leaf"))
    test = [
        replace(
            one,
            id=f"{payload}{i}",
            text=payload * 2,
            meta={payload: i % 2 == 0, "kind": payload if i % 2 else "x"},
        )
        for i, one in enumerate(examples([paths[i % 3] for i in range(12)]))
    ]
    said = [row(one.id, paths[(i + i % 2) % 3], raw=payload) for i, one in enumerate(test)]
    said[3] |= {"failure": "unreadable", "path": []}
    facts = {"device": payload, "concurrency": 2, payload: payload}
    return run(
        test,
        [
            classifier(
                payload,
                said,
                kind="llm",
                identity={"model": payload, payload: payload},
                facts=facts,
                error=payload,
            ),
            classifier("bert" + payload, said, identity={"base": payload}),
            classifier("other", answered(test, [one.gold for one in test]), identity={"base": payload}),
        ],
        taxonomy=Taxonomy.from_paths(paths),
        name=payload,
        machine_usd_per_hour=1.0,
        machine_price_source=payload,
        environment={payload: {payload: payload}},
        data={
            "counts": {"train": 5, "test": 12},
            "sha256": {"train": payload},
            "sources": {"train": payload},
            "majority": [[payload], [payload, payload + "a"]],
            "findings": [
                {"severity": payload, "kind": "leakage", "message": payload, "where": payload, "count": 1}
            ],
            "note": payload,
            "limit": None,
        },
    )


def tags_of(data):
    return page_of(data)[0]


@pytest.mark.parametrize("payload", PAYLOADS)
def test_data_never_becomes_markup(payload):
    plain, page = tags_of(poisoned("harmless")), tags_of(poisoned(payload))
    assert page.tags == plain.tags
    assert [name for name, _ in page.attributes] == [name for name, _ in plain.attributes]
    assert page.text.count(payload) >= 20


@settings(deadline=None, max_examples=30)
@given(
    st.text(alphabet=st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=12).filter(
        lambda t: t.strip() == t
    )
)
@example("Plain")
@example("\"'<>&")
def test_no_text_whatever_changes_the_markup(text):
    if text in ("Plain", "other"):
        return
    assert tags_of(poisoned(text)).tags.count("section") == tags_of(poisoned("harmless")).tags.count(
        "section"
    )


def test_a_classifier_left_out_shows_no_accuracy_as_if_it_were_one():
    data = three_classifiers()
    llm = data.classifiers[1]
    failing = [
        one | {"failure": "request_failed", "path": []} if i % 5 == 0 else one
        for i, one in enumerate(llm.predictions)
    ]
    data.classifiers[1] = replace(llm, predictions=failing)
    scores = score(data)
    page = Page(render(data, scores))
    accuracy = scores["classifiers"]["llm"]["levels"][0]["accuracy"]["value"]
    assert wording.percent(accuracy) not in page.text
    assert "not stated" in page.text
    assert "bert minus llm" not in str(page.attributes)
    assert "bert minus tfidf" in str(page.attributes)
    assert page.text.index("requests to llm failed") < page.text.index("bert is the most accurate")


@pytest.mark.parametrize(
    "data",
    [
        run(examples([PATHS[0]]), []),
        run(examples([PATHS[0]]), [classifier("bert", [])]),
        run(examples([PATHS[0]]), [classifier("bert", [row("app-0000", PATHS[0])])]),
        run(
            examples(PATHS),
            [classifier("a", [row("app-0000", [], failure="empty")]), classifier("b", [], error="gone")],
        ),
        run(
            examples(PATHS), [classifier("a", answered(examples(PATHS), PATHS))] * 1, data={}, environment={}
        ),
    ],
    ids=["no classifier", "no answer", "one row", "all failed", "no data.json"],
)
def test_a_poor_run_still_makes_a_whole_page(data):
    assert "h1" in page_of(data)[0].tags


def test_a_single_level_of_many_labels_makes_a_page_without_a_matrix_too_large_to_read():
    paths = tuple((f"Label {i}",) for i in range(119))
    test = examples([paths[i % 119] for i in range(238)])
    data = run(
        test,
        [classifier("bert", answered(test, [paths[(i * 7) % 119] for i in range(238)]))],
        taxonomy=Taxonomy.from_paths(paths),
        data={},
    )
    page, html = page_of(data)
    assert 'class="matrix"' not in html
    assert "Most frequent confusions of bert overall" in page.text
    assert "The 60 most frequent of 119 labels" in page.text


def test_a_flat_label_set_speaks_of_accuracy_and_of_no_path():
    test = examples(FLAT)
    page, _ = page_of(
        run(test, [classifier("bert", answered(test, FLAT))], taxonomy=Taxonomy.from_paths(FLAT), data={})
    )
    assert "Whole path" not in page.text


def test_eight_hundred_texts_stay_far_below_three_megabytes():
    _, html = page_of(three_classifiers(800))
    assert len(html.encode()) < 1_000_000


def test_of_very_many_pairs_twelve_have_examples_those_of_the_verdict_first():
    test = examples([PATHS[i % 5] for i in range(100)])
    names = [f"c{number}" for number in range(9)]
    data = run(test, [classifier(name, of_quality(name, test, 0.3)) for name in names])
    scores = score(data)
    shown = [frozenset((pair["a"], pair["b"])) for pair in pairs_with_examples(scores)]
    first, last = (
        {frozenset((one["name"], one["other"])) for one in level["comparisons"]}
        for level in scores["verdict"]["levels"]
    )
    assert len(scores["pairs"]) == 36
    assert len(set(shown)) == 12
    assert set(shown) <= first | last or first | last <= set(shown)
    best = scores["verdict"]["levels"][0]["ranking"][:2]
    assert shown[0] == frozenset(best)
    page = render(data, scores)
    assert page.count(": examples") == 12 * 2
    assert "Examples are shown for 12 of the 36 pairs" in page
    few = three_classifiers(60)
    assert "Examples are shown for" not in render(few, score(few))


def test_every_class_of_the_templates_has_a_rule():
    folder = Path(wording.__file__).parent
    css = (folder / "style.css.j2").read_text(encoding="utf-8")
    used = {
        name
        for path in folder.glob("*.html.j2")
        for found in re.findall(r'class="([^"]*)"', path.read_text(encoding="utf-8"))
        for name in re.sub(r"[^\s}]*\{\{.*?\}\}[^\s{]*", " ", found).split()
    }
    assert used >= {"card", "level", "range"}
    assert {name for name in used if not re.search(rf"\.{name}\b", css)} == set()


def test_the_chinese_page_says_so_and_has_no_english_sentence():
    data = replace(three_classifiers(), language="zh")
    page, html = page_of(data)
    assert '<html lang="zh-CN">' in html
    assert "这些文本该由哪个分类器来打标签？" in page.text
    assert not [
        text for text in wording_en.TEXTS.values() if len(text) > 40 and "{" not in text and text in page.text
    ]


def test_both_languages_have_the_same_texts_with_the_same_blanks():
    def blanks(text):
        return {name for _, name, _, _ in Formatter().parse(text) if name}

    assert list(wording_en.TEXTS) == list(wording_zh.TEXTS)
    assert {k: blanks(v) for k, v in wording_en.TEXTS.items()} == {
        k: blanks(v) for k, v in wording_zh.TEXTS.items()
    }


@pytest.mark.parametrize(
    ("write", "value", "text"),
    [
        (wording.percent, 0.6337, "63.4_%"),
        (wording.percent, None, "–"),
        (wording.percent, 1.0, "100.0_%"),
        (wording.points, 0.0281, "+2.8"),
        (wording.points, -0.031, f"{MINUS}3.1"),
        (wording.points, -0.0001, "0.0"),
        (wording.points, 0.0, "0.0"),
        (wording.count, 13333, "13,333"),
        (wording.rate, 3.448, "3.45"),
        (wording.rate, 107.2, "107"),
        (wording.seconds, 0.00005, "50.0_µs"),
        (wording.seconds, 0.06, "60.0_ms"),
        (wording.seconds, 0.0, "0_s"),
        (wording.seconds, 28.04, "28.0_s"),
        (wording.seconds, 232.0, "3_min 52_s"),
        (wording.seconds, 240.0, "4_min"),
        (wording.seconds, 9000.0, "2_h 30_min"),
        (wording.usd, 0.0, "$0.00"),
        (wording.usd, 1234.5, "$1,234.50"),
        (wording.usd, 0.00806, "$0.0081"),
        (wording.usd, 0.5, "$0.50"),
        (wording.usd, 0.000002, "<\u202f$0.0001"),
        (wording.usd, None, "–"),
        (wording.p_value, 0.04321, "0.043"),
        (wording.p_value, 0.00001, "<\u202f0.0001"),
        (wording.p_value, 1.0, "1.000"),
    ],
)
def test_figures_are_written_for_people(write, value, text):
    assert write(value) == text.replace("_", SPACE)


@settings(deadline=None)
@given(st.lists(st.floats(-1, 1), max_size=20))
def test_the_axis_of_differences_holds_every_value_and_zero_is_its_middle(values):
    axis = difference_axis(values)
    assert all(axis.low <= value <= axis.high for value in values)
    assert axis.at(0.0) == "50.00%"
    assert 3 <= len(axis.ticks) <= 9


def test_the_axis_of_shares_is_the_same_for_every_chart():
    assert [share_axis().at(share) for share in (0.0, 0.634, 1.0)] == ["0.00%", "63.40%", "100.00%"]


def test_the_terminal_is_told_the_same_as_the_page():
    found = summary(score(three_classifiers(machine_usd_per_hour=1.2)))
    assert found.head == (
        "Classifier",
        "Level 1",
        "Whole path",
        "No answer",
        "Answering time",
        "Texts/s",
        "Cost per 1,000",
    )
    assert [len(cells) for cells in found.rows] == [7, 7, 7]
    assert found.rows[1][0] == "llm"
    assert found.rows[1][3] == "8"
    assert found.rows[1][-1] == "$0.10"
    assert found.verdict[0] == "bert is the most accurate, by more than chance explains."
    assert found.warnings == ()


def test_the_facts_are_named_in_words_and_what_is_absent_has_no_line():
    facts = {
        "engine": "onnx-int8",
        "precision": "int8",
        "truncation": "head_tail",
        "temperature": 1.23456,
        "cut_share": 0.1234,
        "unknown_token_share": None,
        "gpu_memory_peak_gb": 1.25,
        "batch_tokens": 8192,
        "of_a_later_version": True,
    }
    data = three_classifiers()
    first, *others = data.classifiers
    data = replace(data, classifiers=[replace(first, facts=facts), *others])
    rows = re.findall(r'<tr><th scope="row">([^<]*)</th><td>([^<]*)</td></tr>', page_of(data)[1])
    told = {key: value.replace(SPACE, " ") for key, value in rows}
    assert told.items() >= {
        ("Engine", "ONNX Runtime, int8"),
        ("Precision", "int8"),
        ("Read of a longer text", "head and tail"),
        ("Temperature of the scores", "1.235"),
        ("Texts that were cut", "12.3 %"),
        ("Peak of GPU memory, GB", "1.25"),
        ("Tokens in one pass", "8,192"),
        ("of_a_later_version", "yes"),
    }
    assert "Tokens the vocabulary lacks" not in told
    chinese = page_of(replace(data, language="zh"))[0].text
    for text in ("被截断的文本", "推理引擎", "ONNX Runtime，int8", "开头和结尾"):
        assert text in chinese


@pytest.mark.parametrize(("cut_share", "lines"), [(0.1234, 1), (0.0, 1), (None, 0)])
def test_the_share_of_texts_that_were_cut_stands_beside_the_accuracy(cut_share, lines):
    data = three_classifiers()
    first, *others = data.classifiers
    data = replace(data, classifiers=[replace(first, facts={"cut_share": cut_share}), *others])
    cards = page_of(data)[1].split("<nav", 1)[0]
    assert cards.count("Texts that were cut") == lines
    if lines:
        assert f"<dd>{wording.percent(cut_share)}</dd>" in cards


def test_every_fact_of_a_classifier_and_every_figure_of_its_curve_has_a_name_in_both_languages():
    for key, (english, chinese) in wording_terms.TEXTS.items():
        assert english, key
        assert chinese, key
        assert "_" not in english + chinese
    settings = LlmSettings(kind="llm", model="m", base_url="http://localhost:9/v1", api_key_env=None)
    llm = LlmClassifier(name="llm", taxonomy=Taxonomy.flat(["a", "b"]), settings=settings)
    assert [key for key in llm.facts if f"fact.{key}" not in wording_terms.TEXTS] == []
    assert not set(wording_terms.TEXTS) & set(wording_en.TEXTS)


def test_costs_come_right_after_results_and_the_contents_have_the_order_of_the_page(whole):
    _, html = whole
    sections = re.findall(r'<section id="(\w+)"', html.split("<main>")[1])
    assert sections[:3] == ["results", "economics", "pairs"]
    contents = re.findall(r'<li><a href="#(\w+)">', html.split("<nav")[1].split("</nav>")[0])
    assert contents == sections


def test_where_everyone_answered_everything_one_sentence_says_so():
    test = examples([PATHS[i % 3] for i in range(30)])
    everything = answered(test, [PATHS[0]] * 30)
    page, _ = page_of(run(test, [classifier("a", everything), classifier("b", everything)]))
    assert "Every classifier answered all 30 texts." in page.text
    assert "All failures" not in page.text
    assert "Of the answered" not in page.text
    page, _ = page_of(run(test, [classifier("a", everything), classifier("b", everything[:29])]))
    assert "Every classifier answered" not in page.text
    assert "All failures" in page.text
    assert "Of the answered" in page.text


def test_one_classifier_is_printed_label_by_label_the_leader(whole):
    _, html = whole
    labels = html.split('<section id="labels"')[1].split("</section>")[0]
    printed = re.findall(
        r'<details class="k\d">\s*<summary>.*?</svg>(.*?)</summary>', labels, flags=re.DOTALL
    )
    assert len(printed) == 2
    assert all("bert" in caption for caption in printed)


def test_a_pair_is_written_as_a_difference_and_its_sign_is_the_same_in_sentence_and_table():
    test = examples([PATHS[0]] * 100)
    said = {
        name: answered(test, [PATHS[0]] * right + [PATHS[2]] * (100 - right))
        for name, right in (("a", 58), ("b", 59))
    }
    data = run(test, [classifier(name, rows) for name, rows in said.items()])
    (found, *_) = score(data)["verdict"]["sentences"]["accuracy"]
    page, html = page_of(data)
    assert 'a <span class="quiet">−</span> b</th>' in html
    assert (
        "do not tell a and b apart (difference −1.0 points" in found
        or "a and b are equivalent within 2.0 points (difference −1.0" in found
    )
    assert "−1.0" in page.text.split("Head to head")[-1]


def test_what_to_keep_in_mind_stands_under_the_headline_and_before_what_to_do_next():
    data = three_classifiers()
    data = replace(data, data={**data.data, "note": "Labelled by two people."})
    page = render(data, score(data))
    parts = [
        'class="headline"',
        "Keep in mind",
        "Labelled by two people.",
        "What to do next",
        'class="cards"',
    ]
    places = [page.index(one) for one in parts]
    assert places == sorted(places)


def test_with_one_level_the_table_of_f1_has_no_head_that_says_accuracy():
    data = three_classifiers()
    test = examples([path[:1] for path in FLAT] * 20)
    flat = replace(
        data,
        taxonomy=Taxonomy.from_paths(FLAT),
        test=test,
        data=data.data | {"majority": [["Action"]]},
        classifiers=[classifier("bert", of_quality("bert", test, 0.8, FLAT))],
    )
    table = page_of(flat)[1].split("Macro-F1 and weighted F1", 1)[1].split("</thead>", 1)[0]
    assert "Macro-F1" in table
    assert ">Accuracy<" not in table
    assert 'scope="colgroup"' not in table
    assert 'scope="colgroup"' in page_of(data)[1].split("macro-F1", 1)[1].split("</thead>", 1)[0]


def test_the_settings_of_a_training_are_on_the_page():
    data = three_classifiers()
    first, *others = data.classifiers
    shaped = replace(first, training_identity={"learning_rate": 0.0002, "base_sha256": "ab" * 32, "seed": 7})
    data = replace(data, classifiers=[shaped, *others])
    scores = score(data)
    assert scores["classifiers"]["bert"]["training_identity"]["learning_rate"] == 0.0002
    assert scores["classifiers"]["llm"]["training_identity"] is None
    html = render(data, scores)
    assert html.count("What shaped its training") == 2  # the label and the caption of one table
    settings = html.split("What shaped its training", 2)[2].split("</table>", 1)[0]
    assert "learning_rate" in settings
    assert "0.0002" in settings

"""The table of all texts in a real Chromium: search, filters, order, pages, links, payloads, paper."""

import re
from dataclasses import replace

import pytest
from playwright.sync_api import expect

from prompts.taxonomy import Taxonomy
from reports.arrays import FAILURES
from reports.page import render
from reports.scores import score
from tests.browser import NEEDED, Tab
from tests.simulated_run import FLAT, PATHS, classifier, examples, row, run, three_classifiers

pytestmark = NEEDED


@pytest.fixture(scope="module")
def data():
    data = three_classifiers(120)
    first, *others = data.classifiers
    sure = [
        {**one, "scores": [{one["path"][0]: (n * 37 % 100) / 100}, {one["path"][1]: (n * 53 % 100) / 100}]}
        for n, one in enumerate(first.predictions)
    ]
    return replace(data, classifiers=[replace(first, predictions=sure), *others])


def right(data, name, level=1):
    said = {one["id"]: one for one in next(c for c in data.classifiers if c.name == name).predictions}
    return {e.id for e in data.test if tuple(said[e.id]["path"][: level + 1]) == e.gold[: level + 1]}


def counted(tab):
    found = re.match(r"[\d,]+", tab.page.locator("#apps-count").inner_text())
    return int(found[0].replace(",", "")) if found else 0


def searched(tab, words):
    tab.page.locator("[name=q]").fill(words)
    return settled(tab, words)


def settled(tab, words):
    """Return the count once the search is in the address: it waits whether another letter comes."""
    tab.page.wait_for_function(
        "words => new URLSearchParams(location.hash.slice('#apps?'.length)).get('q') === words", arg=words
    )
    return counted(tab)


def assert_soon_counted(tab, n):
    """A step through the history is drawn when the browser says so, not at once."""
    expect(tab.page.locator("#apps-count")).to_have_text(re.compile(rf"^{n}\b"))


def ids(tab):
    return tab.page.locator("#apps-table tbody a").all_inner_texts()


def choose(tab, name, label):
    tab.page.locator(f"[name={name}]").select_option(label=label)
    return counted(tab)


def test_it_shows_the_first_texts_and_turns_pages(open_page, data):
    tab, path = open_page(data)
    assert counted(tab) == 120
    assert ids(tab) == [f"app-{n:04d}" for n in range(25)]
    assert tab.page.locator("#apps-back").is_disabled()
    for _ in range(4):
        tab.page.locator("#apps-next").click()
    assert ids(tab) == [f"app-{n:04d}" for n in range(100, 120)]
    assert tab.page.locator("#apps-next").is_disabled()
    tab.page.locator("#apps-back").click()
    assert ids(tab)[0] == "app-0075"
    tab.assert_quiet(path)


def test_two_clicks_in_the_same_moment_are_two_pages(open_page, data):
    tab, _ = open_page(data)
    tab.page.evaluate("() => { for (const _ of [1, 2]) document.getElementById('apps-next').click(); }")
    assert ids(tab) == [f"app-{n:04d}" for n in range(50, 75)]
    tab.page.go_back()
    expect(tab.page.locator("#apps-table tbody a").first).to_have_text("app-0025")


def test_a_click_right_after_a_letter_is_not_undone_by_the_search(open_page, data):
    tab, _ = open_page(data)
    tab.page.evaluate(
        """() => {
            const field = document.querySelector("[name=q]");
            field.value = "text 1";
            field.dispatchEvent(new Event("input", { bubbles: true }));
            document.getElementById("apps-next").click();
        }"""
    )
    assert (counted(tab), len(ids(tab))) == (39, 14)
    tab.page.wait_for_timeout(300)  # longer than the search waits for another letter
    assert (counted(tab), len(ids(tab))) == (39, 14)


def test_the_search_looks_at_text_labels_replies_and_ids(open_page, data):
    tab, path = open_page(data)
    for words, expected in (
        ("app-0042", {"app-0042"}),
        ("TEXT 77", {"app-0077"}),
        ("who can tell", {f"app-{n:04d}" for n in (0, 40, 80)}),
        ("no such words", set()),
    ):
        assert searched(tab, words) == len(expected)
        assert set(ids(tab)) == expected
    assert tab.page.locator("#apps-count").inner_text() == "No text fits. Take a filter away."
    everywhere = {e.id for e in data.test if e.gold == PATHS[0]} | {
        one["id"] for c in data.classifiers for one in c.predictions if "Shooter" in one["path"]
    }
    assert searched(tab, "shooter") == len(everywhere)
    tab.assert_quiet(path)


def test_each_filter_keeps_what_it_says(open_page, data):
    tab, path = open_page(data)
    everything, bert, llm, tfidf = (
        {e.id for e in data.test},
        *(right(data, n) for n in ("bert", "llm", "tfidf")),
    )
    failed = {f"app-{n:04d}" for n in (0, 40, 80)}
    same = {
        e.id
        for n, e in enumerate(data.test)
        if len({tuple(c.predictions[n]["path"]) for c in data.classifiers}) == 1 and e.id not in failed
    }
    for name, label, expected in (
        ("c0", "right", bert),
        ("c0", "wrong", everything - bert),
        ("c1", "no answer", failed),
        ("c1", "wrong", everything - llm - failed),
        ("agree", "answers differ", everything - same),
        ("agree", "all answer the same", same),
        ("agree", "all right", bert & llm & tfidf),
        ("agree", "none right", everything - bert - llm - tfidf),
        ("gold", "Puzzle", {e.id for e in data.test if e.gold[0] == "Puzzle"}),
        ("s0", "true", {e.id for e in data.test if e.meta["hard"]}),
    ):
        assert choose(tab, name, label) == len(expected), (name, label)
        assert set(ids(tab)) <= expected
        choose(tab, name, "any")
    choose(tab, "level", "Level 1")
    assert choose(tab, "c2", "right") == len(right(data, "tfidf", level=0))
    choose(tab, "c0", "wrong")
    assert counted(tab) == len(right(data, "tfidf", level=0) - right(data, "bert", level=0))
    tab.page.locator("#apps-all").click()
    assert counted(tab) == 120
    assert tab.page.locator("[name=c2]").input_value() == ""
    tab.assert_quiet(path)


def test_it_is_ordered_by_confidence_where_there_is_one(open_page, data):
    tab, _ = open_page(data)
    assert tab.page.locator("[name=sort] option").all_inner_texts() == [
        "as in the test set",
        "bert: least confident first",
        "bert: most confident first",
    ]
    of = {e.id: (n * 53 % 100) / 100 for n, e in enumerate(data.test)}
    for label, turned in (("bert: least confident first", False), ("bert: most confident first", True)):
        choose(tab, "sort", label)
        shown = [of[one] for one in ids(tab)]
        assert shown == sorted(of.values(), reverse=turned)[:25]


def test_back_undoes_a_filter_and_the_address_brings_it_again(open_page, data):
    tab, _ = open_page(data)
    everything = counted(tab)
    wrong = choose(tab, "c0", "wrong")
    both = choose(tab, "gold", "Action")
    address = tab.page.url
    tab.page.go_back()
    assert_soon_counted(tab, wrong)
    tab.page.go_back()
    assert_soon_counted(tab, everything)
    tab.page.goto(address)
    assert_soon_counted(tab, both)
    tab.page.reload()
    assert_soon_counted(tab, both)
    assert tab.page.locator("[name=c0]").input_value() == "wrong"
    assert (tab.console, tab.errors) == ([], [])


def test_a_link_leads_to_a_text_and_a_jump_to_a_section_leaves_the_table_alone(open_page, data):
    tab, path = open_page(data)
    tab.page.goto(path.as_uri() + "#app-app-0077")
    hit = tab.page.locator("tr.hit")
    expect(hit).to_contain_text("Text 77")
    assert hit.evaluate("row => row === document.activeElement")
    assert hit.is_visible()
    tab.page.goto(path.as_uri() + "#results")
    assert "app-0077" in ids(tab)
    for broken, n in (
        ("#app-%E0%A4%A", "No text fits"),
        ("#app-nobody", "No text fits"),
        ("#apps?page=zzz&c99=right&s7=1&level=9&sort=low9", 120),
    ):
        tab.page.goto(path.as_uri() + broken)
        assert_soon_counted(tab, n)
    assert (tab.console, tab.errors) == ([], [])


def test_a_long_text_is_folded_until_it_is_wanted_and_printed_whole(open_page, data):
    long = "Many words of an app. " * 30
    tab, path = open_page(replace(data, test=[replace(data.test[0], text=long), *data.test[1:]]))
    text, more = tab.page.locator("#apps-table .text p"), tab.page.locator("#apps-table .more")
    assert more.count() == 1
    cut = "one => one.scrollHeight > one.clientHeight + 1"
    assert text.evaluate(cut)
    more.press("Enter")
    assert more.get_attribute("aria-expanded") == "true"
    assert not text.evaluate(cut)
    assert text.inner_text().strip() == long.strip()
    more.press("Enter")
    tab.page.emulate_media(media="print")
    assert not text.evaluate(cut)
    tab.assert_quiet(path)


def test_it_is_worked_with_the_keyboard_alone(open_page, data):
    tab, _ = open_page(data)
    tab.page.locator("[name=q]").focus()
    tab.page.keyboard.type("text 1")
    assert settled(tab, "text 1") == 39
    seen = []
    for _ in range(70):
        tab.page.keyboard.press("Tab")
        seen.append(
            tab.page.evaluate(
                "document.activeElement.name || document.activeElement.id || document.activeElement.tagName"
            )
        )
    assert {
        "c0",
        "c1",
        "c2",
        "agree",
        "gold",
        "s0",
        "level",
        "sort",
        "apps-all",
        "A",
        "SUMMARY",
        "apps-next",
    } <= set(seen)
    tab.page.locator("[name=c0]").focus()
    tab.page.keyboard.press("ArrowDown")
    assert tab.page.locator("[name=c0]").input_value() == "right"
    assert tab.page.evaluate("document.activeElement.name") == "c0"


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_words_of_the_table_are_those_of_the_language(open_page, data, language):
    tab, path = open_page(replace(data, language=language))
    text = tab.page.locator("#apps").inner_text()
    shown = {
        "en": ("120 of 120 texts", "confidence", "Page 1 of 5"),
        "zh": ("120 条（共 120 条）", "置信度", "第 1 / 5 页"),
    }
    for words in shown[language]:
        assert words in text
    assert "{" not in text
    assert choose(tab, "c1", {"en": "no answer", "zh": "无回答"}[language]) == 3
    tab.assert_quiet(path)


def test_without_scripts_it_says_where_the_rows_are_found(open_page, data):
    tab, path = open_page(data, java_script_enabled=False)
    assert "harness export" in tab.page.locator("#apps").inner_text()
    assert not tab.page.locator("#apps-tool").is_visible()
    tab.assert_quiet(path)


def test_a_failure_of_every_kind_and_a_text_nobody_was_asked_are_named(open_page):
    test = examples([FLAT[0]] * 7)
    said = [row(one.id, [], failure=kind, raw="Hm") for one, kind in zip(test, FAILURES, strict=False)]
    data = run(test, [classifier("llm", said)], taxonomy=Taxonomy.from_paths(FLAT), data={})
    tab, _ = open_page(data)
    cells = tab.page.locator("#apps-table td.answer").all_inner_texts()
    for cell, words in zip(
        cells,
        ("unreadable", "outside the labels", "refused", "cut off", "empty", "request failed", "not asked"),
        strict=True,
    ):
        assert words in cell


def test_on_paper_the_first_fifty_stand_and_a_note_says_so(open_page, data):
    tab, _ = open_page(data)
    tab.page.evaluate(
        "addEventListener('beforeprint', () => window.printed = "
        "[document.querySelectorAll('#apps-table tbody tr').length, document.getElementById('apps-paper').textContent])"
    )
    tab.page.pdf(prefer_css_page_size=True)
    assert tab.page.evaluate("printed") == [
        50,
        "On paper: the first 50 of 120 texts. The file of this report holds the others.",
    ]
    assert len(ids(tab)) == 25


def test_markup_made_of_text_is_refused_by_the_policy_even_to_the_script_itself(open_page, data):
    tab, _ = open_page(data)
    refused = tab.page.evaluate(
        "() => { try { document.body.innerHTML = '<b>x</b>'; return false; } catch { return true; } }"
    )
    assert refused


@pytest.mark.parametrize(
    "injected",
    [
        "<script>alert(1)</script>",
        "<script>alert(2);{own}</script>",
        "<script src='data:,alert(3)'></script>",
        "<p onclick=alert(4) id=trap>x</p>",
        "<a id=trap href='javascript:alert(5)'>x</a>",
    ],
)
def test_no_script_but_the_one_of_the_page_runs(chromium, tmp_path, data, injected):
    html = render(data, score(data))
    own = html.rpartition("<script>")[2].partition("</script>")[0]
    path = tmp_path / "report.html"
    path.write_text(html.replace("<main>", "<main>" + injected.replace("{own}", own)), encoding="utf-8")
    context = chromium.new_context(offline=True)
    tab = Tab(context, path)
    if tab.page.locator("#trap").count():
        tab.page.locator("#trap").click()
    assert counted(tab) == 120
    assert tab.dialogs == []
    assert any("Content Security Policy" in line for line in tab.console)
    context.close()

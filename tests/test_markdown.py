"""The Markdown summary: it fits a comment, and no name or label in it becomes a link, a mention or markup."""

from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from rich.console import Console

from harness.run_folder import RunFolder
from harness.summary import show
from reports.markdown import MOST_CHARACTERS, escape, summary, table
from reports.next_steps import next_steps
from reports.scores import score
from reports.summary import summary as summarise
from reports.wording import SPACE, Words
from tests.simulated_run import PATHS, answered, classifier, examples, run, three_classifiers
from tests.test_page import PAYLOADS, poisoned

MARKDOWN = MarkdownIt("commonmark").enable(["table", "strikethrough"])
JOINER = "\N{WORD JOINER}"
ODD = [
    *PAYLOADS,
    *(
        "a|b",
        "`code`",
        "[x](javascript:alert(1))",
        "![x](http://example.com/a.png)",
        "<b>",
        "**bold**",
        "~~gone~~",
    ),
    *("@someone", "#12", "owner/repo#12", "http://example.com", "www.example.com", "<http://example.com>"),
    *(
        "# head",
        "- item",
        "1. item",
        "> quote",
        "---",
        "+ item",
        "\\",
        "\\|",
        "$x$",
        ":tada:",
        "&lt;",
        "a\nb\n\nc",
    ),
    *("[x]: /url", "[^1]", "***", "___", "===", "    code", "\t|", "2) item", "http:\\//example.com"),
]


def tokens(text):
    for token in MARKDOWN.parse(text):
        yield token
        yield from token.children or ()


def shown(text):
    return "".join(one.content for one in tokens(text) if one.type == "text")


@pytest.mark.parametrize("text", ODD)
def test_an_escaped_text_shows_just_itself(text):
    kinds = {one.type for one in tokens(f"- {escape(text)}")}
    assert kinds <= {
        *("bullet_list_open", "bullet_list_close", "list_item_open", "list_item_close"),
        *("paragraph_open", "paragraph_close", "inline", "text", "text_special"),
    }
    assert shown(escape(text)).replace(JOINER, "") == " ".join(text.split())


@given(st.text(max_size=60).filter(str.strip))
@example("*a*")
@example("1.")
def test_any_text_shows_just_itself(text):
    told = escape(text)
    assert "\n" not in told
    # markdown-it writes a NUL as the replacement character, as CommonMark wants it.
    assert shown(told).replace(JOINER, "") == " ".join(text.replace("\0", "\ufffd").split()).replace(
        JOINER, ""
    )


@pytest.mark.parametrize("text", ["@someone", "a@example.com", "#12", "owner/repo#12", ":tada:", "GH-12"])
def test_what_github_reads_after_the_backslashes_are_gone_is_parted(text):
    assert JOINER in escape(text)


@pytest.mark.parametrize(
    "text", ["http://example.com", "https://example.com", "www.example.com", "WWW.example.com"]
)
def test_a_bare_address_is_no_address_any_more(text):
    assert "://" not in escape(text)
    assert "www." not in escape(text).lower()


@pytest.mark.parametrize("text", ODD)
def test_a_cell_stays_one_cell(text):
    kinds = [one.type for one in tokens(table(["a", "b"], [[text, "1"], ["c", text]]))]
    assert kinds.count("td_open") == 4
    assert not {"html_inline", "link_open", "image", "code_inline", "strong_open"} & set(kinds)


@pytest.mark.parametrize("payload", PAYLOADS)
def test_a_poisoned_run_has_the_tokens_of_a_harmless_one(payload):
    plain, odd = (
        [
            one.type
            for one in tokens(summary(p, score(poisoned(p))))
            if one.type not in ("text", "text_special")
        ]
        for p in ("harmless", payload)
    )
    assert odd == plain


def test_it_says_the_verdict_every_classifier_and_every_pair():
    data = three_classifiers(machine_usd_per_hour=1.2)
    scores = score(data)
    text = summary(data.name, scores)
    told = shown(text)
    assert scores["verdict"]["sentences"]["choice"] in told
    assert text.count("\n| ") == 1 + 3 + 1 + 3 * 2
    for name in ("bert − llm", "bert − tfidf", "llm − tfidf"):
        assert f"| {name} | Level 1 |" in text
    assert "bert better" in told


def test_it_is_the_same_text_for_the_same_scores():
    data = three_classifiers()
    assert summary("a", score(data)) == summary("a", score(three_classifiers()))


def test_in_chinese_it_has_chinese_heads():
    data = replace(three_classifiers(), language="zh")
    assert "| 分类器 | 第 1 级 |" in summary("a", score(data))


def test_a_run_of_very_many_classifiers_still_fits_a_comment_and_says_that_it_was_cut():
    test = examples([PATHS[i % 5] for i in range(10)])
    many = [
        classifier(f"classifier-{'long-' * 20}{n}", answered(test, [PATHS[(i + n) % 5] for i in range(10)]))
        for n in range(30)
    ]
    text = summary("many", score(run(test, many)))
    assert len(text) <= MOST_CHARACTERS
    assert text.endswith("The rest was left out: a comment holds no more. All of it is in scores.json.\n")
    assert [one.type for one in tokens(text)].count("table_open") >= 1


def test_a_run_without_answers_has_a_summary_all_the_same():
    assert "## empty" in summary("empty", score(run(examples([PATHS[0]]), [classifier("bert", [])])))


def test_the_note_on_the_data_and_what_to_do_next_stand_before_the_table_there_and_on_a_terminal():
    data = three_classifiers()
    scores = score(replace(data, data={**data.data, "note": "Labelled by two people."}))
    found = summarise(scores)
    assert found.note == scores["note"] == "Labelled by two people."
    assert found.steps == tuple(next_steps(scores, Words.of("en")))
    console = Console(file=StringIO(), width=500)
    show(scores, RunFolder(Path("run")), console)
    for text, head in (
        (shown(summary("a", scores)), "Classifier"),
        (console.file.getvalue(), "Classifier"),
    ):
        plain = " ".join(text.replace(JOINER, "").split())
        for one in (found.note, *found.steps):
            assert plain.index(one.replace(SPACE, " ")) < plain.index(head)

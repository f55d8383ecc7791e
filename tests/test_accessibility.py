"""The report and axe-core: nothing serious to find, in light and dark, in both languages, on a screen and a phone."""

from dataclasses import replace

import pytest

from tests.browser import NEEDED
from tests.simulated_run import three_classifiers, with_seeds

pytestmark = NEEDED

RULES = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    "resultTypes": ["violations"],
}


@pytest.fixture(scope="module")
def data():
    finding = {"severity": "error", "kind": "leakage", "message": "seen", "where": "dev.txt:1", "count": 3}
    data = with_seeds(three_classifiers(60, machine_usd_per_hour=1.2), 0.85)
    return replace(data, data={**data.data, "findings": [finding], "note": "A note."})


def findings(tab):
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(tab.page, options=RULES).response["violations"]
    return [
        (one["id"], node["html"][:200])
        for one in found
        if one["impact"] in ("serious", "critical")
        for node in one["nodes"]
    ]


@pytest.mark.parametrize(
    ("scheme", "language", "width"),
    [("light", "en", 1440), ("dark", "en", 390), ("light", "zh", 390), ("dark", "zh", 1440)],
)
def test_axe_finds_nothing_serious(open_page, data, scheme, language, width):
    tab, _ = open_page(
        replace(data, language=language),
        color_scheme=scheme,
        viewport={"width": width, "height": 900},
    )
    tab.page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
    assert findings(tab) == []


def test_axe_finds_what_is_wrong(open_page, data):
    tab, _ = open_page(data)
    tab.page.evaluate(
        "document.querySelector('[name=q]').closest('label').replaceWith(document.createElement('input'))"
    )
    tab.page.evaluate("document.querySelector('.headline').style.color = '#ddd'")
    assert {rule for rule, _ in findings(tab)} == {"label", "color-contrast"}


def test_the_count_is_announced_and_the_focus_can_be_seen(open_page, data):
    tab, _ = open_page(data)
    assert tab.page.locator("#apps-count[role=status]").inner_text() == "60 of 60 texts"
    tab.page.keyboard.press("Tab")
    assert tab.page.evaluate("document.activeElement.className") == "skip"
    for selector in ("[name=q]", "[name=c0]", "#apps-next", "#apps-table tbody a", "nav a", ".scroll"):
        one = tab.page.locator(selector).first
        one.focus()
        tab.page.keyboard.press("Shift+Tab")
        tab.page.keyboard.press("Tab")
        style = tab.page.evaluate(
            "(s => [s.outlineStyle, s.outlineWidth])(getComputedStyle(document.activeElement))"
        )
        assert style == ["solid", "2px"], selector

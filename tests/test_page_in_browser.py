"""The report in a real Chromium: it opens offline, shows payloads as text, fits a phone and prints whole."""

import re
import shutil
import subprocess
from dataclasses import replace

import pytest
from playwright.sync_api import expect

from reports.page import render
from reports.scores import score
from tests.browser import NEEDED, Tab
from tests.simulated_run import three_classifiers, with_seeds
from tests.test_page import PAYLOADS, poisoned

pytestmark = NEEDED


@pytest.fixture(scope="module")
def data():
    return with_seeds(three_classifiers(machine_usd_per_hour=1.2), 0.85)


def open_all(tab):
    tab.page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")


def test_it_opens_with_the_network_off_and_asks_for_nothing(open_page, data):
    tab, path = open_page(data)
    open_all(tab)
    assert (
        tab.page.locator(".headline").inner_text()
        == "bert is the most accurate, by more than chance explains."
    )
    tab.assert_quiet(path)


MORE_PAYLOADS = [
    *PAYLOADS,
    "javascript:alert(1)",
    "a\u2028b\u2029c",
    "</SCRIPT ><svg onload=alert(1)>",
]


@pytest.mark.parametrize("payload", MORE_PAYLOADS)
def test_a_payload_is_text_and_nothing_else(open_page, payload):
    tab, path = open_page(poisoned(payload))
    open_all(tab)
    assert tab.page.locator("h3", has_text=payload).count() >= 1
    assert payload in tab.page.locator(".example .text").first.inner_text()
    assert payload in tab.page.locator(".raw").first.inner_text()
    assert (
        tab.page.locator(
            "script:not(#apps-data, body > script:last-child), img, iframe, svg[onload], [onmouseover], [onerror], a:not([href^='#'])"
        ).count()
        == 0
    )
    table = tab.page.locator("#apps-table")
    first = table.locator("tbody tr").first
    assert first.locator(".text").evaluate("cell => cell.lastChild.textContent") == payload * 2
    assert first.locator("th a").evaluate("link => link.textContent") == payload + "0"
    assert first.locator(".raw").first.evaluate("code => code.textContent") == payload
    assert payload in first.locator(".step").first.evaluate("step => step.textContent")
    tab.page.locator("[name=q]").fill(payload + "3")
    expect(table.locator("tbody tr")).to_have_count(1)
    table.locator("tbody a").click()
    assert table.locator("tr.hit th a").evaluate("link => link.textContent") == payload + "3"
    assert table.locator("script, img, iframe, [onmouseover], [onerror], a:not([href^='#'])").count() == 0
    tab.page.mouse.move(200, 200)
    assert (tab.console, tab.dialogs, tab.errors) == ([], [], [])
    assert {url.partition("#")[0] for url in tab.requests} == {path.as_uri()}


def test_a_script_that_got_in_all_the_same_would_not_run(chromium, tmp_path, data):
    # The second lock: were a place forgotten to be escaped, the page's own policy forbids every script.
    path = tmp_path / "report.html"
    html = render(data, score(data)).replace(
        "</body>", "<img src=x onerror=alert(1)><script>alert(2)</script></body>"
    )
    path.write_text(html, encoding="utf-8")
    context = chromium.new_context(offline=True)
    tab = Tab(context, path)
    context.close()
    assert tab.dialogs == []
    assert any("Content Security Policy" in line for line in tab.console)


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("width", [360, 390, 768, 1440])
def test_the_page_never_scrolls_sideways(open_page, data, width, language):
    tab, _ = open_page(replace(data, language=language), viewport={"width": width, "height": 800})
    open_all(tab)
    assert tab.page.evaluate("document.documentElement.scrollWidth") <= width


def test_wide_tables_scroll_inside_their_box_and_can_be_reached_by_keyboard(open_page, data):
    tab, _ = open_page(data, viewport={"width": 390, "height": 800})
    boxes = tab.page.locator(".scroll")
    assert boxes.evaluate_all("all => all.some(one => one.scrollWidth > one.clientWidth)")
    assert boxes.evaluate_all("all => all.every(one => one.tabIndex === 0 && one.getAttribute('aria-label'))")


LUMINANCE = """
() => {
  const canvas = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
  const rgba = colour => {
    canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1);
    return canvas.getImageData(0, 0, 1, 1).data;
  };
  const light = c => [0, 1, 2].map(i => c[i] / 255).map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const ground = element => {
    for (let one = element; one; one = one.parentElement) {
      const c = rgba(getComputedStyle(one).backgroundColor);
      if (c[3] === 255) return c;
    }
    return [255, 255, 255];
  };
  const low = [];
  let seen = 0;
  for (const element of document.querySelectorAll('body *')) {
    const words = [...element.childNodes].some(node => node.nodeType === 3 && node.textContent.trim());
    if (!words || !element.checkVisibility() || element.closest('.hidden, .skip')) continue;
    const style = getComputedStyle(element);
    const [a, b] = [light(rgba(element.closest('svg') ? style.fill : style.color)), light(ground(element))];
    const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    seen += 1;
    if (contrast < 4.5) low.push([element.className, element.textContent.slice(0, 30), contrast]);
  }
  return {seen, low};
}
"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_has_a_contrast_of_at_least_four_and_a_half(open_page, data, scheme):
    finding = {"severity": "error", "kind": "leakage", "message": "seen", "where": "dev.txt:1", "count": 3}
    told = replace(data, data={**data.data, "findings": [finding], "note": "A note."})
    tab, _ = open_page(told, color_scheme=scheme)
    open_all(tab)
    found = tab.page.evaluate(LUMINANCE)
    assert found["seen"] > 500
    assert found["low"] == []


def test_dark_and_light_are_two_designs(open_page, data):
    grounds = {
        open_page(data, color_scheme=scheme)[0].page.evaluate(
            "getComputedStyle(document.body).backgroundColor"
        )
        for scheme in ("light", "dark")
    }
    assert len(grounds) == 2


def test_the_marks_of_the_chart_stand_where_the_figures_say(open_page, data):
    tab, _ = open_page(data)
    accuracy = score(data)["classifiers"]["tfidf"]["levels"][0]["accuracy"]["value"]
    strip = tab.page.locator("#results .chart").first.locator("svg.strip").nth(2)
    box = strip.bounding_box()
    dot = strip.locator("path.dot").bounding_box()
    place = (dot["x"] + dot["width"] / 2 - box["x"]) / box["width"]
    assert place == pytest.approx(accuracy, abs=0.01)


PAPER = {False: 688, True: 1009}  # px at 96 dots an inch: A4 upright and across, less its margins
ACROSS = "#apps"
NOT_ON_PAPER = "#pairs details, #cascade details, #apps, .on-screen"


@pytest.mark.parametrize("language", ["en", "zh"])
def test_on_paper_everything_is_opened_and_no_table_is_cut(open_page, data, language):
    told = replace(data, language=language)
    for across, width in PAPER.items():
        tab, _ = open_page(told, viewport={"width": width, "height": 1000})
        tab.page.emulate_media(media="print")
        tab.page.evaluate("dispatchEvent(new Event('beforeprint'))")
        found = tab.page.evaluate(
            """([across, sections, left]) => [...document.querySelectorAll("table, svg")]
              .filter(one => across === !!one.closest(sections) && (across || !one.closest(left)))
              .map(one => [one.tagName, one.getBoundingClientRect()])
              .map(([tag, box]) => [tag, Math.round(box.height), Math.round(box.right)])""",
            [across, ACROSS, NOT_ON_PAPER],
        )
        tables = [height for tag, height, _ in found if tag.lower() == "table"]
        assert len(tables) >= (1 if across else 15)
        assert all(tables)
        assert [one for one in found if one[2] > width + 1] == []


@pytest.mark.skipif(shutil.which("pdftotext") is None, reason="no pdftotext (Debian: poppler-utils)")
def test_the_last_column_of_every_table_is_on_the_printed_pages(open_page, data, tmp_path):
    tab, _ = open_page(data)
    wanted = tab.page.locator("table:not(.matrix)").evaluate_all(
        """([...all], left) => all.filter(one => !one.closest(left) || one.closest("#apps"))
          .map(one => one.tHead.rows[0].cells).map(cells => cells[cells.length - 1].textContent.trim())""",
        NOT_ON_PAPER,
    )
    path = tmp_path / "report.pdf"
    tab.page.pdf(path=path, prefer_css_page_size=True)
    pages = subprocess.run(
        ["pdftotext", "-layout", path, "-"], capture_output=True, text=True, check=True
    ).stdout
    assert len(wanted) > 20
    assert {word for title in wanted for word in title.split()} <= set(pages.split())
    assert "app-0049" in pages.split("All texts", 1)[1]
    assert "app-0052" not in pages.split("All texts", 1)[1].split("The data", 1)[0]
    sizes = set(re.findall(rb"/MediaBox\s*\[0 0 (\d+)", path.read_bytes()))
    assert sizes == {b"594", b"841"}

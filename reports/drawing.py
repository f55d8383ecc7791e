"""Station 6: charts as SVG, for the page and as files of their own.

In: `Chart`. Out: the same bytes for the same chart. matplotlib draws lines, dots and bands. Every word is
written here, as text that can be selected: so a reader's own fonts draw Chinese labels, and no label meets
matplotlib's fonts, which lack them, or its formulas between dollar signs.
"""

from __future__ import annotations

from xml.etree import ElementTree as Xml

from markupsafe import Markup

from prompts.characters import in_xml
from reports.figures import Drawing, key, plot
from reports.plots import Chart
from reports.svg import LIGHT, element, width, with_variables, wrapped, write

FONT = (
    "-apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, 'Liberation Sans', 'Noto Sans CJK SC', "
    "'PingFang SC', 'Microsoft YaHei', sans-serif"
)
MARGIN = 20
LINE = 20
KEY_WIDTH = 34
# As style.css.j2 has it: a line that a name crosses stays readable.
NAME = {"font-weight": "600", "paint-order": "stroke", "stroke": "#fff", "stroke-width": "4"}


def figure(chart: Chart) -> Markup:
    """Return the figure for a page: title, chart, and a legend that wraps."""
    entries = Markup("").join(
        Markup("<span>{} {}</span>").format(_page_svg(drawn, class_="key", hidden=True), in_xml(name))
        for name, drawn in _legend(chart)
    )
    legend = Markup('<p class="legend">{}</p>').format(entries) if entries else ""
    return Markup(
        '<figure class="chart drawn" id="chart-{}"><figcaption>{}</figcaption>{}{}</figure>'
    ).format(chart.key, in_xml(chart.title), inline(chart), legend)


def inline(chart: Chart) -> Markup:
    """Return the chart as `<svg>`, without title and legend, in the colours of style.css.j2."""
    return _page_svg(plot(chart), label=chart.alternative)


def file(chart: Chart) -> str:
    """Return the whole chart with title and legend as an SVG file that stands alone."""
    drawn = plot(chart)
    for one in drawn.elements:
        if one.get("class") == "name":
            one.attrib |= NAME
    across = drawn.width + 2 * MARGIN
    title = wrapped(in_xml(chart.title), drawn.width / 8.2)
    top = MARGIN + LINE * len(title) + 8
    legend, below = _file_legend(chart, top + drawn.height + 14, drawn.width)
    root = element(
        "svg",
        {
            "xmlns": "http://www.w3.org/2000/svg",
            "viewBox": f"0 0 {across} {below + MARGIN}",
            "width": across,
            "height": below + MARGIN,
            "role": "img",
            "font-family": FONT,
            "font-size": 12.5,
        },
        element("title", {}, text=chart.title),
        element("desc", {}, text=chart.alternative),
        element("rect", {"width": "100%", "height": "100%", "fill": "#fff"}),
        *(
            element(
                "text",
                {
                    "x": MARGIN,
                    "y": MARGIN + LINE * number + 10,
                    "font-size": 15,
                    "font-weight": 600,
                    "fill": LIGHT["ink"],
                },
                text=line,
            )
            for number, line in enumerate(title)
        ),
        element("g", {"transform": f"translate({MARGIN} {top})"}, *drawn.elements),
        *legend,
    )
    return write(root) + "\n"


def _legend(chart: Chart) -> list[tuple[str, Drawing]]:
    """Return name and key of every series whose points are not named themselves."""
    return [
        (series.name, key(chart, number))
        for number, series in enumerate(chart.series)
        if series.name and not series.names
    ]


def _file_legend(chart: Chart, top: float, room: float) -> tuple[list[Xml.Element], float]:
    """Return the legend in rows that fit, and where it ends."""
    found: list[Xml.Element] = []
    x = 0.0
    y = top
    entries = _legend(chart)
    for name, drawn in entries:
        (name,) = wrapped(in_xml(name), 50)[:1]
        needed = KEY_WIDTH + 7.2 * width(name) + 22
        if x and x + needed > room:
            x, y = 0.0, y + LINE
        place = f"translate({round(MARGIN + x, 1)} {y})"
        words = element("text", {"x": KEY_WIDTH, "y": 10, "fill": LIGHT["soft"]}, text=name)
        found.append(element("g", {"transform": place}, *drawn.elements, words))
        x += needed
    return found, y + LINE if entries else top - 14


def _page_svg(drawn: Drawing, *, label: str = "", class_: str = "plot", hidden: bool = False) -> Markup:
    told = {"aria-hidden": "true"} if hidden else {"role": "img", "aria-label": in_xml(label)}
    size = {"width": drawn.width, "height": drawn.height} if hidden else {}
    root = element(
        "svg",
        {"class": class_, "viewBox": f"0 0 {drawn.width} {drawn.height}", **size, **told},
        *(with_variables(part) for part in drawn.elements),
    )
    return Markup(write(root))

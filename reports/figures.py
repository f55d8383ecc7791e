"""Station 6: what of a chart is drawn, by matplotlib, and where its words stand.

In: `Chart`. Out: `Drawing`, in the light colours of the page. Nothing global of matplotlib is used or left
changed, and no setting of the user's own changes a chart.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as Xml

from prompts.characters import in_xml
from reports.name_places import place_names
from reports.plots import INK, Chart, Series
from reports.svg import LIGHT, element, shapes, width, wrapped
from reports.ticks import Ticks, ticks

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH, HEIGHT = 480, 300
DIGIT = 8.4  # units a digit takes at the 15 px that a phone's page gives a text
MARKERS = ("o", "o", "s", "D", "^", "v", "P")  # by colour; the shapes of macros.html.j2
DASHES: tuple[Any, ...] = ("-", (0, (5, 2.5)), (0, (1.2, 2.2)), (0, (7, 2, 1.5, 2)))
MARKED_EVERY = 0.22  # of the diagonal, so that a long line can be told by its shape, too
LONGEST_WORD = 19


@dataclass(frozen=True, kw_only=True)
class Drawing:
    """Elements of an SVG, and the room they take in its units."""

    elements: list[Xml.Element]
    width: int
    height: int


def plot(chart: Chart) -> Drawing:
    """Draw a chart without its title and legend."""
    from matplotlib import rc_context, rcdefaults

    with rc_context():
        rcdefaults()
        return _plot(chart)


def key(chart: Chart, number: int) -> Drawing:
    """Draw the sample of one series for the legend."""
    from matplotlib import rc_context, rcdefaults

    with rc_context():
        rcdefaults()
        figure = _figure(28, 12)
        axes = figure.add_axes((0, 0, 1, 1), xlim=(0, 28), ylim=(0, 12))
        axes.axis("off")
        series = chart.series[number]
        if series.band:
            axes.fill_between([0, 28], 1, 11, color=LIGHT[_colour(series)], alpha=0.16, linewidth=0)
        style = _style(chart, number)
        if series.form == "dots":
            axes.plot([14], [6], **style)
        else:
            axes.plot([1, 14, 27], [6, 6, 6], **style | {"markevery": [1]})
        return Drawing(elements=shapes(_svg(figure), f"{chart.key}-k{number}"), width=28, height=12)


def _plot(chart: Chart) -> Drawing:
    points = [point for series in chart.series for point in series.points]
    bands = [end for series in chart.series for end in series.band]
    reach = [end for series in chart.series for ends in series.reach for end in ends]
    rise = [end for series in chart.series for ends in series.rise for end in ends]
    beside = [*reach, *chart.uprights, *(chart.zone or ())]
    across = ticks(chart.across, [x for x, _ in points] + [x for x, _, _ in bands] + beside)
    up = ticks(chart.up, [y for _, y in points] + [y for _, *ends in bands for y in ends] + rise)
    titles = wrapped(in_xml(chart.up.title), WIDTH / DIGIT) if chart.up.title else []
    named = [_cut(word) for _, word in up.marks]
    left = max((DIGIT * width(word) for word in named), default=0) + 14
    right = max(16.0, DIGIT * width(across.marks[-1][1]) / 2 if across.marks else 0)
    top = 12 + 17 * len(titles)
    marks = _apart(across.marks, WIDTH - left - right)
    figure = _figure(WIDTH, HEIGHT)
    axes = figure.add_axes(
        (left / WIDTH, 46 / HEIGHT, (WIDTH - left - right) / WIDTH, (HEIGHT - 46 - top) / HEIGHT)
    )
    _scales(axes, chart, across, up)
    for number in range(len(chart.series)):
        _series(axes, chart, number)
    drawn = shapes(_svg(figure), chart.key)

    def at(x: float, y: float) -> tuple[float, float]:
        place = axes.transData.transform((x, y))
        return round(float(place[0]), 1), round(HEIGHT - float(place[1]), 1)

    words = [
        *(_text(0, 13 + 17 * number, line, "quiet") for number, line in enumerate(titles)),
        *(
            _text(left - 8, at(across.low, value)[1] + 4, word, "quiet", "end")
            for (value, _), word in zip(up.marks, named, strict=True)
        ),
        *(_text(at(value, up.low)[0], HEIGHT - 28, word, "quiet", "middle") for value, word in marks),
        _text(round((left + WIDTH - right) / 2, 1), HEIGHT - 6, chart.across.title, "quiet", "middle"),
    ]
    for series in chart.series:
        for name, (_, y), ends in zip(series.names, series.points, series.reach, strict=False):
            (start, line), (end, _) = (at(one, y) for one in ends)
            fits = end + 10 + DIGIT * width(name) <= WIDTH
            x, anchor = (end + 10, "start") if fits else (start - 10, "end")
            words.append(_text(x, line + 4, name, _colour(series), anchor, class_="name"))
    labels = [
        (_cut(name, 30), *at(*point), _colour(series))
        for series in chart.series
        if not series.reach
        for name, point in zip(series.names, series.points, strict=False)
    ]
    dots = [at(*point) for series in chart.series if series.form == "dots" for point in series.points]
    placed = place_names(labels, dots, box=(left, top, WIDTH - right / 2, HEIGHT - 46), digit=DIGIT)
    words += [_text(one.x, one.y, one.name, one.colour, one.anchor, class_="name") for one in placed]
    return Drawing(elements=[*drawn, *words], width=WIDTH, height=HEIGHT)


def _figure(across: int, up: int) -> Figure:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(across / 72, up / 72), dpi=72)
    figure.patch.set_visible(False)
    return figure


def _svg(figure: Figure) -> bytes:
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    file = io.BytesIO()
    FigureCanvasSVG(figure).print_svg(file, metadata={"Date": None})
    return file.getvalue()


def _scales(axes: Axes, chart: Chart, across: Ticks, up: Ticks) -> None:
    axes.set_xscale("log" if chart.across.log else "linear")
    axes.set_yscale("log" if chart.up.log else "linear")
    axes.set_xlim(across.low, across.high)
    axes.set_ylim(up.low, up.high)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.set_xticks([], minor=True)
    axes.set_yticks([], minor=True)
    axes.patch.set_visible(False)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set(color=LIGHT["quiet"], linewidth=1)
    for value, _ in up.marks:
        axes.axhline(value, color=LIGHT["grid"], linewidth=1, zorder=0)
    if any(series.reach for series in chart.series):
        for value, _ in across.marks:
            axes.axvline(value, color=LIGHT["grid"], linewidth=1, zorder=0)
    if chart.zone is not None:
        axes.axvspan(*chart.zone, color=LIGHT["band"], linewidth=0, zorder=-1)
    for value in chart.uprights:
        axes.axvline(value, color=LIGHT["quiet"], linewidth=1.25, linestyle=(0, (3, 3)), zorder=1)


def _series(axes: Axes, chart: Chart, number: int) -> None:
    series = chart.series[number]
    colour = LIGHT[_colour(series)]
    if series.band:
        places, lows, highs = zip(*series.band, strict=True)
        step = "post" if series.form == "steps" else None
        axes.fill_between(places, lows, highs, color=colour, alpha=0.16, linewidth=0, step=step, zorder=1)
    for (_, y), (low_end, high_end) in zip(series.points, series.reach, strict=False):
        axes.plot([low_end, high_end], [y, y], color=colour, linewidth=2.5, solid_capstyle="round", zorder=2)
    for (x, _), ends in zip(series.points, series.rise, strict=False):
        axes.plot([x, x], ends, color=colour, linewidth=2.5, solid_capstyle="round", zorder=2)
    if series.points:
        xs, ys = zip(*series.points, strict=True)
        drawstyle = "steps-post" if series.form == "steps" else "default"
        left, right = axes.get_xlim()
        bottom, top = axes.get_ylim()
        inside = all(left <= one <= right for one in xs) and all(bottom <= one <= top for one in ys)
        # A dot on the edge is drawn whole; only what a chart's own ends leave out is cut off.
        axes.plot(xs, ys, drawstyle=drawstyle, clip_on=not inside, **_style(chart, number))


def _style(chart: Chart, number: int) -> dict[str, Any]:
    """Return how a series is drawn: told apart by marker and dash as well as by colour."""
    series = chart.series[number]
    alike = [one for one in chart.series[:number] if one.colour == series.colour and _is_line(one)]
    colour = LIGHT[_colour(series)]
    style: dict[str, Any] = {"color": colour, "linewidth": 2, "linestyle": DASHES[len(alike) % len(DASHES)]}
    marker = {
        "marker": MARKERS[series.colour],
        "markersize": 6.5 if series.colour != 3 else 6,
        "markeredgewidth": 1.2,
        "markerfacecolor": LIGHT["paper"] if alike and series.form != "dots" else colour,
    }
    if series.form == "dashed":
        return style | {"linewidth": 1.5, "linestyle": (0, (4, 3))}
    if series.form == "dots":
        return marker | {"color": colour, "linestyle": "none", "markersize": 9, "zorder": 3}
    if series.form == "line_and_dots" or series.colour == INK:
        return style | (marker if series.form == "line_and_dots" else {})
    few = len(series.points) <= 2
    return style | marker | {"markersize": 5.5, "markevery": 1 if few else (0.1, MARKED_EVERY)}


def _apart(marks: tuple[tuple[float, str], ...], room: float) -> tuple[tuple[float, str], ...]:
    """Leave out every second mark until the words have room."""
    while len(marks) > 2 and sum(DIGIT * (width(word) + 1.5) for _, word in marks) > room:
        marks = marks[::2]
    return marks


def _is_line(series: Series) -> bool:
    return series.form in ("line", "steps", "line_and_dots")


def _colour(series: Series) -> str:
    return "ink" if series.colour == INK else f"c{series.colour}"


def _cut(word: str, most: int = LONGEST_WORD) -> str:
    kept = in_xml(" ".join(word.split()))
    while width(kept) > most:
        kept = kept.removesuffix("…")[:-1].rstrip() + "…"
    return kept


def _text(
    x: float, y: float, words: str, colour: str, anchor: str = "start", class_: str = ""
) -> Xml.Element:
    attributes: dict[str, object] = {"x": round(x, 1), "y": round(y, 1), "fill": LIGHT[colour]}
    if anchor != "start" or class_:  # a name has the same attributes wherever there was room for it
        attributes["text-anchor"] = anchor
    if class_:
        attributes["class"] = class_
    return element("text", attributes, text=words)

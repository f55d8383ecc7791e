"""Station 6: what matplotlib writes as SVG, made small, and the few elements that are added to it.

In: an SVG of matplotlib. Out: its shapes without their wrapping, with short numbers and with ids that begin
with a chart's key, so that many charts fit into one page.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from unicodedata import east_asian_width
from xml.etree import ElementTree as Xml

from prompts.characters import in_xml

SVG = "{http://www.w3.org/2000/svg}"
HREF = "{http://www.w3.org/1999/xlink}href"
# The light colours of style.css.j2, by the names of its variables.
LIGHT = {
    "paper": "#faf9f6",
    "ink": "#1c1f24",
    "soft": "#4b515b",
    "quiet": "#626974",
    "grid": "#e9e6df",
    "band": "#efece4",
    "c1": "#24609b",
    "c2": "#b4590a",
    "c3": "#17776a",
    "c4": "#7a4796",
    "c5": "#ab2f4c",
    "c6": "#55616d",
}
_VARIABLE = {colour: f"var(--{name})" for name, colour in LIGHT.items()}


def element(tag: str, attributes: Mapping[str, object], *inside: Xml.Element, text: str = "") -> Xml.Element:
    """Return an element; whatever its text is, it stays text."""
    made = Xml.Element(tag, {name: str(value) for name, value in attributes.items()})
    made.text = in_xml(text) or None
    made.extend(inside)
    return made


def write(root: Xml.Element) -> str:
    """Return the element as text."""
    return Xml.tostring(root, encoding="unicode")


def shapes(svg: bytes, prefix: str) -> list[Xml.Element]:
    """Return what is drawn in an SVG of matplotlib, ids renamed to `prefix-1`, `prefix-2`, ..."""
    root = Xml.fromstring(svg)
    used = {id_ for one in root.iter() for id_ in _references(one)}
    there = [id_ for one in root.iter() if (id_ := one.get("id")) in used]
    names = {old: f"{prefix}-{number}" for number, old in enumerate(dict.fromkeys(there), start=1)}
    return [kept for child in root for kept in _kept(child, names)]


def with_variables(one: Xml.Element) -> Xml.Element:
    """Return the element with the variables of style.css.j2 in the place of colours."""
    swapped = Xml.Element(
        one.tag,
        {name: re.sub("#[0-9a-f]{6}", _variable, value) for name, value in one.attrib.items()},
    )
    swapped.text = one.text
    swapped.extend([with_variables(inner) for inner in one])
    return swapped


def width(text: str) -> float:
    """Return about how wide a text is, in widths of a digit."""
    return sum(1.75 if east_asian_width(sign) in "WF" else 1.0 for sign in text)


def wrapped(text: str, most: float) -> list[str]:
    """Break a text into lines of at most `most` digits, at spaces or between Chinese characters."""
    lines = [""]
    for part in re.findall(r"[\u2e80-\uffef]|[^\s\u2e80-\uffef]+\s*|\s+", text):
        if lines[-1] and width(lines[-1]) + width(part.rstrip()) > most:
            lines.append("")
        lines[-1] += part
    return [line.strip() for line in lines]


def _variable(found: re.Match[str]) -> str:
    return _VARIABLE.get(found[0], found[0])


def _references(one: Xml.Element) -> list[str]:
    found = (re.search("#([^)]+)", one.get(name, "")) for name in (HREF, "clip-path"))
    return [reference[1] for reference in found if reference]


def _kept(one: Xml.Element, names: Mapping[str, str]) -> list[Xml.Element]:
    """Return an element without groups that say nothing, and nothing for what is not drawn."""
    tag = one.tag.removeprefix(SVG)
    inside = [kept for child in one for kept in _kept(child, names)]
    if tag == "g" and "clip-path" not in one.attrib:
        return inside
    if tag in ("metadata", "style") or (tag in ("g", "defs") and not inside):
        return []
    if tag == "path" and one.get("id") not in names and not one.get("d", "").strip():
        return []
    attributes: dict[str, object] = {}
    for name, value in one.attrib.items():
        if name == "id":
            attributes |= {"id": names[value]} if value in names else {}
        elif name == HREF:
            attributes["href"] = f"#{names[value[1:]]}"
        elif name == "clip-path":
            attributes[name] = f"url(#{names[value[5:-1]]})"
        elif name == "style":
            attributes[name] = value.replace("; ", ";").replace(": ", ":")
        else:
            attributes[name] = _short(value)
    return [element(tag, attributes, *inside)]


def _short(value: str) -> str:
    """Write numbers with two decimals at most: a hundredth of a pixel is none."""
    rounded = re.sub(r"-?\d+\.\d+", lambda found: f"{round(float(found[0]), 2) + 0.0:g}", value)
    return re.sub(r"\s+", " ", rounded).strip()

"""What a file can hold: half characters and control characters stop no file, and all other text stays as it is."""

import json
from xml.etree import ElementTree as Xml

from hypothesis import given
from hypothesis import strategies as st

from prompts.characters import in_json, in_utf8, in_xml

ANY = st.text(st.characters(exclude_categories=()))  # half surrogate pairs, too


@given(ANY)
def test_every_text_can_be_written_as_utf_8_and_what_could_before_is_unchanged(text: str) -> None:
    kept = in_utf8(text)
    assert len(kept.encode("utf-8").decode("utf-8")) == len(text)
    assert all(new == old or "\ud800" <= old <= "\udfff" for new, old in zip(kept, text, strict=True))


@given(ANY)
def test_every_text_can_stand_in_xml(text: str) -> None:
    element = Xml.Element("a")
    element.text = in_xml(text)
    written = Xml.tostring(element, encoding="utf-8")
    assert len(Xml.fromstring(written).text or "") == len(text.replace("\r\n", "\n"))


@given(ANY)
def test_json_in_utf_8_gives_every_text_back_half_characters_too(text: str) -> None:
    written = in_json(json.dumps({text: text}, ensure_ascii=False)).encode("utf-8")
    assert json.loads(written) == {text: text}

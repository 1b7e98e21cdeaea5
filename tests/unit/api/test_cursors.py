"""Cursors lead back to what they were made of, and nothing else is one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from servicegraph.errors import BadInput
from servicegraph.model.ids import Kind, ServiceKey
from servicegraph_api import cursors

QUESTION = "all services"
_text = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)
_space = st.just("") | _text.filter(lambda text: text != "-")
_keys = st.builds(
    ServiceKey, st.just("") | _text, _space, _text, st.sampled_from([str(kind) for kind in Kind])
)


@given(st.lists(_keys, min_size=1, max_size=2))
def test_a_cursor_leads_back_to_its_services(keys: list[ServiceKey]) -> None:
    cursor = cursors.write(QUESTION, *keys)
    assert cursor.isascii()
    assert cursor.replace("-", "").replace("_", "").isalnum()
    assert cursors.read(QUESTION, cursor, len(keys)) == tuple(keys)
    with pytest.raises(BadInput):
        cursors.read(QUESTION, cursor, len(keys) + 1)


@given(_keys, st.text())
def test_the_cursor_of_another_question_is_refused(key: ServiceKey, other: str) -> None:
    with pytest.raises(BadInput, match="same filters"):
        cursors.read(QUESTION + other + "?", cursors.write(QUESTION, key), 1)


@given(_keys, st.data())
def test_a_cursor_that_was_changed_anywhere_is_refused(key: ServiceKey, data: st.DataObject) -> None:
    cursor = cursors.write(QUESTION, key)
    at = data.draw(st.integers(0, len(cursor)))
    instead = data.draw(st.text(st.sampled_from("abcXYZ019-_=! "), max_size=2))
    changed = cursor[:at] + instead + cursor[at + data.draw(st.integers(0, 1)) :]
    if changed != cursor:
        with pytest.raises(BadInput, match="unchanged"):
            cursors.read(QUESTION, changed, 1)


@given(st.text())
def test_any_text_is_a_cursor_or_bad_input(text: str) -> None:
    with pytest.raises(BadInput, match="next_cursor"):
        cursors.read(QUESTION, text, 1)

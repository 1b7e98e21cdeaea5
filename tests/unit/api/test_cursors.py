"""Cursors lead back to what they were made of, and nothing else is one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from servicegraph.errors import BadInput
from servicegraph.model.ids import Kind, ServiceKey
from servicegraph_api import cursors

_text = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)
_space = st.just("") | _text.filter(lambda text: text != "-")
_keys = st.builds(
    ServiceKey, st.just("") | _text, _space, _text, st.sampled_from([str(kind) for kind in Kind])
)


@given(st.lists(_keys, min_size=1, max_size=2))
def test_a_cursor_leads_back_to_its_services(keys: list[ServiceKey]) -> None:
    cursor = cursors.write(*keys)
    assert cursor.isascii()
    assert cursor.replace("-", "").replace("_", "").isalnum()
    assert cursors.read(cursor, len(keys)) == tuple(keys)
    with pytest.raises(BadInput):
        cursors.read(cursor, len(keys) + 1)


@given(st.text())
def test_any_text_is_a_cursor_or_bad_input(text: str) -> None:
    try:
        (key,) = cursors.read(text, 1)
    except BadInput:
        return
    assert cursors.read(cursors.write(key), 1) == (key,)

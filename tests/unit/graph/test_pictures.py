"""Pictures stay valid for any name: what was drawn is read back and is the same."""

from __future__ import annotations

import html
import re

from hypothesis import given
from hypothesis import strategies as st

from servicegraph.graph.pictures import Arrow, Box, Picture, dot, mermaid
from servicegraph.model.ids import Kind

_texts = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\n\r"), max_size=20
) | st.sampled_from(
    [
        '"',
        "\\",
        '\\"',
        "a]b",
        "a)b",
        "#quot;",
        "&lt;",
        "<b>",
        "`x`",
        "end",
        "--> n1",
        "|",
        "%%",
        "{}",
        "\\n",
        ";",
    ]
)
_words = _texts.filter(bool)


@st.composite
def _pictures(draw: st.DrawFn) -> Picture:
    boxes = draw(
        st.lists(
            st.builds(Box, _words, st.sampled_from([str(kind) for kind in Kind])), min_size=1, max_size=5
        )
    )
    ends = st.integers(0, len(boxes) - 1)
    arrows = draw(
        st.lists(
            st.builds(Arrow, ends, ends, _texts, st.booleans(), st.booleans(), st.booleans()), max_size=6
        )
    )
    return Picture(tuple(boxes), tuple(arrows), tuple(draw(st.lists(_words, max_size=2))))


_M_SHAPES = {"[": "Service", "[(": "Datastore", "[[": "Queue", "([": "External"}
_M_TEXT = r'"((?:[\w ./:@%,=-]|#[0-9]+;)*)"'
_M_BOX = re.compile(rf"  n(\d+)(\[\(|\[\[|\(\[|\[){_M_TEXT}(?:\)\]|\]\]|\]\)|\])")
_M_NOTE = re.compile(rf"  note\d+\[/{_M_TEXT}/\]")
_M_ARROW = re.compile(rf"  n(\d+) (-->|-\.->)(?:\|{_M_TEXT}\|)? n(\d+)")
_M_LINK = re.compile(r"  linkStyle (\d+) (.+)")


def read_mermaid(text: str) -> Picture:
    """The picture that a Mermaid flowchart of ours shows."""

    def plain(escaped: str | None) -> str:
        return re.sub(r"#(\d+);", lambda found: chr(int(found[1])), escaped or "")

    first, *lines = text.removesuffix("\n").split("\n")
    assert first == "flowchart LR"
    boxes: list[Box] = []
    notes: list[str] = []
    arrows: list[Arrow] = []
    for line in lines:
        if found := _M_BOX.fullmatch(line):
            assert int(found[1]) == len(boxes)
            boxes.append(Box(plain(found[3]), _M_SHAPES[found[2]]))
        elif found := _M_NOTE.fullmatch(line):
            notes.append(plain(found[1]))
        elif found := _M_ARROW.fullmatch(line):
            arrows.append(Arrow(int(found[1]), int(found[4]), plain(found[3]), found[2] == "-.->"))
        elif found := _M_LINK.fullmatch(line):
            old = arrows[int(found[1])]
            arrows[int(found[1])] = Arrow(
                old.source,
                old.target,
                old.label,
                old.dashed,
                "dasharray" in found[2],
                "stroke:red" in found[2],
            )
        else:
            assert line == "  style n0 stroke-width:3px"
    return Picture(tuple(boxes), tuple(arrows), tuple(notes))


_D_SHAPES = {None: "Service", "cylinder": "Datastore", "cds": "Queue", "oval": "External"}
_D_TEXT = r'"((?:[^"\\]|\\.)*)"'
_D_BOX = re.compile(rf"  n(\d+) \[label={_D_TEXT}(?:, shape=(\w+))?(?:, penwidth=3)?\];")
_D_NOTE = re.compile(rf"  note\d+ \[label={_D_TEXT}, shape=note\];")
_D_ARROW = re.compile(
    rf"  n(\d+) -> n(\d+)(?: \[(?:label={_D_TEXT})?(?:(?:, )?style=(\w+))?(?:(?:, )?color=(red))?\])?;"
)


def read_dot(text: str) -> Picture:
    """The picture that a Graphviz digraph of ours shows; a stale arrow hides whether it is asynchronous."""

    def plain(escaped: str | None) -> str:
        return html.unescape(re.sub(r"\\(.)", lambda found: found[1], escaped or ""))

    lines = text.removesuffix("\n").split("\n")
    assert (lines[0], lines[-1]) == ("digraph servicegraph {", "}")
    assert lines[1:3] == ["  rankdir=LR;", "  node [shape=box];"]
    boxes: list[Box] = []
    notes: list[str] = []
    arrows: list[Arrow] = []
    for line in lines[3:-1]:
        if found := _D_NOTE.fullmatch(line):
            notes.append(plain(found[1]))
        elif found := _D_BOX.fullmatch(line):
            assert int(found[1]) == len(boxes)
            boxes.append(Box(plain(found[2]), _D_SHAPES[found[3]]))
        else:
            found = _D_ARROW.fullmatch(line)
            assert found, line
            label, style, red = plain(found[3]), found[4], bool(found[5])
            arrows.append(
                Arrow(int(found[1]), int(found[2]), label, style == "dashed", style == "dotted", red)
            )
    return Picture(tuple(boxes), tuple(arrows), tuple(notes))


@given(_pictures())
def test_a_mermaid_flowchart_shows_what_was_drawn(picture: Picture) -> None:
    assert read_mermaid(mermaid(picture)) == picture


@given(_pictures())
def test_a_digraph_shows_what_was_drawn(picture: Picture) -> None:
    shown = Picture(
        picture.nodes,
        tuple(
            Arrow(
                arrow.source,
                arrow.target,
                arrow.label,
                arrow.dashed and not arrow.dotted,
                arrow.dotted,
                arrow.red,
            )
            for arrow in picture.edges
        ),
        picture.notes,
    )
    assert read_dot(dot(picture)) == shown

"""YAML or JSON text as the documents in it, each value as kubectl would read it, each field with its line.

kubectl reads YAML 1.1 as Go's yaml.v2 does: `on` is a boolean, a time is a string, `1e3` is a number, of a key that comes twice
the last counts. PyYAML differs in some of these, so only its parser is used, values are made here, and a test compares them.
Lines are looked up when a finding asks for one, so thousands of manifests do not keep their parse trees. No file is read here.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import orjson
import yaml

from servicegraph.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_VALUES = 1_000_000
"""Values of one document, aliases written out: what a few lines of aliases can stand for has no end otherwise."""
DEEPEST = 100
"""Levels of nesting of one document."""

_WORDS: dict[str, Any] = {
    **dict.fromkeys(("true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON", "y", "Y"), True),
    **dict.fromkeys(("false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF", "n", "N"), False),
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), math.nan),
    **{sign + word: math.inf for sign in ("", "+") for word in (".inf", ".Inf", ".INF")},
    **{"-" + word: -math.inf for word in (".inf", ".Inf", ".INF")},
}
_NUMBER_BEGINS = frozenset("+-.0123456789")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_OCTAL = re.compile(r"[-+]?0[0-7]+")
_STEP = re.compile(r"\[(\d+)\]|\.?([^.\[]+)")
_MERGE = "<<"
_MANY = 1_000
_SIGNS_OF_DEPTH = ("- - - - ", "? ? ", " " * 4 * DEEPEST)


class NotParsed(BadInput):
    """The text is no YAML."""

    def __init__(self, message: str, line: int) -> None:
        """Take what is wrong, and the line, from 1."""
        super().__init__(message)
        self.line = line


@dataclass(frozen=True, slots=True)
class Document:
    """One document of a text."""

    body: Any
    """As it would be in JSON."""
    line: int
    """Where it begins, from 1."""
    repeated: tuple[tuple[str, int], ...]
    """Keys that come twice in one map, each with the line of the second."""
    text: str
    number: int
    """Its place in the text, from 0."""

    def line_of(self, path: str) -> int:
        """The line of a field such as `spec.dependencies[3].mode`, or of the nearest that there is above it."""
        trees = _trees(self.text)
        node = trees[self.number] if self.number < len(trees) else None
        line = self.line
        for index, name in _STEP.findall(path):
            if isinstance(node, yaml.SequenceNode) and index and int(index) < len(node.value):
                node = node.value[int(index)]
                line = node.start_mark.line + 1
            elif isinstance(node, yaml.MappingNode) and name:
                found = [pair for pair in node.value if pair[0].value == name]
                if not found:
                    return line
                line, node = found[-1][0].start_mark.line + 1, found[-1][1]
            else:
                return line
        return line


def documents(text: str) -> Iterator[Document]:
    """The documents of a text that are not empty.

    Raises:
        NotParsed: the text cannot be parsed, from the document on that is to come.
    """
    if _may_be_deep(text):
        _refuse_depth(text)
    loader = yaml.CSafeLoader(text)
    number = 0
    try:
        while loader.check_node():
            node: Any = loader.get_node()
            made = _Values()
            body = made.value(node)
            if body is not None:
                yield Document(body, node.start_mark.line + 1, tuple(made.repeated), text, number)
            number += 1
    except yaml.YAMLError as error:
        whole = _json(text) if number == 0 else None
        if whole is None:
            raise _not_parsed(error) from error
        yield whole
    finally:
        loader.dispose()


def _may_be_deep(text: str) -> bool:
    """Whether the text may nest so deeply that the parser, which recurses on the machine's stack, would end the process."""
    return text.count("[") + text.count("{") > _MANY or any(sign in text for sign in _SIGNS_OF_DEPTH)


def _refuse_depth(text: str) -> None:
    """Look at the text event by event, which takes longer and no stack.

    Raises:
        NotParsed: it nests too deeply.
    """
    depth = 0
    try:
        for event in yaml.parse(text, yaml.CSafeLoader):
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > DEEPEST:
                raise NotParsed("is nested too deeply", event.start_mark.line + 1 if event.start_mark else 1)
    except yaml.YAMLError as error:
        raise _not_parsed(error) from error


def _json(text: str) -> Document | None:
    """The text as JSON: some of it, such as an escaped surrogate pair, is no YAML."""
    try:
        return Document(orjson.loads(text), 1, (), text, 0)
    except orjson.JSONDecodeError:
        return None


def _not_parsed(error: yaml.YAMLError) -> NotParsed:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or getattr(error, "reason", None) or "no YAML"
    return NotParsed(str(problem), mark.line + 1 if mark else 1)


@lru_cache(maxsize=1)
def _trees(text: str) -> list[yaml.Node]:
    """The parse trees of a text, kept for the next question about it; none of what is no YAML."""
    try:
        return list(yaml.compose_all(text, yaml.CSafeLoader))
    except yaml.YAMLError:
        return []


class _Values:
    """Makes the values of one document."""

    def __init__(self) -> None:
        self.repeated: list[tuple[str, int]] = []
        self._made: dict[yaml.Node, tuple[Any, int]] = {}
        self._open: set[yaml.Node] = set()

    def value(self, node: yaml.Node) -> Any:
        """The value of a node.

        Raises:
            NotParsed: it is too large, too deep, or contains itself.
        """
        return self._sized(node)[0]

    def _sized(self, node: yaml.Node) -> tuple[Any, int]:
        """The value, and how many values it is with aliases written out."""
        if isinstance(node, yaml.ScalarNode):
            return _scalar(node), 1
        found = self._made.get(node)
        if found is None:
            line = node.start_mark.line + 1
            if node in self._open or len(self._open) >= DEEPEST:
                raise NotParsed("contains itself, or is nested too deeply", line)
            self._open.add(node)
            found = self._list(node) if isinstance(node, yaml.SequenceNode) else self._map(node)
            self._open.discard(node)
            if found[1] > MOST_VALUES:
                raise NotParsed("stands for too many values with its aliases written out", line)
            self._made[node] = found
        return found

    def _list(self, node: yaml.SequenceNode) -> tuple[list[Any], int]:
        parts = [self._sized(part) for part in node.value]
        return [part for part, _ in parts], 1 + sum(size for _, size in parts)

    def _map(self, node: yaml.Node) -> tuple[dict[str, Any], int]:
        """A map; what `<<` brings in gives way to what stands there."""
        own: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        total = 1
        for key_node, value_node in node.value:
            value, size = self._sized(value_node)
            total += size
            if key_node.value == _MERGE and isinstance(key_node, yaml.ScalarNode) and not key_node.style:
                for part in reversed(value if isinstance(value, list) else [value]):
                    merged.update(part if isinstance(part, dict) else {})
                continue
            key = self._key(key_node)
            if key in own:
                self.repeated.append((key, key_node.start_mark.line + 1))
            own[key] = value
        return merged | own, total

    def _key(self, node: yaml.Node) -> str:
        """A key as JSON has it."""
        if not isinstance(node, yaml.ScalarNode):
            raise NotParsed("has a list or a map for a key", node.start_mark.line + 1)
        key = _scalar(node)
        return key if isinstance(key, str) else orjson.dumps(key).decode()


def _scalar(node: yaml.ScalarNode) -> Any:
    """What a scalar stands for: quoted it is a string, plain it may be a word or number of YAML 1.1."""
    text: str = node.value
    tag: str = node.tag
    if node.style or (tag == "tag:yaml.org,2002:str" and _is_explicit(node)):
        return text
    if text in _WORDS:
        return _WORDS[text]
    return _number(text) if text[0] in _NUMBER_BEGINS else text


def _is_explicit(node: yaml.ScalarNode) -> bool:
    """Whether a plain scalar is tagged as a string although it would be none; the parser does not tell who tagged it."""
    return node.end_mark.index - node.start_mark.index > len(node.value)


def _number(text: str) -> Any:
    """The number that a plain scalar is, else the scalar."""
    plain = text.replace("_", "")
    try:
        return int(plain, 8) if _OCTAL.fullmatch(plain) else int(plain, 0)
    except ValueError:
        return float(plain) if _FLOAT.fullmatch(plain) else text

"""Which files hold the manifests that people name, and what stands in them: files, folders, standard input."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from servicegraph.checks.documents import NotParsed
from servicegraph.checks.manifests import Reading
from servicegraph.model.servicedependency import GROUP

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

STDIN = "-"
_SUFFIXES = frozenset({".yaml", ".yml", ".json"})


@dataclass(slots=True)
class Input:
    """All that was read, and what could not be."""

    reading: Reading
    files: int = 0
    unreadable: list[str] = field(default_factory=list)
    """A sentence for each, with file and line."""


def find(paths: Iterable[str]) -> dict[Path, bool]:
    """The files that the paths mean, each once, and whether it was named itself; folders are searched to their ends.

    Hidden folders below are left out, links to folders are not followed.
    """
    found: dict[str, tuple[Path, bool]] = {}
    for path in paths:
        named = path == STDIN or not Path(path).is_dir()
        for file in [Path(path)] if named else _below(path):
            place = os.path.realpath(file)
            first, before = found.get(place, (file, False))
            found[place] = first, named or before
    return dict(found.values())


def load(files: Mapping[Path, bool], namespace: str, step: Callable[[], None]) -> Input:
    """Read the manifests in files; a file that cannot be read or parsed is told and the others go on.

    Args:
        files: what `find` has found.
        namespace: where objects are applied that name none.
        step: called after each file.
    """
    got = Input(Reading(namespace))
    for file, named in files.items():
        name = "stdin" if str(file) == STDIN else str(file)
        try:
            text = (sys.stdin.buffer.read() if str(file) == STDIN else file.read_bytes()).decode("utf-8-sig")
            # In a folder there may be anything, templates too, which are no YAML yet: only what speaks of us is parsed.
            if named or GROUP in text:
                got.reading.add_text(text, name)
            got.files += 1
        except NotParsed as error:
            got.unreadable.append(f"{name}:{error.line}: {error.message}")
        except UnicodeDecodeError as error:
            got.unreadable.append(f"{name}: is no UTF-8 text at byte {error.start}")
        except OSError as error:
            got.unreadable.append(f"{name}: {error.strerror}")
        step()
    return got


def _below(folder: str) -> Iterator[Path]:
    for place, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (Path(place, name) for name in sorted(files) if Path(name).suffix in _SUFFIXES)

"""Which words of a list resemble a given one: misspelt, cut short or drawn out.

Comparing with every word is cheap here, because the set of letters in each, as bits in an array, rules out nearly all of them
before any two are compared letter by letter. Knows nothing of services; `checks.near` does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import numpy.typing as npt

_COMPARED = 64
"""Words compared letter by letter at most; the most alike by their letters come first."""

_AFFIX = 9
"""How much longer than the other a word may be that begins or ends with it: `-service` and a bit."""

_DRAWN_OUT = 2
"""How strange it is to leave out or add an affix; as much as two wrong letters."""


class Spelling:
    """A list of words, ready to be searched."""

    def __init__(self, words: Iterable[str]) -> None:
        self._words = list(dict.fromkeys(words))
        self._lengths = np.fromiter(map(len, self._words), np.int64, len(self._words))
        self._letters = _letters(self._words, self._lengths)

    def alike(self, wanted: str) -> dict[str, int]:
        """The words that resemble `wanted`, each with how strange that would be; 0 is the word itself."""
        most = _tolerated(wanted)
        letters = _letters([wanted], np.array([len(wanted)]))[0]
        longer = self._lengths - len(wanted)
        # An edit changes the length by one at most, and the set of letters by two.
        unlike = np.bitwise_count(self._letters ^ letters)
        apart = np.maximum((unlike + 1) // 2, np.abs(longer))
        likely = np.flatnonzero(apart <= most)
        found: dict[str, int] = {}
        for at in likely[np.argsort(apart[likely], kind="stable")[:_COMPARED]].tolist():
            edits = edit_distance(wanted, self._words[at], most)
            if edits is not None:
                found[self._words[at]] = edits
        only_in_the_shorter = np.where(longer > 0, letters & ~self._letters, self._letters & ~letters)
        for at in np.flatnonzero((np.abs(longer) <= _AFFIX) & (only_in_the_shorter == 0)).tolist():
            if _drawn_out(wanted, self._words[at]):
                found.setdefault(self._words[at], _DRAWN_OUT)
        return found


def edit_distance(one: str, other: str, most: int) -> int | None:
    """The fewest edits that turn one word into the other; None when more than `most`.

    An edit inserts, removes or replaces a letter or swaps two neighbours (optimal string alignment, after Damerau 1964 and
    Wagner and Fischer 1974), worked out only in the band of 2 * `most` + 1 cells around the diagonal (Ukkonen 1985).
    """
    if abs(len(one) - len(other)) > most:
        return None
    same = next(
        (at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other))
    )
    one, other = one[same:], other[same:]
    beyond = most + 1
    higher: list[int] = []
    above = [min(column, beyond) for column in range(len(other) + 1)]
    for row, letter in enumerate(one, 1):
        here = [beyond] * (len(other) + 1)
        here[0] = min(row, beyond)
        for column in range(max(1, row - most), min(len(other), row + most) + 1):
            replaced = above[column - 1] + (letter != other[column - 1])
            here[column] = min(replaced, above[column] + 1, here[column - 1] + 1, beyond)
            if row > 1 and column > 1 and letter == other[column - 2] and one[row - 2] == other[column - 1]:
                here[column] = min(here[column], higher[column - 2] + 1)
        if min(here) == beyond and min(above) == beyond:
            return None
        higher, above = above, here
    return above[-1] if above[-1] <= most else None


def _letters(words: Sequence[str], lengths: npt.NDArray[np.int64]) -> npt.NDArray[np.uint64]:
    """By word, the set of its letters as 64 bits; different letters may share a bit, which only widens the search.

    A zero ends each word, so that none is empty; its bit is in all sets.
    """
    text = "".join(f"{word}\0" for word in words)
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
    bits = np.uint64(1) << (codes & np.uint32(63)).astype(np.uint64)
    ends = np.cumsum(lengths + 1)
    letters: npt.NDArray[np.uint64] = np.bitwise_or.reduceat(bits, ends - lengths - 1)
    return letters


def _tolerated(word: str) -> int:
    """How many edits still make a misspelling: none in three letters or fewer, where nearly everything is near."""
    return 0 if len(word) < 4 else 1 if len(word) < 6 else 2


def _drawn_out(one: str, other: str) -> bool:
    """Whether the longer word begins or ends with the shorter one."""
    short, long = sorted((one, other), key=len)
    return len(short) >= 3 and (long.startswith(short) or long.endswith(short))

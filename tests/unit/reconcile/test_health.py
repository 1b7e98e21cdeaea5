"""The board says what does not work, as long as it does not."""

from __future__ import annotations

from servicegraph.reconcile.health import HealthBoard


def test_a_trouble_stands_on_the_board_until_it_is_cleared() -> None:
    board = HealthBoard()
    board.report("watch", "deaf")
    board.report("resync", "no answer")
    assert board.degraded() == {"watch": "deaf", "resync": "no answer"}
    board.clear("watch")
    board.clear("never reported")
    assert board.degraded() == {"resync": "no answer"}
    assert board.alive()


def test_parts_that_are_asked_are_listed_only_while_they_answer_with_a_trouble() -> None:
    board = HealthBoard()
    answers: list[str | None] = ["away", None]
    board.ask("postgres", lambda: answers.pop(0))
    assert board.degraded() == {"postgres": "away"}
    assert board.degraded() == {}


def test_what_is_beyond_help_stays_so() -> None:
    board = HealthBoard()
    board.give_up("deaf through three restarts")
    assert not board.alive()
    assert board.degraded() == {"process": "deaf through three restarts"}

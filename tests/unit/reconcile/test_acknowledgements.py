"""What the specs of alerts say that is not stored yet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from servicegraph.graph.alerts import News
from servicegraph.model.alert import Acknowledgement
from servicegraph.reconcile.acknowledgements import news
from support.cyclealerts import INSTANCE, Versions, live_alert, only

if TYPE_CHECKING:
    from servicegraph.model.alert import Alert
    from servicegraph.reconcile.acknowledgements import Words
    from servicegraph.writeback.live_alert import LiveAlert

KNOWN = {"reason": "known"}
ACKNOWLEDGED = Acknowledgement(2, "known")


def opened() -> Alert:
    return only(Versions().become("ab"))


def acknowledged() -> tuple[Versions, Alert]:
    versions = Versions()
    name = only(versions.become("ab")).name
    return versions, only(versions.become("ab", News({name: ACKNOWLEDGED})))


def said(alert: Alert, *objects: LiveAlert) -> Words:
    return news({one.name: one for one in objects}, [alert], INSTANCE)


def test_what_is_stored_already_is_no_news() -> None:
    _, alert = acknowledged()
    assert said(alert, live_alert(alert.name, said=KNOWN, generation=2)) == {}
    quiet = opened()
    assert said(quiet, live_alert(quiet.name)) == {}


def test_new_words_and_words_of_a_new_generation_are_news() -> None:
    alert = opened()
    assert said(alert, live_alert(alert.name, said=KNOWN, generation=2)) == {alert.name: ACKNOWLEDGED}
    _, alert = acknowledged()
    again = Acknowledgement(3, "known")
    assert said(alert, live_alert(alert.name, said=KNOWN, generation=3)) == {alert.name: again}


def test_words_taken_away_are_news() -> None:
    _, alert = acknowledged()
    assert said(alert, live_alert(alert.name, generation=3)) == {alert.name: None}


def test_an_object_that_is_gone_says_nothing_until_it_is_made_again_unless_its_circle_is_gone_too() -> None:
    versions, alert = acknowledged()
    assert said(alert) == {}
    assert said(only(versions.become(""))) == {alert.name: None}


def test_words_that_cannot_be_used_and_words_on_the_alerts_of_others_change_nothing() -> None:
    _, alert = acknowledged()
    assert said(alert, live_alert(alert.name, said={"reason": 7}, generation=3)) == {}
    assert said(alert, live_alert(alert.name, generation=3, instance="another")) == {}


def test_words_on_alerts_that_there_are_not_are_passed_over() -> None:
    alert = opened()
    assert said(alert, live_alert("cycle-of-mine", said=KNOWN)) == {}

"""A team whose lettered services call each other in circles, and the alerts that Kubernetes shows of them."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from servicegraph.model.cyclealert import INSTANCE_LABEL, PLURAL
from servicegraph.model.servicedependency import API_VERSION
from support.manifests import manifest
from support.operators import eventually
from support.teams import Team

if TYPE_CHECKING:
    from servicegraph.local.kubectl import Kubectl
    from support.apiserver import ApiServer
    from support.operators import Operator

Body = dict[str, Any]


@dataclass
class Ringed:
    """Declares circles in a namespace and looks at the alerts of one operator."""

    kubectl: Kubectl
    server: ApiServer
    operator: Operator
    namespace: str
    known: dict[str, None] = field(default_factory=dict)
    """Every service declared so far."""

    @property
    def team(self) -> Team:
        return Team(self.kubectl, self.namespace)

    def become(self, text: str) -> None:
        """Make these circles all that is declared, in one apply: in each word every letter calls the next, in a ring."""
        calls: dict[str, dict[str, None]] = {letter: {} for letter in self.known}
        for word in text.split():
            for one, other in zip(word, word[1:] + word[0], strict=True):
                calls.setdefault(one, {})[other] = None
        self.known |= dict.fromkeys(calls)
        self.team.apply(*(manifest(one, *others) for one, others in calls.items()))

    def alerts(self) -> list[Body]:
        """The alerts of this operator that have a status."""
        path = f"/apis/{API_VERSION}/{PLURAL}?labelSelector={INSTANCE_LABEL}%3D{self.operator.instance}"
        return [one for one in self.server.ask("GET", path).body["items"] if "state" in one["status"]]

    def alert(self, letters: str) -> Body:
        """The alert with these members."""
        (found,) = [one for one in self.alerts() if _letters(one) == letters]
        return found

    def name(self, letters: str) -> str:
        """How the alert with these members is called."""
        name: str = self.alert(letters)["metadata"]["name"]
        return name

    def states(self) -> dict[str, str]:
        """What state each alert is in, by its members."""
        return {_letters(one): one["status"]["state"] for one in self.alerts()}

    def await_states(self, **states: str) -> None:
        """Wait until there are exactly these alerts: `ab="Open"`."""
        _await(self.states, states)

    def await_reason(self, letters: str, reason: str) -> None:
        """Wait until the alert with these members is in its state for this reason."""
        _await(lambda: _reason(self.alert(letters)), reason)

    def acknowledge(self, name: str, **words: str) -> None:
        """Write an acknowledgement as people do; without words, take it away."""
        patch = json.dumps({"spec": {"acknowledgement": words or None}})
        self.kubectl("patch", "cyca", name, "--type=merge", "-p", patch)

    def events(self, name: str, namespace: str = "default") -> dict[str, int]:
        """How often each reason was announced about an object."""
        listed = self.server.ask("GET", f"/apis/events.k8s.io/v1/namespaces/{namespace}/events").body["items"]
        found: dict[str, int] = {}
        for one in listed:
            if one["regarding"]["name"] == name:
                count = one.get("series", {}).get("count", 1)
                found[one["reason"]] = found.get(one["reason"], 0) + count
        return found

    def await_events(self, name: str, namespace: str = "default", **reasons: int) -> None:
        """Wait until exactly this was announced about an object: `CycleOpened=1`."""
        _await(lambda: self.events(name, namespace), reasons)


def _letters(alert: Body) -> str:
    return "".join(member[-1] for member in alert["status"].get("members", ()))


def _reason(alert: Body) -> Any:
    return next(one["reason"] for one in alert["status"]["conditions"] if one["type"] == "Ready")


def _await(seen: Any, wanted: Any) -> None:
    """Wait until `seen()` is what is wanted, else say what it was in the end."""
    try:
        eventually(lambda: seen() == wanted, "what is wanted")
    except AssertionError:
        assert seen() == wanted

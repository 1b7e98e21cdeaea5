"""What kubectl prints when a team applies its manifests: the real kubectl, API server and operator."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from support.manifests import manifest
from support.operators import eventually

if TYPE_CHECKING:
    from admission.conftest import Team


def codes(lines: list[str]) -> list[str]:
    """The codes that the lines begin with."""
    assert all(len(line) <= 120 for line in lines), lines
    return [line.split()[0] for line in lines]


def soft(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "requirement": "Soft", **more}


def test_kubectl_shows_each_finding_and_nothing_for_what_is_clean(team: Team) -> None:
    low = {"criticality": "Low", "availabilityTarget": "99"}
    assert team.apply(manifest("ledger", service=low)) == []
    assert team.apply(manifest("billing", soft("ledger"), soft("tax"))) == []
    assert team.apply(manifest("invoices", soft("leger"))) == [
        f"SG103 {team.namespace}/leger is neither declared nor observed (did you mean {team.namespace}/ledger?)"
    ]
    critical = manifest("shop", "ledger", service={"criticality": "Critical"})
    assert codes(team.apply(critical)) == ["SG104"]
    proud = manifest("till", "ledger", service={"availabilityTarget": "99.9"})
    assert codes(team.apply(proud)) == ["SG106"]
    again = manifest("billing-again", service={"name": "billing"})
    again["spec"]["dependencies"] = [{"name": "ledger", "requirement": "Hard"}]
    assert codes(team.apply(again)) == ["SG105"]
    assert codes(team.apply(manifest("alone", {"name": "alone", "namespace": team.namespace}))) == ["SG002"]
    twice = manifest("twice", soft("ledger"), soft("ledger", namespace=team.namespace))
    assert codes(team.apply(twice)) == ["SG003"]


def test_a_circle_is_told_at_once_and_from_the_graph_once_it_is_stored(team: Team) -> None:
    assert team.apply(manifest("cart", "stock")) == []
    closing = manifest("stock", "cart")
    way = " → ".join(f"{team.namespace}/{name}" for name in ("stock", "cart", "stock"))
    told = f"SG101 closes a circle of 2 (Critical): {way}"
    assert team.apply(closing, "--dry-run=server") == [told]
    assert team.apply(closing) == [told]
    team.kubectl("wait", "--for=condition=InCycle", "sdep/stock", "-n", team.namespace, "--timeout=60s")
    (alert,) = team.operator.get("/api/v1/cycles").json()["items"]
    assert team.apply(manifest("parts", "cart")) == []
    (line,) = team.apply(manifest("stock", "cart", "parts"))
    assert line.startswith(f"SG102 grows {alert['name']}")


def test_only_a_new_spec_is_asked_about(team: Team) -> None:
    team.apply(manifest("still", soft("ledger")))
    team.kubectl("wait", "--for=condition=Ready", "sdep/still", "-n", team.namespace, "--timeout=60s")
    before = team.asked()
    assert team.apply(manifest("still", soft("ledger"), labels={"tier": "backend"})) == []
    team.kubectl("annotate", "sdep/still", "-n", team.namespace, "note=seen")
    team.kubectl("delete", "sdep/still", "-n", team.namespace)
    assert team.asked() == before
    team.apply(manifest("still", soft("ledger")), "--dry-run=server")
    assert team.asked() == before + 1


def test_a_restarted_operator_shows_the_certificate_that_is_trusted(team: Team) -> None:
    team.operator.kill()
    assert team.apply(manifest("meanwhile", {"name": "meanwhile", "namespace": team.namespace})) == []
    team.operator.start()
    eventually(team.is_warned, "warnings after a restart")
    assert "webhook.certificate_renewed" in team.operator.log()
    assert team.operator.log().count("webhook.certificate_renewed") == 1

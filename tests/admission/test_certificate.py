"""The certificate that the operator makes, under its own rights on the real API server."""

from __future__ import annotations

import base64
import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from servicegraph import certificates
from servicegraph.clock import SteppedClock
from servicegraph.errors import BadInput, KubernetesConflict, KubernetesRefused
from servicegraph.kube.webhook import WebhookClient
from servicegraph.local.cluster import OPERATOR_NAMESPACE
from servicegraph.reconcile.health import HealthBoard
from servicegraph.reconcile.webhook import LIFE, RENEWED_BEFORE, WebhookCertificate
from servicegraph.settings import Settings
from servicegraph_api.tls import Shown
from support import webhooks

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from servicegraph.local.cluster import Cluster
    from servicegraph.local.kubectl import Kubectl

KIND = "validatingwebhookconfiguration"


class Keeper:
    """What keeps the certificate, with a clock in the test's hand; what it has shown."""

    def __init__(self, kube: WebhookClient, settings: Settings) -> None:
        self.kube = kube
        self.clock = SteppedClock()
        self.shown: list[bytes] = []
        self._real = Shown()
        self.certificate = WebhookCertificate(kube, settings, HealthBoard(self.clock), self.clock, self._show)

    async def look(self) -> None:
        await self.certificate.look()

    def _show(self, certificate: bytes, key: bytes) -> None:
        self._real.show(certificate, key)
        self.shown.append(certificate)


@pytest.fixture
def settings(control_plane: Cluster) -> Settings:
    return Settings(
        kubeconfig=str(control_plane.operator_kubeconfig),
        webhook_configuration=webhooks.NAME,
        pod_namespace=OPERATOR_NAMESPACE,
    )


@pytest.fixture
async def keeper(settings: Settings, kubectl: Kubectl, namespace: str) -> AsyncIterator[Keeper]:
    with webhooks.installed(kubectl, namespace, 1):
        async with WebhookClient(settings) as kube:
            yield Keeper(kube, settings)


def trusted(kubectl: Kubectl) -> bytes:
    """Whom the configuration trusts."""
    (webhook,) = webhooks.configuration(kubectl)["webhooks"]
    return base64.b64decode(webhook["clientConfig"].get("caBundle", ""))


def kept(kubectl: Kubectl) -> list[bytes]:
    """Authorities, certificate and key in the Secret."""
    data = webhooks.secret(kubectl)["data"]
    return [base64.b64decode(data[name]) for name in ("ca.crt", "tls.crt", "tls.key")]


def versions(kubectl: Kubectl) -> list[str]:
    objects = webhooks.configuration(kubectl), webhooks.secret(kubectl)
    return [one["metadata"]["resourceVersion"] for one in objects]


def merge(kubectl: Kubectl, kind: str, name: str, patch: Any) -> None:
    kubectl("patch", kind, name, "-n", OPERATOR_NAMESPACE, "--type=merge", "-p", json.dumps(patch))


async def test_it_is_kept_trusted_and_shown_and_then_left_alone(keeper: Keeper, kubectl: Kubectl) -> None:
    await keeper.look()
    authorities, certificate, key = kept(kubectl)
    assert certificates.belong_together(authorities, certificate, key)
    assert certificates.names_of(certificate) == {"127.0.0.1"}
    assert trusted(kubectl) == authorities
    assert keeper.shown == [certificate]
    before = versions(kubectl)
    await keeper.look()
    assert versions(kubectl) == before
    assert keeper.shown == [certificate]


async def test_it_is_renewed_a_month_before_its_end_and_the_old_one_trusted_meanwhile(
    keeper: Keeper, kubectl: Kubectl
) -> None:
    await keeper.look()
    old, *_ = kept(kubectl)
    keeper.clock.step(LIFE - RENEWED_BEFORE)
    await keeper.look()
    assert len(keeper.shown) == 1
    keeper.clock.step(timedelta(seconds=1))
    await keeper.look()
    authorities, certificate, _ = kept(kubectl)
    assert keeper.shown[1:] == [certificate]
    assert authorities == trusted(kubectl)
    assert authorities.endswith(old)
    assert authorities.count(b"BEGIN CERTIFICATE") == 2
    keeper.clock.step(LIFE)
    await keeper.look()
    assert trusted(kubectl).count(b"BEGIN CERTIFICATE") == 1, "who is over is not trusted any more"


async def test_what_somebody_breaks_is_mended(keeper: Keeper, kubectl: Kubectl) -> None:
    await keeper.look()
    kubectl("delete", "secret", webhooks.SECRET, "-n", OPERATOR_NAMESPACE)
    await keeper.look()
    assert len(keeper.shown) == 2
    merge(kubectl, "secret", webhooks.SECRET, {"data": {"tls.key": base64.b64encode(b"no key").decode()}})
    await keeper.look()
    assert len(keeper.shown) == 3
    authorities, certificate, key = kept(kubectl)
    assert certificates.belong_together(authorities, certificate, key)
    configuration = webhooks.configuration(kubectl)
    configuration["webhooks"][0]["clientConfig"]["caBundle"] = base64.b64encode(
        certificates.server_certificate()[0]
    ).decode()
    merge(kubectl, KIND, webhooks.NAME, {"webhooks": configuration["webhooks"]})
    await keeper.look()
    assert trusted(kubectl) == authorities
    assert len(keeper.shown) == 3


async def test_a_configuration_that_calls_another_name_gets_a_certificate_for_it(
    keeper: Keeper, kubectl: Kubectl
) -> None:
    await keeper.look()
    (webhook,) = webhooks.configuration(kubectl)["webhooks"]
    service = webhooks.shipped()["webhooks"][0]["clientConfig"]
    merge(kubectl, KIND, webhooks.NAME, {"webhooks": [webhook | {"clientConfig": service}]})
    await keeper.look()
    assert certificates.names_of(kept(kubectl)[1]) == {"servicegraph-webhook.servicegraph-system.svc"}
    assert trusted(kubectl) == kept(kubectl)[0]


async def test_two_who_keep_it_end_up_showing_the_same(
    keeper: Keeper, settings: Settings, kubectl: Kubectl
) -> None:
    async with WebhookClient(settings) as kube:
        other = Keeper(kube, settings)
        await keeper.look()
        await other.look()
        assert other.shown == keeper.shown == [kept(kubectl)[1]]
        stale = await kube.get_kept(OPERATOR_NAMESPACE, webhooks.SECRET)
        keeper.clock.step(LIFE)
        await keeper.look()
        with pytest.raises(KubernetesConflict):
            await kube.keep(OPERATOR_NAMESPACE, webhooks.SECRET, stale)
        await other.look()
        assert other.shown[-1] == keeper.shown[-1] == kept(kubectl)[1]


async def test_without_a_configuration_it_says_what_to_do(settings: Settings, kubectl: Kubectl) -> None:
    async with WebhookClient(settings) as kube:
        with pytest.raises(BadInput, match="no ValidatingWebhookConfiguration servicegraph: install it"):
            await Keeper(kube, settings).look()


async def test_the_operator_may_touch_no_other_configuration_and_no_other_secret(
    keeper: Keeper, kubectl: Kubectl, namespace: str
) -> None:
    with webhooks.installed(kubectl, namespace, 1, name="another"):
        with pytest.raises(KubernetesRefused):
            await keeper.kube.get_configuration("another")
        with pytest.raises(KubernetesRefused):
            await keeper.kube.trust("another", "", ["warnings.servicegraph.dev"], b"")
    await keeper.look()
    mine = await keeper.kube.get_kept(OPERATOR_NAMESPACE, webhooks.SECRET)
    with pytest.raises(KubernetesRefused):
        await keeper.kube.keep(OPERATOR_NAMESPACE, "another", mine)

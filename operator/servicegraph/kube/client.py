"""What the operator asks of the Kubernetes API: lists, single objects, statuses, Events. The watch is Kopf's.

Every call has a time limit and raises our own errors only. `writeback` and `reconcile` call this.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from servicegraph.errors import KubernetesRefused
from servicegraph.kube.calls import lean, time_limit
from servicegraph.kube.connection import Credentials
from servicegraph.kube.errors import is_unreadable
from servicegraph.kube.secret import SecretCalls
from servicegraph.model import cyclealert, discoverysource
from servicegraph.model.packed import Bodies
from servicegraph.model.servicedependency import API_VERSION, GROUP, KIND, PLURAL, VERSION

if TYPE_CHECKING:
    from collections.abc import Awaitable, Mapping

    from servicegraph.kube.calls import Body
    from servicegraph.settings import Settings

__all__ = ["Credentials", "KubeClient"]

FIELD_MANAGER = "servicegraph"
"""The owner of the fields that we write, as `kubectl get --show-managed-fields` names it."""
PEOPLE = "servicegraph-cli"
"""The same for what people write by our command line."""
PAGE = 250
_RESOURCE = (GROUP, VERSION)
_EVENTS = ("events.k8s.io", "v1")
_APPLY = "application/apply-patch+yaml"
"""Named on every apply: left to itself the client sends a JSON patch, which the server rejects."""
_MERGE = "application/merge-patch+json"


class KubeClient(SecretCalls):
    """A client for one event loop: `async with KubeClient(settings) as kube`."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self._namespaces = settings.namespaces

    async def list_dependencies(self, limit: int = PAGE) -> Bodies:
        """All ServiceDependency objects that we watch, complete and of one moment each namespace, or an error.

        Reads `limit` objects at a time. The bookkeeping of field managers is left out: it is half of each object.

        Raises:
            KubernetesGone: the list took so long that its continue token has expired.
            KubernetesUnavailable: no answer; or the CRD is not installed.
        """
        if not self._namespaces:
            everywhere = partial(self._ask, "list_cluster_custom_object", PLURAL)
            return await self._list(PLURAL, everywhere, limit)
        found = Bodies()
        for namespace in self._namespaces:
            there = partial(self._ask, "list_namespaced_custom_object", namespace, PLURAL)
            found.extend(await self._list(PLURAL, there, limit))
        return found

    async def get_dependency(self, namespace: str, name: str) -> Body:
        """One ServiceDependency.

        Raises:
            KubernetesGone: it does not exist.
        """
        return lean(
            await self._call(
                f"read {namespace}/{name}",
                lambda: self._ask("get_namespaced_custom_object", namespace, PLURAL, name),
            )
        )

    async def apply_dependency_status(
        self, namespace: str, name: str, resource_version: str, status: Body
    ) -> Body:
        """Apply `status` to a ServiceDependency that is still at `resource_version`; the answer is the object as it is then.

        The resource version is what tells the object from another of the same name: the server ignores a wrong uid.
        `force` because the server itself owns a defaulted status until the first apply. An object that an older schema has let
        in may be too strange for server-side apply; it gets a plain merge, or it could never be told what is wrong with it.

        Raises:
            KubernetesConflict: the object has changed since it was read.
            KubernetesGone: it does not exist.
        """
        body = {
            "apiVersion": API_VERSION,
            "kind": KIND,
            "metadata": {"name": name, "namespace": namespace, "resourceVersion": resource_version},
            "status": status,
        }
        try:
            return await self._patch_status(body, **_applied())
        except KubernetesRefused as refusal:
            if not is_unreadable(refusal):
                raise
            return await self._patch_status(body, _content_type=_MERGE)

    async def _patch_status(self, body: Body, **options: Any) -> Body:
        namespace, name = body["metadata"]["namespace"], body["metadata"]["name"]
        return lean(
            await self._call(
                f"write the status of {namespace}/{name}",
                lambda: self._ask(
                    "patch_namespaced_custom_object_status", namespace, PLURAL, name, body, **options
                ),
            )
        )

    async def list_alerts(self, limit: int = PAGE) -> list[Body]:
        """All CycleAlert objects, whoever made them, complete and of one moment, or an error as for dependencies."""
        return await self._list_cluster(cyclealert.PLURAL, limit)

    async def list_sources(self, limit: int = PAGE) -> list[Body]:
        """All DiscoverySource objects, in the same way."""
        return await self._list_cluster(discoverysource.PLURAL, limit)

    async def get_alert(self, name: str) -> Body:
        """One CycleAlert.

        Raises:
            KubernetesGone: it does not exist.
        """
        return await self._get_cluster(cyclealert.PLURAL, name)

    async def get_source(self, name: str) -> Body:
        """One DiscoverySource, with the same error."""
        return await self._get_cluster(discoverysource.PLURAL, name)

    async def create_alert(self, name: str, instance: str) -> Body:
        """Create a CycleAlert, without status: that takes a second call.

        Raises:
            KubernetesConflict: there is one of this name already.
        """
        body = {
            "apiVersion": API_VERSION,
            "kind": cyclealert.KIND,
            "metadata": {"name": name, "labels": {cyclealert.INSTANCE_LABEL: instance}},
        }
        return lean(
            await self._call(
                f"create {name}",
                lambda: self._ask(
                    "create_cluster_custom_object", cyclealert.PLURAL, body, field_manager=FIELD_MANAGER
                ),
            )
        )

    async def apply_alert_status(self, name: str, resource_version: str, status: Body) -> Body:
        """Apply `status` to a CycleAlert, as `apply_dependency_status` does, with the same errors."""
        return await self._apply_cluster(cyclealert.KIND, cyclealert.PLURAL, name, resource_version, status)

    async def apply_source_status(self, name: str, resource_version: str, status: Body) -> Body:
        """Apply `status` to a DiscoverySource, in the same way."""
        return await self._apply_cluster(
            discoverysource.KIND, discoverysource.PLURAL, name, resource_version, status
        )

    async def acknowledge_alert(self, name: str, words: Mapping[str, str | None]) -> Body:
        """Write `reason`, `by` and `until` into the spec of a CycleAlert, as a person does; None takes a word away.

        Raises:
            KubernetesGone: it does not exist.
        """
        patch = {"spec": {"acknowledgement": dict(words)}}
        return await self._call(
            f"acknowledge {name}",
            lambda: self._ask(
                "patch_cluster_custom_object",
                cyclealert.PLURAL,
                name,
                patch,
                field_manager=PEOPLE,
                _content_type=_MERGE,
            ),
        )

    async def delete_alert(self, name: str, uid: str, resource_version: str) -> None:
        """Delete a CycleAlert that nobody has changed since it was read.

        Raises:
            KubernetesConflict: somebody has, or it is another one.
            KubernetesGone: it does not exist.
        """
        options = {"preconditions": {"uid": uid, "resourceVersion": resource_version}}
        await self._call(
            f"delete {name}",
            lambda: self._ask("delete_cluster_custom_object", cyclealert.PLURAL, name, body=options),
        )

    async def create_event(self, event: Body) -> None:
        """Create an Event in the namespace that it names.

        Raises:
            KubernetesConflict: there is one of this name already.
        """
        await self._call(
            f"create the Event {event['metadata']['name']}",
            lambda: self._ask(
                "create_namespaced_custom_object",
                event["metadata"]["namespace"],
                "events",
                event,
                field_manager=FIELD_MANAGER,
                of=_EVENTS,
            ),
        )

    async def patch_event(self, namespace: str, name: str, patch: Body) -> None:
        """Change an Event.

        Raises:
            KubernetesGone: it does not exist any more.
        """
        await self._call(
            f"change the Event {name}",
            lambda: self._ask(
                "patch_namespaced_custom_object",
                namespace,
                "events",
                name,
                patch,
                _content_type=_MERGE,
                of=_EVENTS,
            ),
        )

    async def _list_cluster(self, plural: str, limit: int) -> list[Body]:
        """All objects of a cluster-scoped kind."""
        page = partial(self._ask, "list_cluster_custom_object", plural)
        return list(await self._list(plural, page, limit))

    async def _get_cluster(self, plural: str, name: str) -> Body:
        """One object of a cluster-scoped kind."""
        return lean(
            await self._call(f"read {name}", lambda: self._ask("get_cluster_custom_object", plural, name))
        )

    async def _apply_cluster(
        self, kind: str, plural: str, name: str, resource_version: str, status: Body
    ) -> Body:
        """Apply a status to an object of a cluster-scoped kind."""
        body = {
            "apiVersion": API_VERSION,
            "kind": kind,
            "metadata": {"name": name, "resourceVersion": resource_version},
            "status": status,
        }
        return lean(
            await self._call(
                f"write the status of {name}",
                lambda: self._ask("patch_cluster_custom_object_status", plural, name, body, **_applied()),
            )
        )

    def _ask(
        self, method: str, *arguments: Any, of: tuple[str, str] | None = None, **options: Any
    ) -> Awaitable[Any]:
        """Call a method of the client's, about a group and version (ours if left out), within the time limit."""
        call = getattr(self._api, method)
        answer: Awaitable[Any] = call(
            *(of or _RESOURCE), *arguments, _request_timeout=time_limit(), **options
        )
        return answer


def _applied() -> dict[str, Any]:
    """The options of a server-side apply."""
    return {"field_manager": FIELD_MANAGER, "force": True, "_content_type": _APPLY}

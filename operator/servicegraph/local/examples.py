"""The examples that ship, applied to a running environment."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from servicegraph import bundle, settings
from servicegraph.errors import BadInput
from servicegraph.local import kubectl as kube
from servicegraph.local.prometheus import programs
from servicegraph.local.telemetry import Telemetry, topology

if TYPE_CHECKING:
    from collections.abc import Callable

    from servicegraph.local.place import State
    from servicegraph.local.progress import Progress
    from servicegraph.settings import LocalSettings


def find(name: str) -> Path:
    """The folder of the example `name`.

    Raises:
        BadInput: there is none of that name; the message lists those that there are.
    """
    there = {folder.name: folder for folder in bundle.folder("examples").iterdir() if folder.is_dir()}
    if name not in there:
        raise BadInput(f"there is no example {name!r}; there are: {', '.join(sorted(there))}")
    return there[name]


def telemetry(name: str, local: LocalSettings, progress: Progress) -> Telemetry | None:
    """What the example `name` switches on, with a Prometheus that was found or fetched; None when it shows no telemetry.

    Raises:
        BadInput: there is no example of that name.
        PartFailed: there is no Prometheus; the message says how to get one.
    """
    shown = topology(find(name))
    return None if shown is None else Telemetry(programs.locate(local, progress), str(shown))


def apply(
    state: State, names: tuple[str, ...], progress: Progress, switch_on: Callable[[Telemetry], str]
) -> None:
    """Apply examples, and wait until the operator, where it runs, has made their objects Ready.

    `switch_on` makes the environment show the telemetry that an example brings; it gives back the URL of its Prometheus, which
    the example's sources are pointed at.

    Raises:
        BadInput: there is no example of that name.
        PartFailed: kubectl's complaint, or telemetry cannot be switched on.
    """
    kubectl = kube.Kubectl(Path(state.kubeconfig))
    for name in names:
        folder = find(name)
        documents = kube.read(folder)
        if (shown := telemetry(name, settings.load_local(), progress)) is not None:
            _point(documents, switch_on(shown))
        progress.step(f"Applying example {name}")
        kubectl.apply_objects(documents)
        if state.operator:
            progress.step(f"Waiting until the objects of {name} are Ready")
            kubectl.wait("Ready", folder)


def _point(documents: list[dict[str, Any]], url: str) -> None:
    """Have the sources among the objects ask the Prometheus at `url`."""
    for document in documents:
        if document["kind"] == "DiscoverySource":
            document["spec"]["prometheus"]["url"] = url

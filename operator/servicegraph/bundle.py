"""Where the files that ship beside the code lie: CRDs, migrations, roles, the webhook, examples.

In a checkout they are folders at the root of the repository, where people look for them; an installed wheel carries copies of
them inside the package (`pyproject.toml`, force-include). Everyone else asks here and knows neither place.
"""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).parent
_CHECKOUT = _PACKAGE.parent.parent
_IN_CHECKOUT = {
    "crds": "crds",
    "migrations": "migrations",
    "roles": "helm/servicegraph/files",
    "webhook": "helm/servicegraph/webhook",
    "examples": "examples",
}


def folder(name: str) -> Path:
    """The folder of shipped files called `name`: crds, migrations, roles, webhook or examples.

    Raises:
        FileNotFoundError: the installation is incomplete.
    """
    for place in (_PACKAGE / "_bundle" / name, _CHECKOUT / _IN_CHECKOUT[name]):
        if place.is_dir():
            return place
    raise FileNotFoundError(f"this installation of servicegraph lacks its folder {name!r}; install it again")

"""Write `crds/` anew from the models: `python -m servicegraph.cli.crds`, for those who change the models.

Not a command of `servicegraph`: who runs it needs the files as they ship, and has them.
"""

from __future__ import annotations

import click

from servicegraph import bundle
from servicegraph.model.crd import files


@click.command()
@click.option("--check", is_flag=True, help="Write nothing; fail when a file is not what the models say.")
def crds(*, check: bool) -> None:
    """Write the CustomResourceDefinitions into crds/."""
    for name, text in files().items():
        path = bundle.folder("crds") / name
        if path.is_file() and path.read_text(encoding="utf-8") == text:
            continue
        if check:
            raise click.ClickException(
                f"{path} is not what the models say; run `python -m servicegraph.cli.crds`"
            )
        path.write_text(text, encoding="utf-8")
        click.echo(f"wrote {path}")


if __name__ == "__main__":
    crds()

"""Services as they are named on the command line: by the ids that every answer prints."""

from __future__ import annotations

from typing import Any

import click

from servicegraph.errors import BadInput
from servicegraph.model.ids import Kind, ServiceKey, parse_loose_id


class ServiceId(click.ParamType[ServiceKey]):
    """A printed id; one without a kind, whose key then says none, may mean any."""

    name = "service"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> ServiceKey:
        """Read the id."""
        if isinstance(value, ServiceKey):
            return value
        try:
            return parse_loose_id(value)
        except BadInput as error:
            self.fail(error.message, param, ctx)


def as_written(key: ServiceKey) -> str:
    """The id that was read."""
    return str(key if key.kind else key._replace(kind=Kind.SERVICE))

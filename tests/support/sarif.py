"""The part of the SARIF 2.1.0 schema that `servicegraph check` uses, as models that refuse everything else.

Written after sarif-schema-2.1.0.json of OASIS: the names, the required properties, the enumerations and the bounds are those of
its definitions of the same names. Properties that we never write are left out, so that writing one means looking it up there.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel


def _reference(text: str) -> str:
    """A URI or a relative reference (RFC 3986): characters of it only."""
    assert urlsplit(text).geturl() == text
    assert text.isascii()
    assert not set(text) & set(' "<>\\^`{|}')
    return text


Reference = Annotated[str, AfterValidator(_reference)]
Level = Literal["none", "note", "warning", "error"]


class Definition(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, alias_generator=to_camel)


class Message(Definition):
    text: str


class MultiformatMessageString(Definition):
    text: str
    markdown: str = ""


class ArtifactLocation(Definition):
    uri: Reference


class Region(Definition):
    start_line: int = Field(ge=1)


class PhysicalLocation(Definition):
    artifact_location: ArtifactLocation
    region: Region | None = None


class Location(Definition):
    physical_location: PhysicalLocation
    message: Message | None = None


class Result(Definition):
    rule_id: str
    rule_index: int = Field(ge=-1)
    level: Level
    message: Message
    locations: list[Location] = []
    related_locations: list[Location] = []
    partial_fingerprints: dict[str, str]
    properties: dict[str, Any]


class ReportingConfiguration(Definition):
    level: Level


class ReportingDescriptor(Definition):
    id: str
    name: str
    short_description: MultiformatMessageString
    full_description: MultiformatMessageString
    help: MultiformatMessageString
    default_configuration: ReportingConfiguration


class ToolComponent(Definition):
    name: str
    semantic_version: str
    rules: list[ReportingDescriptor]


class Tool(Definition):
    driver: ToolComponent


class Notification(Definition):
    message: Message
    level: Level


class Invocation(Definition):
    execution_successful: bool
    tool_execution_notifications: list[Notification]


class Run(Definition):
    tool: Tool
    invocations: list[Invocation]
    column_kind: Literal["utf16CodeUnits", "unicodeCodePoints"]
    results: list[Result]


class Log(Definition):
    schema_: Reference = Field(alias="$schema")
    version: Literal["2.1.0"]
    runs: list[Run]

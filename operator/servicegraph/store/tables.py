"""The schema: what Postgres holds, table by table. The one description that code and migrations must agree on.

Observations are the truth and edges are derived, so there is no table of edges; the view `edges` serves people. Identities are
integers here and printed ids outside. Text of identities is collated "C": its order is that of Python's strings, so that every
reader sorts alike.

There are no foreign keys: all writing goes through the one transaction (`ingest.commit`), one writer at a time under an
advisory lock, and a check of four keys a row would double the cost of its bulk writes. A test proves that nothing dangles.

A migration changes the schema, never this module alone; a test compares the two.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Double,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    false,
    text,
    true,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "pk": "pk_%(table_name)s",
    }
)

_NAME = Text(collation="C")
_TIME = DateTime(timezone=True)
_EMPTY = text("'{}'")

services = Table(
    "services",
    metadata,
    Column("id", Integer, Identity(), primary_key=True),
    Column("cluster", _NAME, nullable=False),
    Column("namespace", _NAME, nullable=False),
    Column("name", _NAME, nullable=False),
    Column("kind", _NAME, nullable=False),
    Column("printed", _NAME, nullable=False, comment="the four as an id, the way model.ids prints it"),
    UniqueConstraint("cluster", "namespace", "name", "kind"),
    comment="Identity only. A service is here while a statement or an observation names it.",
)

providers = Table(
    "providers",
    metadata,
    Column("id", SmallInteger, Identity(), primary_key=True),
    Column("name", _NAME, nullable=False, unique=True),
    Column("evidence_group", _NAME, nullable=False, comment="declared, api, or the URL asked"),
    Column("preset", Text),
    Column("query", Text),
    Column("healthy_seconds", Double, nullable=False, server_default=text("0")),
    Column("last_attempt_at", _TIME),
    Column("last_good_at", _TIME),
    Column("last_edges", Integer),
    Column("drop_since", _TIME, comment="since when it shows suddenly much less"),
    Column("health", Text, comment="what is wrong with it; null is healthy"),
    Column(
        "sees",
        ARRAY(Text),
        nullable=False,
        server_default=_EMPTY,
        comment="kinds of services whose calls it shows; empty until its first good poll",
    ),
    Column(
        "drop_seconds",
        Double,
        nullable=False,
        server_default=text("0"),
        comment="for how long it has shown suddenly much less, outages apart",
    ),
    Column(
        "polls",
        JSONB,
        nullable=False,
        server_default=text("'[]'"),
        comment="its last polls, the youngest first",
    ),
    comment="Who says that edges exist. In one evidence group only the best observation of an edge counts.",
)

objects = Table(
    "objects",
    metadata,
    Column("id", Integer, Identity(), primary_key=True),
    Column("uid", _NAME, nullable=False, unique=True),
    Column("namespace", _NAME, nullable=False),
    Column("name", _NAME, nullable=False),
    Column("generation", BigInteger, nullable=False),
    Column("created_at", _TIME, nullable=False),
    Column(
        "stored_version",
        BigInteger,
        comment="the version once its last good generation was stored; null if none was",
    ),
    Column(
        "problem", Text, comment="why this generation is not accepted, as `Reason: message`; null is accepted"
    ),
    Column("digest", LargeBinary, comment="of all that its last good generation says"),
    UniqueConstraint("namespace", "name"),
    comment="ServiceDependency objects. None of these columns makes a graph version.",
)

statements = Table(
    "statements",
    metadata,
    Column("provider", SmallInteger, nullable=False),
    Column("object", Integer, comment="null: an api record"),
    Column("service", Integer, nullable=False),
    Column("technology", Text),
    Column("team", Text),
    Column("criticality", Text),
    Column("target", Text, comment="availability target in percent"),
    Column("labels", JSONB, nullable=False, server_default=_EMPTY),
    UniqueConstraint("provider", "object", "service", postgresql_nulls_not_distinct=True),
    Index(None, "service"),
    comment="What one object or api record says about one service.",
)

protocols = Table(
    "protocols",
    metadata,
    Column("id", Integer, Identity(), primary_key=True),
    Column("name", _NAME, nullable=False, unique=True),
    comment="The words for protocols, so that a snapshot reads numbers. Id 0 is the empty word.",
)

observations = Table(
    "observations",
    metadata,
    # Wide columns first: no row loses bytes to alignment.
    Column("first_seen", _TIME, nullable=False),
    Column("last_seen", _TIME, comment="written when it goes missing"),
    Column(
        "absent_since",
        Double,
        comment="the provider's healthy_seconds when it went missing; null while present",
    ),
    Column("source", Integer, nullable=False),
    Column("target", Integer, nullable=False),
    Column("protocol", Integer, nullable=False, server_default=text("0")),
    Column("object", Integer, comment="null: an api record or telemetry"),
    Column("provider", SmallInteger, nullable=False),
    Column("evidence", SmallInteger, nullable=False, comment="model.vocabulary.Evidence"),
    Column("mode", SmallInteger, nullable=False, server_default=text("0"), comment="model.vocabulary.Mode"),
    Column(
        "requirement",
        SmallInteger,
        nullable=False,
        server_default=text("0"),
        comment="model.vocabulary.Requirement",
    ),
    Column("confirmed", Boolean, nullable=False, server_default=true()),
    Column("stale", Boolean, nullable=False, server_default=false()),
    Column("quarantined", Boolean, nullable=False, server_default=false()),
    Column("alertable", Boolean, nullable=False, server_default=true()),
    Column("accepted", Boolean, nullable=False, server_default=false()),
    Column("raw_key", _NAME, nullable=False, comment="made of the raw names alone"),
    Column("raw", JSONB, nullable=False, server_default=_EMPTY),
    Column("details", JSONB, nullable=False, server_default=_EMPTY),
    Column("rules", ARRAY(Text), nullable=False, server_default=_EMPTY),
    Column("accepted_until", _TIME, comment="when `accepted` ends; null: it does not end, or never began"),
    UniqueConstraint("provider", "object", "raw_key", postgresql_nulls_not_distinct=True),
    Index(None, "source", "target"),
    Index(None, "target"),
    Index(
        "ix_observations_accepted_until",
        "accepted_until",
        postgresql_where=text("accepted AND accepted_until IS NOT NULL"),
    ),
    comment="One provider's word that source calls target. The truth; edges are derived.",
)

volumes = Table(
    "volumes",
    metadata,
    Column("written_at", _TIME, nullable=False),
    Column("provider", SmallInteger, nullable=False),
    Column("bucket", SmallInteger, nullable=False, comment="power of ten of calls in a window"),
    Column("raw_key", _NAME, nullable=False, comment="of the observation"),
    PrimaryKeyConstraint("provider", "raw_key"),
    comment="How much the observed calls are made, about. Makes no graph version.",
)

alerts = Table(
    "alerts",
    metadata,
    Column("name", _NAME, primary_key=True),
    Column("state", Text, nullable=False, comment="Open, Acknowledged, Resolved"),
    Column("reason", Text, nullable=False, comment="why it is in this state"),
    Column("severity", Text, nullable=False, comment="Critical, Warning, Info"),
    Column("members", ARRAY(Text), nullable=False, comment="printed ids; empty once resolved"),
    Column("members_when_resolved", ARRAY(Text), nullable=False),
    Column("witness", ARRAY(Text), nullable=False, comment="a shortest circle; first and last are the same"),
    Column(
        "cut",
        JSONB,
        nullable=False,
        comment="[source, target, reason] of each edge that is cheapest to end",
    ),
    Column("cut_size", Integer, nullable=False, comment="edges of the cut, those left out above too"),
    Column("accepted", Boolean, nullable=False, comment="no circle is left without accepted edges"),
    Column("shape", LargeBinary, nullable=False, comment="of the edges between the members"),
    Column("opened_at", _TIME, nullable=False),
    Column("opened_version", BigInteger, nullable=False),
    Column("resolved_at", _TIME),
    Column("resolved_version", BigInteger),
    Column("split_from", _NAME, comment="the alert that its members belonged to before"),
    Column("merged_into", _NAME, comment="the alert that its members belong to since"),
    Column("ack_generation", BigInteger, comment="of the object in which it was written; null: nobody did"),
    Column("ack_reason", Text),
    Column("ack_by", Text),
    Column("ack_until", _TIME),
    Column("ack_members", ARRAY(Text), comment="printed ids of those it covers"),
    Column("ack_ended", Text, comment="why it holds no more; null while it does"),
    CheckConstraint("(state = 'Resolved') = (members = '{}')", name="only_resolved_without_members"),
    comment="One circle of dependencies each, and the resolved ones for as long as they are kept.",
)

transitions = Table(
    "transitions",
    metadata,
    Column("alert", _NAME, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("kind", Text, nullable=False, comment="also the reason of the Event that tells it"),
    Column("at", _TIME, nullable=False),
    Column("reason", Text, nullable=False),
    Column("message", Text, nullable=False),
    Column("announced", Boolean, nullable=False, server_default=false(), comment="its Event is written"),
    PrimaryKeyConstraint("alert", "version", "kind"),
    Index("ix_transitions_unannounced", "version", postgresql_where=text("NOT announced")),
    comment="What happened to alerts; only ever appended to, and kept as long as the alert.",
)

graph_meta = Table(
    "graph_meta",
    metadata,
    Column("singleton", Boolean, primary_key=True, server_default=true()),
    Column("version", BigInteger, nullable=False),
    Column("committed_at", _TIME, nullable=False),
    Column("epoch", BigInteger, nullable=False, server_default=text("0")),
    CheckConstraint("singleton", name="one_row"),
    comment="One row: which graph this is.",
)

changes = Table(
    "changes",
    metadata,
    Column("id", BigInteger, Identity(), nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("at", _TIME, nullable=False),
    Column("kind", Text, nullable=False, comment="added, changed, removed"),
    Column("subject", Text, nullable=False, comment="node: a statement about source; edge: an observation"),
    Column("source", _NAME, nullable=False, comment="printed id"),
    Column("target", _NAME, comment="printed id; null for a node"),
    Column("provider", Text, nullable=False),
    Column("object", Text, comment="namespace/name of the object that said it"),
    Column("reason", Text, nullable=False),
    Column("details", JSONB, nullable=False, server_default=_EMPTY),
    PrimaryKeyConstraint("version", "id"),
    CheckConstraint("kind IN ('added', 'changed', 'removed')", name="kind"),
    CheckConstraint("subject IN ('node', 'edge')", name="subject"),
    # Only what is gone is ever looked up by its ends: what exists is explained by its observations.
    Index("ix_changes_removed", "source", "target", postgresql_where=text("kind = 'removed'")),
    comment="What each version changed; only ever appended to.",
)

api_keys = Table(
    "api_keys",
    metadata,
    Column("id", _NAME, primary_key=True, comment="the eight characters after sg_, which are no secret"),
    Column("name", _NAME, nullable=False, comment="what the key is for; two live keys may have it"),
    Column("sha256", LargeBinary, nullable=False, comment="of the whole key, which is stored nowhere"),
    Column("scope", Text, nullable=False, comment="read, ingest, admin; each includes those before it"),
    Column("query_limit", Integer, comment="requests a minute; null: the setting's, 0: no limit"),
    Column("ingestion_limit", Integer, comment="requests a minute; null: the setting's, 0: no limit"),
    Column("created_at", _TIME, nullable=False),
    Column("expires_at", _TIME, comment="from when on it is refused; null: it does not expire"),
    Column("revoked_at", _TIME, comment="since when it is refused; null: it is not revoked"),
    Column("last_used_at", _TIME, comment="written once in a while, not at each use; null: it never was"),
    CheckConstraint("octet_length(sha256) = 32", name="sha256"),
    CheckConstraint("scope IN ('read', 'ingest', 'admin')", name="scope"),
    CheckConstraint("query_limit >= 0 AND ingestion_limit >= 0", name="limits"),
    Index(None, "name"),
    comment="Who may ask over HTTP. No column of it makes a graph version.",
)

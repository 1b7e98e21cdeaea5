"""Create the graph: services, who says what about them, observations of edges, versions and the log of changes.

Revision 0001, the first.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_NAME = sa.Text(collation="C")
_TIME = sa.DateTime(timezone=True)
_EMPTY = sa.text("'{}'")

# The merge in plain SQL, for people at a psql prompt and for tests that compare it with graph/merge.py.
# Quarantined evidence is heard only where an edge has no other.
_EDGES = """
CREATE VIEW edges AS
WITH evidence AS (
    SELECT o.*, p.name AS provider_name, p.evidence_group,
        o.quarantined = bool_and(o.quarantined) OVER (PARTITION BY o.source, o.target) AS heard,
        (CASE o.evidence WHEN 1 THEN 0.95 WHEN 2 THEN 0.90 WHEN 3 THEN 0.85 WHEN 4 THEN 0.60 ELSE 0.50 END)
            * (CASE WHEN o.confirmed THEN 1 ELSE 0.5 END) * (CASE WHEN o.stale THEN 0.5 ELSE 1 END) AS weight,
        row_number() OVER (
            PARTITION BY o.source, o.target
            ORDER BY o.evidence, b.created_at, b.namespace, b.name, b.uid, p.name,
                o.protocol, o.mode, o.requirement
        ) AS precedence
    FROM observations o JOIN providers p ON p.id = o.provider LEFT JOIN objects b ON b.id = o.object
), best AS (
    SELECT source, target, max(weight) AS weight FROM evidence WHERE heard GROUP BY source, target, evidence_group
), confidence AS (
    SELECT source, target, 1 - exp(sum(ln(1 - weight))) AS confidence FROM best GROUP BY source, target
), merged AS (
    SELECT source, target,
        array_agg(DISTINCT provider_name ORDER BY provider_name) AS providers,
        (array_agg(protocol ORDER BY precedence) FILTER (WHERE heard AND protocol <> 0))[1] AS protocol,
        (array_agg(mode ORDER BY precedence) FILTER (WHERE heard AND mode <> 0))[1] AS mode,
        (array_agg(requirement ORDER BY precedence) FILTER (WHERE heard AND requirement <> 0))[1] AS requirement,
        bool_or(absent_since IS NULL) FILTER (WHERE heard) AS present,
        bool_or(confirmed) FILTER (WHERE heard) AS confirmed,
        bool_and(stale) FILTER (WHERE heard) AS stale,
        bool_and(quarantined) AS quarantined,
        bool_or(alertable) FILTER (WHERE heard) AS alertable,
        bool_or(accepted) FILTER (WHERE heard) AS accepted,
        min(first_seen) AS first_seen
    FROM evidence GROUP BY source, target
)
SELECT s.printed AS source, t.printed AS target, m.providers, r.name AS protocol,
    (ARRAY['Sync', 'Async'])[m.mode] AS mode,
    (ARRAY['Soft', 'Hard'])[m.requirement] AS requirement,
    c.confidence::double precision AS confidence,
    m.present, m.confirmed, m.stale, m.quarantined, m.alertable, m.accepted, m.first_seen,
    m.source AS source_key, m.target AS target_key
FROM merged m
JOIN confidence c USING (source, target)
JOIN services s ON s.id = m.source
JOIN services t ON t.id = m.target
LEFT JOIN protocols r ON r.id = m.protocol
"""


def upgrade() -> None:
    """Create everything in an empty database."""
    _create_who_says_what()
    _create_observations()
    _create_history()
    op.execute(_EDGES)
    op.execute("INSERT INTO providers (name, evidence_group) VALUES ('declared', 'declared')")
    op.execute("INSERT INTO protocols (id, name) OVERRIDING SYSTEM VALUE VALUES (0, '')")
    op.execute("INSERT INTO graph_meta (version, committed_at) VALUES (0, now())")


def downgrade() -> None:
    """Drop everything."""
    op.execute("DROP VIEW edges")
    for table in (
        "changes",
        "graph_meta",
        "observations",
        "protocols",
        "statements",
        "objects",
        "providers",
        "services",
    ):
        op.drop_table(table)


def _create_who_says_what() -> None:
    op.create_table(
        "services",
        sa.Column("id", sa.Integer, sa.Identity(), nullable=False),
        sa.Column("cluster", _NAME, nullable=False),
        sa.Column("namespace", _NAME, nullable=False),
        sa.Column("name", _NAME, nullable=False),
        sa.Column("kind", _NAME, nullable=False),
        sa.Column("printed", _NAME, nullable=False, comment="the four as an id, the way model.ids prints it"),
        sa.PrimaryKeyConstraint("id", name="pk_services"),
        sa.UniqueConstraint(
            "cluster", "namespace", "name", "kind", name="uq_services_cluster_namespace_name_kind"
        ),
        comment="Identity only. A service is here while a statement or an observation names it.",
    )
    op.create_table(
        "providers",
        sa.Column("id", sa.SmallInteger, sa.Identity(), nullable=False),
        sa.Column("name", _NAME, nullable=False),
        sa.Column("evidence_group", _NAME, nullable=False, comment="declared, api, or the URL asked"),
        sa.Column("preset", sa.Text),
        sa.Column("query", sa.Text),
        sa.Column("healthy_seconds", sa.Double, nullable=False, server_default=sa.text("0")),
        sa.Column("last_attempt_at", _TIME),
        sa.Column("last_good_at", _TIME),
        sa.Column("last_edges", sa.Integer),
        sa.Column("drop_since", _TIME, comment="since when it shows suddenly much less"),
        sa.Column("health", sa.Text, comment="what is wrong with it; null is healthy"),
        sa.PrimaryKeyConstraint("id", name="pk_providers"),
        sa.UniqueConstraint("name", name="uq_providers_name"),
        comment="Who says that edges exist. In one evidence group only the best observation of an edge counts.",
    )
    op.create_table(
        "objects",
        sa.Column("id", sa.Integer, sa.Identity(), nullable=False),
        sa.Column("uid", _NAME, nullable=False),
        sa.Column("namespace", _NAME, nullable=False),
        sa.Column("name", _NAME, nullable=False),
        sa.Column("generation", sa.BigInteger, nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column(
            "stored_version",
            sa.BigInteger,
            comment="the version once its last good generation was stored; null if none was",
        ),
        sa.Column(
            "problem",
            sa.Text,
            comment="why this generation is not accepted, as `Reason: message`; null is accepted",
        ),
        sa.Column("digest", sa.LargeBinary, comment="of all that its last good generation says"),
        sa.PrimaryKeyConstraint("id", name="pk_objects"),
        sa.UniqueConstraint("uid", name="uq_objects_uid"),
        sa.UniqueConstraint("namespace", "name", name="uq_objects_namespace_name"),
        comment="ServiceDependency objects. None of these columns makes a graph version.",
    )
    op.create_table(
        "statements",
        sa.Column("provider", sa.SmallInteger, nullable=False),
        sa.Column("object", sa.Integer, comment="null: an api record"),
        sa.Column("service", sa.Integer, nullable=False),
        sa.Column("technology", sa.Text),
        sa.Column("team", sa.Text),
        sa.Column("criticality", sa.Text),
        sa.Column("target", sa.Text, comment="availability target in percent"),
        sa.Column("labels", JSONB, nullable=False, server_default=_EMPTY),
        sa.UniqueConstraint(
            "provider",
            "object",
            "service",
            name="uq_statements_provider_object_service",
            postgresql_nulls_not_distinct=True,
        ),
        comment="What one object or api record says about one service.",
    )
    op.create_index("ix_statements_service", "statements", ["service"])


def _create_observations() -> None:
    op.create_table(
        "protocols",
        sa.Column("id", sa.Integer, sa.Identity(), nullable=False),
        sa.Column("name", _NAME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_protocols"),
        sa.UniqueConstraint("name", name="uq_protocols_name"),
        comment="The words for protocols, so that a snapshot reads numbers. Id 0 is the empty word.",
    )
    op.create_table(
        "observations",
        sa.Column("first_seen", _TIME, nullable=False),
        sa.Column("last_seen", _TIME, comment="written when it goes missing"),
        sa.Column(
            "absent_since",
            sa.Double,
            comment="the provider's healthy_seconds when it went missing; null while present",
        ),
        sa.Column("source", sa.Integer, nullable=False),
        sa.Column("target", sa.Integer, nullable=False),
        sa.Column("protocol", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.Column("object", sa.Integer, comment="null: an api record or telemetry"),
        sa.Column("provider", sa.SmallInteger, nullable=False),
        sa.Column("evidence", sa.SmallInteger, nullable=False, comment="model.vocabulary.Evidence"),
        sa.Column(
            "mode",
            sa.SmallInteger,
            nullable=False,
            server_default=sa.text("0"),
            comment="model.vocabulary.Mode",
        ),
        sa.Column(
            "requirement",
            sa.SmallInteger,
            nullable=False,
            server_default=sa.text("0"),
            comment="model.vocabulary.Requirement",
        ),
        sa.Column("confirmed", sa.Boolean, nullable=False, server_default=sa.true()),
        sa.Column("stale", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column("quarantined", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column("alertable", sa.Boolean, nullable=False, server_default=sa.true()),
        sa.Column("accepted", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column("raw_key", _NAME, nullable=False, comment="made of the raw names alone"),
        sa.Column("raw", JSONB, nullable=False, server_default=_EMPTY),
        sa.Column("details", JSONB, nullable=False, server_default=_EMPTY),
        sa.Column("rules", ARRAY(sa.Text), nullable=False, server_default=_EMPTY),
        sa.UniqueConstraint(
            "provider",
            "object",
            "raw_key",
            name="uq_observations_provider_object_raw_key",
            postgresql_nulls_not_distinct=True,
        ),
        comment="One provider's word that source calls target. The truth; edges are derived.",
    )
    op.create_index("ix_observations_source_target", "observations", ["source", "target"])
    op.create_index("ix_observations_target", "observations", ["target"])


def _create_history() -> None:
    op.create_table(
        "graph_meta",
        sa.Column("singleton", sa.Boolean, nullable=False, server_default=sa.true()),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("committed_at", _TIME, nullable=False),
        sa.Column("epoch", sa.BigInteger, nullable=False, server_default=sa.text("0")),
        sa.PrimaryKeyConstraint("singleton", name="pk_graph_meta"),
        sa.CheckConstraint("singleton", name="one_row"),
        comment="One row: which graph this is.",
    )
    op.create_table(
        "changes",
        sa.Column("id", sa.BigInteger, sa.Identity(), nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("at", _TIME, nullable=False),
        sa.Column("kind", sa.Text, nullable=False, comment="added, changed, removed"),
        sa.Column(
            "subject", sa.Text, nullable=False, comment="node: a statement about source; edge: an observation"
        ),
        sa.Column("source", _NAME, nullable=False, comment="printed id"),
        sa.Column("target", _NAME, comment="printed id; null for a node"),
        sa.Column("provider", sa.Text, nullable=False),
        sa.Column("object", sa.Text, comment="namespace/name of the object that said it"),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("details", JSONB, nullable=False, server_default=_EMPTY),
        sa.PrimaryKeyConstraint("version", "id", name="pk_changes"),
        sa.CheckConstraint("kind IN ('added', 'changed', 'removed')", name="kind"),
        sa.CheckConstraint("subject IN ('node', 'edge')", name="subject"),
        comment="What each version changed; only ever appended to.",
    )
    op.create_index(
        "ix_changes_removed", "changes", ["source", "target"], postgresql_where=sa.text("kind = 'removed'")
    )

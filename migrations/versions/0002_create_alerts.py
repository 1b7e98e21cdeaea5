"""Create the alerts of circles and what happened to them; let an accepted edge say until when it is.

Revision 0002.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_NAME = sa.Text(collation="C")
_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Add the tables and the column; what is stored stays as it is."""
    _create_alerts()
    _create_transitions()
    op.add_column(
        "observations",
        sa.Column(
            "accepted_until",
            _TIME,
            comment="when `accepted` ends; null: it does not end, or never began",
        ),
    )
    op.create_index(
        "ix_observations_accepted_until",
        "observations",
        ["accepted_until"],
        postgresql_where=sa.text("accepted AND accepted_until IS NOT NULL"),
    )


def downgrade() -> None:
    """Drop them."""
    op.drop_column("observations", "accepted_until")
    op.drop_table("transitions")
    op.drop_table("alerts")


def _create_alerts() -> None:
    op.create_table(
        "alerts",
        sa.Column("name", _NAME, nullable=False),
        sa.Column("state", sa.Text, nullable=False, comment="Open, Acknowledged, Resolved"),
        sa.Column("reason", sa.Text, nullable=False, comment="why it is in this state"),
        sa.Column("severity", sa.Text, nullable=False, comment="Critical, Warning, Info"),
        sa.Column("members", ARRAY(sa.Text), nullable=False, comment="printed ids; empty once resolved"),
        sa.Column("members_when_resolved", ARRAY(sa.Text), nullable=False),
        sa.Column(
            "witness",
            ARRAY(sa.Text),
            nullable=False,
            comment="a shortest circle; first and last are the same",
        ),
        sa.Column(
            "cut",
            JSONB,
            nullable=False,
            comment="[source, target, reason] of each edge that is cheapest to end",
        ),
        sa.Column(
            "cut_size", sa.Integer, nullable=False, comment="edges of the cut, those left out above too"
        ),
        sa.Column("accepted", sa.Boolean, nullable=False, comment="no circle is left without accepted edges"),
        sa.Column("shape", sa.LargeBinary, nullable=False, comment="of the edges between the members"),
        sa.Column("opened_at", _TIME, nullable=False),
        sa.Column("opened_version", sa.BigInteger, nullable=False),
        sa.Column("resolved_at", _TIME),
        sa.Column("resolved_version", sa.BigInteger),
        sa.Column("split_from", _NAME, comment="the alert that its members belonged to before"),
        sa.Column("merged_into", _NAME, comment="the alert that its members belong to since"),
        sa.Column(
            "ack_generation",
            sa.BigInteger,
            comment="of the object in which it was written; null: nobody did",
        ),
        sa.Column("ack_reason", sa.Text),
        sa.Column("ack_by", sa.Text),
        sa.Column("ack_until", _TIME),
        sa.Column("ack_members", ARRAY(sa.Text), comment="printed ids of those it covers"),
        sa.Column("ack_ended", sa.Text, comment="why it holds no more; null while it does"),
        sa.PrimaryKeyConstraint("name", name="pk_alerts"),
        sa.CheckConstraint("(state = 'Resolved') = (members = '{}')", name="only_resolved_without_members"),
        comment="One circle of dependencies each, and the resolved ones for as long as they are kept.",
    )


def _create_transitions() -> None:
    op.create_table(
        "transitions",
        sa.Column("alert", _NAME, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("kind", sa.Text, nullable=False, comment="also the reason of the Event that tells it"),
        sa.Column("at", _TIME, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("message", sa.Text, nullable=False),
        sa.Column(
            "announced",
            sa.Boolean,
            nullable=False,
            server_default=sa.false(),
            comment="its Event is written",
        ),
        sa.PrimaryKeyConstraint("alert", "version", "kind", name="pk_transitions"),
        comment="What happened to alerts; only ever appended to, and kept as long as the alert.",
    )
    op.create_index(
        "ix_transitions_unannounced",
        "transitions",
        ["version"],
        postgresql_where=sa.text("NOT announced"),
    )

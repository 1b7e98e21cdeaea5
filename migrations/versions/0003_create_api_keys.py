"""Create the keys that let programs and people ask over HTTP.

Revision 0003.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_NAME = sa.Text(collation="C")
_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Add the table; there are no keys yet."""
    op.create_table(
        "api_keys",
        sa.Column("id", _NAME, nullable=False, comment="the eight characters after sg_, which are no secret"),
        sa.Column("name", _NAME, nullable=False, comment="what the key is for; two live keys may have it"),
        sa.Column(
            "sha256", sa.LargeBinary, nullable=False, comment="of the whole key, which is stored nowhere"
        ),
        sa.Column(
            "scope", sa.Text, nullable=False, comment="read, ingest, admin; each includes those before it"
        ),
        sa.Column("query_limit", sa.Integer, comment="requests a minute; null: the setting's, 0: no limit"),
        sa.Column(
            "ingestion_limit", sa.Integer, comment="requests a minute; null: the setting's, 0: no limit"
        ),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("expires_at", _TIME, comment="from when on it is refused; null: it does not expire"),
        sa.Column("revoked_at", _TIME, comment="since when it is refused; null: it is not revoked"),
        sa.Column(
            "last_used_at", _TIME, comment="written once in a while, not at each use; null: it never was"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_api_keys"),
        sa.CheckConstraint("octet_length(sha256) = 32", name="sha256"),
        sa.CheckConstraint("scope IN ('read', 'ingest', 'admin')", name="scope"),
        sa.CheckConstraint("query_limit >= 0 AND ingestion_limit >= 0", name="limits"),
        comment="Who may ask over HTTP. No column of it makes a graph version.",
    )
    op.create_index("ix_api_keys_name", "api_keys", ["name"])


def downgrade() -> None:
    """Drop the keys; new ones have to be handed out after the next upgrade."""
    op.drop_table("api_keys")

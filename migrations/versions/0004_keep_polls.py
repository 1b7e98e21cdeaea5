"""Let providers say what they can show and how their polls went; keep how much each call is made.

Revision 0004.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_NAME = sa.Text(collation="C")
_TIME = sa.DateTime(timezone=True)
_EMPTY = sa.text("'{}'")


def upgrade() -> None:
    """Add the columns and the table; what is stored stays as it is."""
    op.add_column(
        "providers",
        sa.Column(
            "sees",
            ARRAY(sa.Text),
            nullable=False,
            server_default=_EMPTY,
            comment="kinds of services whose calls it shows; empty until its first good poll",
        ),
    )
    op.add_column(
        "providers",
        sa.Column(
            "drop_seconds",
            sa.Double,
            nullable=False,
            server_default=sa.text("0"),
            comment="for how long it has shown suddenly much less, outages apart",
        ),
    )
    op.add_column(
        "providers",
        sa.Column(
            "polls",
            JSONB,
            nullable=False,
            server_default=sa.text("'[]'"),
            comment="its last polls, the youngest first",
        ),
    )
    op.create_table(
        "volumes",
        sa.Column("written_at", _TIME, nullable=False),
        sa.Column("provider", sa.SmallInteger, nullable=False),
        sa.Column("bucket", sa.SmallInteger, nullable=False, comment="power of ten of calls in a window"),
        sa.Column("raw_key", _NAME, nullable=False, comment="of the observation"),
        sa.PrimaryKeyConstraint("provider", "raw_key", name="pk_volumes"),
        comment="How much the observed calls are made, about. Makes no graph version.",
    )


def downgrade() -> None:
    """Drop them."""
    op.drop_table("volumes")
    for column in ("polls", "drop_seconds", "sees"):
        op.drop_column("providers", column)

"""Postgres, the only truth. Nobody else imports SQLAlchemy or asyncpg."""

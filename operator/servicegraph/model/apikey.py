"""API keys: what one says, how its text is written and read, and what it allows.

A key reads `sg_<id>_<secret><checksum>`, all letters and digits, so that it is one word in any shell and terminal. The secret
is a number of 256 random bits: of such a secret a plain SHA-256 may be kept (nobody can guess it from that), so no request
waits for a slow hash. The checksum finds slips of the hand without asking anybody, and lets scanners tell keys from other
words.

Pure, and who may do what is nowhere else: `store.keys` keeps keys, the HTTP server asks for them through `ports.KeyRing`.
"""

from __future__ import annotations

import hmac
import re
import secrets
import string
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import sha256
from typing import TYPE_CHECKING
from zlib import crc32

if TYPE_CHECKING:
    from datetime import datetime

_DIGITS = string.digits + string.ascii_uppercase + string.ascii_lowercase
_ID_LENGTH, _SECRET_LENGTH, _CHECKSUM_LENGTH = 8, 43, 6
"""62⁴³ > 2²⁵⁶ and 62⁶ > 2³²: as many digits as the numbers need."""
_LENGTH = len("sg_") + _ID_LENGTH + len("_") + _SECRET_LENGTH + _CHECKSUM_LENGTH

SHAPE = re.compile(rf"sg_[0-9A-Za-z]{{{_ID_LENGTH}}}_[0-9A-Za-z]{{{_SECRET_LENGTH + _CHECKSUM_LENGTH}}}")
"""What every key looks like, whether it exists or not."""

NAME = re.compile(r"[a-z0-9]([-a-z0-9._]{0,61}[a-z0-9])?")
"""Names of keys: they become names of providers."""

MOST = 1_000_000
"""Requests a minute, the highest limit."""


class Scope(StrEnum):
    """What a key allows; each scope includes those before it."""

    READ = "read"
    INGEST = "ingest"
    ADMIN = "admin"

    def includes(self, wanted: Scope) -> bool:
        """Whether this scope allows what needs `wanted`."""
        return _RANK[self] >= _RANK[wanted]


_RANK = {scope: rank for rank, scope in enumerate(Scope)}


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key as it is kept: all of it but the secret."""

    id: str
    """The eight characters after `sg_`; no secret."""
    name: str
    sha256: bytes = field(repr=False)
    """Of the whole text."""
    scope: Scope
    created_at: datetime
    query_limit: int | None = None
    """Requests a minute; None takes the setting, 0 is no limit."""
    ingestion_limit: int | None = None
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    last_used_at: datetime | None = None

    def opens_with(self, text: str) -> bool:
        """Whether `text` is this key; takes equally long for every text that is not."""
        return hmac.compare_digest(digest(text), self.sha256)

    @property
    def may_end(self) -> bool:
        """Whether it has ended, or will."""
        return self.expires_at is not None or self.revoked_at is not None

    def problem(self, now: datetime) -> str | None:
        """Why this key is refused at `now`, in words that follow "the key"; None while it is good."""
        if self.revoked_at is not None:
            return f"was revoked at {_plain(self.revoked_at)}"
        if self.expires_at is not None and self.expires_at <= now:
            return f"expired at {_plain(self.expires_at)}"
        return None


def forge() -> str:
    """A new key, as good as random can be; nothing knows it yet."""
    name = "".join(secrets.choice(_DIGITS) for _ in range(_ID_LENGTH))
    return _sealed(f"sg_{name}_{_digits(secrets.randbits(256), _SECRET_LENGTH)}")


def id_of(text: str) -> str | None:
    """The id of a key that is written as keys are, checksum included; None for everything else."""
    if len(text) != _LENGTH or not SHAPE.fullmatch(text) or _sealed(text[:-_CHECKSUM_LENGTH]) != text:
        return None
    return text[len("sg_") :][:_ID_LENGTH]


def digest(text: str) -> bytes:
    """What is kept of a key."""
    return sha256(text.encode("utf-8", "surrogateescape")).digest()


def _sealed(text: str) -> str:
    """`text` with its checksum: CRC-32, as digits."""
    return text + _digits(crc32(text.encode()), _CHECKSUM_LENGTH)


def _digits(number: int, length: int) -> str:
    """`number` in base 62, filled up to `length` digits."""
    found = []
    for _ in range(length):
        number, digit = divmod(number, len(_DIGITS))
        found.append(_DIGITS[digit])
    return "".join(reversed(found))


def _plain(at: datetime) -> str:
    return at.isoformat(sep=" ", timespec="seconds")

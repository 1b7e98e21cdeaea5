"""Keys and certificates that we make ourselves: for the admission webhook, and for the local control plane.

A throw-away authority signs one server certificate. Its own key is never written: nothing else can be signed later. Made here
because `openssl` may be missing. `reconcile.webhook` keeps what admission needs, `local` what the control plane does.
"""

from __future__ import annotations

import contextlib
import ipaddress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes

YEARS_10 = timedelta(days=3650)
_LONGEST_COMMON_NAME = 64
_CLOCKS_DIFFER = timedelta(minutes=5)
"""By how much a certificate is valid before it is made: who checks it may have a clock that is behind."""


def server_certificate(
    names: tuple[str, ...] = ("localhost", "127.0.0.1"),
    life: timedelta = YEARS_10,
    now: datetime | None = None,
) -> tuple[bytes, bytes, bytes]:
    """A certificate for a server, as PEM: (authority's certificate, server's certificate, server's key).

    Args:
        names: by which it is called; host names or addresses.
        life: how long it is valid.
        now: from when on; the machine's time if left out.
    """
    begin = now or datetime.now(UTC)
    authority_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    # Named after its key: of two authorities of one name a client might try the wrong one.
    mark = x509.SubjectKeyIdentifier.from_public_key(authority_key.public_key())
    authority_name = _name(f"servicegraph authority {mark.digest.hex()[:12]}")
    authority = (
        _builder(authority_name, authority_name, authority_key.public_key(), begin, life)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .add_extension(mark, critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    server = (
        _builder(_name(names[0][:_LONGEST_COMMON_NAME]), authority_name, key.public_key(), begin, life)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName([_called(name) for name in names]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()), critical=False
        )
        .sign(authority_key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    return authority.public_bytes(pem), server.public_bytes(pem), private_pem(key)


def end_of(certificate: bytes) -> datetime:
    """When the first certificate of some PEM is over.

    Raises:
        ValueError: it is no certificate.
    """
    return x509.load_pem_x509_certificate(certificate).not_valid_after_utc


def names_of(certificate: bytes) -> set[str]:
    """The names that a server's certificate is for; none where it says none.

    Raises:
        ValueError: it is no certificate.
    """
    extensions = x509.load_pem_x509_certificate(certificate).extensions
    try:
        said = extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return set()
    return {str(name.value) for name in said}


def first_alive(bundle: bytes, now: datetime) -> bytes:
    """The first certificate of a bundle that is not over, as PEM; nothing where there is none."""
    try:
        certificates = x509.load_pem_x509_certificates(bundle)
    except ValueError:
        return b""
    alive = (one for one in certificates if one.not_valid_after_utc > now)
    return next((one.public_bytes(serialization.Encoding.PEM) for one in alive), b"")


def belong_together(authorities: bytes, certificate: bytes, key: bytes) -> bool:
    """Whether a key is that of a certificate, which one of the authorities has signed."""
    try:
        own = x509.load_pem_x509_certificate(certificate)
        private = serialization.load_pem_private_key(key, None)
        bundle = x509.load_pem_x509_certificates(authorities)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return False
    return private.public_key() == own.public_key() and any(_has_signed(one, own) for one in bundle)


def _has_signed(authority: x509.Certificate, certificate: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(authority)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def signing_key() -> bytes:
    """An RSA key, as PEM, with which the API server signs service account tokens."""
    return private_pem(rsa.generate_private_key(public_exponent=65537, key_size=2048))


def private_pem(key: CertificateIssuerPrivateKeyTypes) -> bytes:
    """A private key as unencrypted PEM in the form that Go and OpenSSL read."""
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _called(name: str) -> x509.GeneralName:
    """A name of a server, as certificates have it."""
    with contextlib.suppress(ValueError):
        return x509.IPAddress(ipaddress.ip_address(name))
    return x509.DNSName(name)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now: datetime, life: timedelta
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _CLOCKS_DIFFER)
        .not_valid_after(now + life)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )

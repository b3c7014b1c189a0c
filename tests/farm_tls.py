"""Servers that speak TLS, well and badly. The certificates are made on the spot by an authority that the test trusts for itself."""

from __future__ import annotations

import datetime
import ipaddress
import ssl
import warnings
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.farm import Case, answers, blurts, leads, mute, says
from tests.farm_answers import FEED, GOOD

DAY = datetime.timedelta(days=1)
LOOPBACK = x509.SubjectAlternativeName(
    [x509.IPAddress(ipaddress.ip_address(f"127.0.{net}.{host}")) for net in (1, 2, 3) for host in range(1, 251)]
)
ELSEWHERE = x509.SubjectAlternativeName([x509.DNSName("courier.example")])


class Authority:
    """A certificate authority of the test's own, with its files in `folder`; `file` is what to trust."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file = folder / "authority.pem"
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Authority of the farm")])
        self.file.write_bytes(
            self._signed(self._name, self._key, None, age=0 * DAY).public_bytes(serialization.Encoding.PEM)
        )

    def context(
        self,
        name: str,
        names: x509.SubjectAlternativeName = LOOPBACK,
        *,
        age: datetime.timedelta = 0 * DAY,
        own: bool = False,
    ) -> ssl.SSLContext:
        """A server's side of TLS; `age` is added to the days of validity, `own` signs by itself."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        certificate = self._signed(subject, key, names, age=age, own=own)
        file = self.folder / f"{name}.pem"
        file.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
            + certificate.public_bytes(serialization.Encoding.PEM)
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context

    def _signed(
        self,
        subject: x509.Name,
        key: ec.EllipticCurvePrivateKey,
        names: x509.SubjectAlternativeName | None,
        *,
        age: datetime.timedelta,
        own: bool = False,
    ) -> x509.Certificate:
        now = datetime.datetime.now(datetime.UTC) - age
        builder = (
            x509.CertificateBuilder().subject_name(subject).issuer_name(subject if own else self._name).public_key(key.public_key())
            .serial_number(x509.random_serial_number()).not_valid_before(now - DAY).not_valid_after(now + 30 * DAY)
            .add_extension(x509.BasicConstraints(ca=names is None, path_length=None), critical=True)
        )  # fmt: skip
        if names is not None:
            builder = builder.add_extension(names, critical=False)
        return builder.sign(key if own else self._key, hashes.SHA256())


def tls_cases(authority: Authority) -> tuple[Case, ...]:
    """The servers; the one that is called tls is as it should be."""
    good = authority.context("good")
    old = authority.context("old")
    old.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # it is meant to be old
        old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
    return (
        Case("tls", answers(FEED), seen=3, tls=good, scheme="https"),
        Case("tls-self-signed", answers(FEED), "tls", tls=authority.context("own", own=True), scheme="https"),
        Case("tls-expired", answers(FEED), "tls", tls=authority.context("expired", age=100 * DAY), scheme="https"),
        Case("tls-not-yet-valid", answers(FEED), "tls", tls=authority.context("early", age=-100 * DAY), scheme="https"),
        Case(
            "tls-for-another-host", answers(FEED), "tls", tls=authority.context("elsewhere", ELSEWHERE), scheme="https"
        ),
        Case("tls-of-an-old-protocol", answers(FEED), "tls|connection", tls=old, scheme="https"),
        Case("tls-that-hangs", mute, "timeout", scheme="https", mute=True),
        Case("tls-that-resets", blurts(b"", then="reset"), "connection", scheme="https"),
        Case("tls-port-without-tls", blurts(GOOD), "tls", scheme="https"),
        Case("tls-port-with-noise", blurts(b"\x16\x03\x01\xff\xff" + b"n" * 65536), "tls", scheme="https"),
        Case("port-with-tls-asked-without", answers(FEED), "connection", tls=good),
        Case("tls-mute-after-handshake", mute, "timeout", tls=good, scheme="https", mute=True),
        Case("tls-redirect-to-self-signed", leads("302 Found", "{site:tls-self-signed}/feed.xml"), "tls"),
        Case("tls-redirect-to-plain", leads("302 Found", "{site:http-1.0}/feed.xml"), seen=3, tls=good, scheme="https"),
        Case("tls-closed-in-the-body", says(GOOD[:-200]), "connection", tls=good, scheme="https"),
    )

"""The stored MIKEY messages: a run of mode 1 without forking, the Transfer of one with forking, and what a run with
certificates has instead of pre-shared keys. Who made the last ones is this workbench; openssl checks them."""

from __future__ import annotations

from pathlib import Path

from workbench.protocols.mikey import messages as m

VECTORS = Path(__file__).parent / "vectors" / "mikey"
RUN = ("request-init-psk", "request-resp", "transfer-init", "resolve-init-psk", "resolve-resp", "transfer-resp")
PUBLIC = ("request-init-pk", "request-resp-pk", "resolve-init-pk", "resolve-resp-pk")
FORKING = ("forking-transfer-init", "forking-transfer-resp")

PAYLOADS: list[m.Payload] = [
    m.Timestamp(2, 7), m.Timestamp(1, 1 << 63, 1), m.Rand(bytes(16)), m.Identity(0, b"a@b"),
    m.Certificate(0, b"DER"), m.CertificateHash(2, bytes(32)), m.CertificateHash(1, bytes(16)),
    m.Kemac(2, b"sealed", 2, bytes(32)), m.Envelope(b"enveloped", 2), m.DiffieHellman(2, bytes(128)),
    m.DiffieHellman(0, bytes(192), m.Interval(b"\x01", b"\x00\x02"), 5), m.DiffieHellman(1, bytes(96), m.Spi(b"x")),
    m.Sign(1, bytes(256)), m.Verification(0, b""), m.Verification(2, bytes(32)),
    m.Policy(3, 0, ((0, b"\x01"), (1, b"\x10"))),
    m.Failure(14), m.Failure(200, 9), m.Extension(0, b"vendor"), m.Extension(77, b""), m.Extension(1, b"mikey;keyp1"),
    m.KeyData(3, bytes(16), bytes(14)),
    m.KeyData(9, b""), m.TicketPolicy(0xFFF, (m.Identity(1, b"sip:ue-a@ims.example", 1),), 2, 9, 8, 127, 31),
    m.Ticket(m.TicketPolicy(0, ()), b""),
    m.Ticket(m.TicketPolicy(0xF83), b"opaque", (m.Verification(1, bytes(20)), m.Verification(1, bytes(20)))),
    m.Unknown(19, b""),
    m.Unknown(99, b"\x00whatever")]
"""Each kind of payload, with reserved bits and numbers that have no name among them."""


def stored(name: str) -> bytes:
    """The octets of a stored message."""
    return bytes.fromhex((VECTORS / f"{name}.hex").read_text())

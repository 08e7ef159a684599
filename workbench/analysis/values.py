"""What the analyser says of a capture. Frozen values that views, expectations and JSON are made from."""

from __future__ import annotations

from typing import Any

import msgspec

from workbench.analysis.frames import Frames


class Place(msgspec.Struct, frozen=True, order=True):
    """Who: a transport address, and the name of the node there as the capture gives it or as behaviour tells."""

    address: str
    port: int
    node: str

    def __str__(self) -> str:
        at = f"[{self.address}]" if ":" in self.address else self.address
        return f"{self.node} ({at}:{self.port})"


class Message(msgspec.Struct, frozen=True):
    """One message of one protocol, as sent once on one wire.

    Args:
        index: position in `Report.messages`, counted from 0, in order of completion.
        frames: numbers (from 1, as in Wireshark) of the frames that carry it; the last one completes it.
        time: seconds from the capture's first frame to the last of `frames`.
        wire: name of the capture interface.
        protocol: `SIP`, `H.248`, `TCP` (SYN, FIN, RST and failures), `SCTP` (chunks that set up or end an association),
            `TLS`, `DTLS`, `MSRP`, `BFCP`, `UDPTL`, `ICMP`, `UDP` or `unknown`.
        source, destination: who sent it to whom on this wire.
        summary: one line, such as `INVITE sip:bob@ims.example` or `ClientHello`.
        session: id of the session it belongs to, or None.
        value: the room's decoded value; None where it did not decode. Not part of JSON.
        octets: the message itself, decrypted if it was protected. Not part of JSON.
        protected: it was inside TLS or DTLS and has been decrypted with the key log.
        repeated: a retransmission of an earlier message (same octets, same direction); in DTLS a handshake message
            that was complete before, or a replayed record.
        error: why it did not decode, with octet and clause; empty if it did.
        comment: the frame comment that the capture holds for its first frame, if any. Never used for judging.
    """

    index: int
    frames: tuple[int, ...]
    time: float
    wire: str
    protocol: str
    source: Place
    destination: Place
    summary: str
    session: str | None = None
    value: Any = None
    octets: bytes = b""
    protected: bool = False
    repeated: bool = False
    error: str = ""
    comment: str = ""


class Certificate(msgspec.Struct, frozen=True):
    """A certificate seen in a TLS handshake, held against the `a=fingerprint` that announced it.

    `matches` is None where no SDP of the same leg gave a fingerprint, or no certificate could be read.
    """

    owner: str
    announced: str
    seen: str
    matches: bool | None
    frames: tuple[int, ...] = ()


class Leg(msgspec.Struct, frozen=True):
    """One connection of a session as the wire shows it. Times are seconds since the first frame.

    Args:
        name: `access` or `core`; with two gateways `access A` (the offerer's side), `core`, `access B`; `end to end`
            where no gateway is in between, `elsewhere` for one that passes by the gateway of the call; `participant 1`
            and so on in a conference, in the order in which they came.
        wire: capture interface.
        transport: the SDP transport of this leg, such as `TCP/TLS/MSRP`.
        termination: H.248 TerminationID, empty if there is none.
        bearer: `<proto>` of the m= line given to the gateway over H.248, such as `TCP/TLS`; empty if none.
        tcp_client, tcp_server: nodes that opened and accepted; empty if no connection was seen. On the legs of a
            relay that is who talks to whom through it: the relay itself does neither.
        tls_client, tls_server: nodes; empty on a leg without TLS.
        opened, established, closed: when SYN, the third handshake segment and the last FIN or RST passed.
        tls_version, cipher_suite: as negotiated; empty without TLS.
        decrypted: protected octets of this leg could be read.
        certificates: one for each side that presented one.
        frames: every frame of the connection.
        signalled: the peer's transport address as SDP gave it to the gateway; empty where none did.
        actual: the peer's transport address as seen on the gateway's own wire; empty where nothing came.
        latched: the gateway sent to `actual` although `signalled` is another one; None where it can't be told, and of
            a connection that was refused.
        psk_identity: the name of the pre-shared key that the TLS client named, whether or not the server knew it; empty
            with certificates.
    """

    name: str
    wire: str
    transport: str = ""
    termination: str = ""
    bearer: str = ""
    tcp_client: str = ""
    tcp_server: str = ""
    tls_client: str = ""
    tls_server: str = ""
    opened: float | None = None
    established: float | None = None
    closed: float | None = None
    tls_version: str = ""
    cipher_suite: str = ""
    decrypted: bool = False
    certificates: tuple[Certificate, ...] = ()
    frames: tuple[int, ...] | Frames = ()
    signalled: str = ""
    actual: str = ""
    latched: bool | None = None
    psk_identity: str = ""

    @property
    def tls(self) -> str:
        """`TLS 1.2 TLS_PSK_WITH_AES_128_GCM_SHA256, PSK identity ue-a`, as far as it is known."""
        agreed = " ".join(filter(None, (self.tls_version, self.cipher_suite)))
        named = f"PSK identity {self.psk_identity}" if self.psk_identity else ""
        return ", ".join(filter(None, (agreed, named)))


class Handling(msgspec.Struct, frozen=True):
    """What a gateway does with TCP between its two legs, and why we say so.

    Args:
        gateway: its name; empty where nothing but the segments tells of one.
        handling: `relay`, `proxy`, `merge by proxy`, `merge by translation`; empty where it can't be told.
        frames: the evidence.
        why: what these frames show, or what is missing.
    """

    gateway: str
    handling: str
    frames: tuple[int, ...]
    why: str


class NatBinding(msgspec.Struct, frozen=True):
    """One entry of a NAT's table, inferred from the same octets on both of its sides.

    Args:
        nat: name of the NAT.
        protocol: `TCP` or `UDP`.
        inside: the endpoint behind the NAT, with its node.
        outside: the endpoint of the NAT that the remote side sees in its place.
        remote: whom it talks with through this binding.
        frames: those that passed on both sides.
    """

    nat: str
    protocol: str
    inside: Place
    outside: Place
    remote: Place
    frames: tuple[int, ...] = ()


class NatBehaviour(msgspec.Struct, frozen=True):
    """What a NAT shows of itself, in the words of RFC 4787 §4.1 (mapping) and §5 (filtering).

    Args:
        nat, protocol: as in its bindings.
        behaviour: `mapping` or `filtering`.
        kind: `endpoint-independent`, `address-dependent`, `address-and-port-dependent`, or two that are left.
        why: what shows it: two bindings, or a connection from outside.
        frames: the first ones of it.
    """

    nat: str
    protocol: str
    behaviour: str
    kind: str
    why: str
    frames: tuple[int, ...]


TO_MRFP = "e2e-mrfp"
"""`Session.security` of a conference whose TLS ends at the MRFP (TS 23.333 §5.20)."""


class Session(msgspec.Struct, frozen=True):
    """A call: the SIP dialogs, the H.248 context and the connections that belong together.

    Args:
        id: stable within the report, such as `call-1`.
        kind: `registration`, `msrp`, `bfcp`, `t38`, `media` (anything else) or `control` (H.248 outside any context).
        legs: media connections, access first.
        security: `e2ae`, `e2e`, `e2e-mrfp` (a conference: end to end up to the MRFP, TS 23.333 §5.20), `none` or empty
            where it can't be told; `security_said` for people.
        roles: node name to the roles it was seen in, such as `("TCP client", "TLS client")`.
        frames: every frame that belongs to it.
        dialogs: Call-IDs.
        context: H.248 ContextID, or None; the first of them where two gateways serve the call.
        handling: what the gateway does with TCP, by its packets: `relay`, `proxy`, `merge by proxy`,
            `merge by translation`; empty where that can't be told. Of two gateways, that which changes most.
        handlings: the same for each gateway, with the evidence.
        bindings: those of the NATs that the call passes.
    """

    id: str
    kind: str
    legs: tuple[Leg, ...] = ()
    security: str = ""
    roles: dict[str, tuple[str, ...]] = {}
    frames: tuple[int, ...] | Frames = ()
    dialogs: tuple[str, ...] = ()
    context: int | None = None
    handling: str = ""
    handlings: tuple[Handling, ...] = ()
    bindings: tuple[NatBinding, ...] = ()

    @property
    def security_said(self) -> str:
        """`security` in words."""
        return "e2e up to the MRFP" if self.security == TO_MRFP else self.security


class Finding(msgspec.Struct, frozen=True):
    """A rule that the capture breaks: which, where it stands, in which frames; `next`: what to check next."""

    rule: str
    clause: str
    severity: str  # "error", "warning" or "note"
    title: str
    frames: tuple[int, ...]
    explanation: str
    provisional: bool = False
    next: str = ""


class Unread(msgspec.Struct, frozen=True):
    """What was not read, and why: a blind spot of every conclusion.

    Args:
        what: `TLS application data`, `UDP`, `IP fragments`.
        reason: why it was not read, such as `no key for it`.
        frames: how many; each frame of a capture counts once, so these add up.
        octets: those that were not read, as far as they are known.
        first: number of the first of these frames.
    """

    what: str
    reason: str
    frames: int
    octets: int
    first: int


class ScenarioMatch(msgspec.Struct, frozen=True):
    """Which scenario of the catalogue the capture shows, how surely (0..1), and where it deviates.

    `also`: others that fit as well, since what they differ in leaves no trace in packets.
    """

    id: str
    score: float
    deviations: tuple[str, ...] = ()
    also: tuple[str, ...] = ()


class Node(msgspec.Struct, frozen=True):
    """A node seen in the capture. `named` tells whether the capture names it or we guessed from behaviour."""

    name: str
    addresses: tuple[str, ...]
    kind: str = ""  # "UE", "IMS-ALG", "IMS-AGW", "IBCF", "TrGW", "MRFC", "MRFP", "NAT", "peer" or ""
    named: bool = False

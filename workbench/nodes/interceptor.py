"""A man in the middle: a UE takes it for its P-CSCF, and it passes on what it hears, changed to its own advantage.

It may have named itself in DHCP (RFC 3361) or DNS. Towards the P-CSCF it looks like a NAT with the UE behind it. In SDP
for the UE it writes its own address, so that the UE's media connection comes to it; it makes another one to the
gateway, and copies. With TLS it can do so only by ending TLS twice, with a certificate of its own on both sides.

Source: RFC 8122 §7 (what fingerprints protect against, and what SDP has to be protected against), TS 33.328 §4.1.2.3.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from msgspec import structs

from workbench.errors import PeerError
from workbench.net.values import (
    AbortStream,
    AcceptStream,
    BindDatagrams,
    Command,
    DatagramReceived,
    Drop,
    Endpoint,
    EndStream,
    Happening,
    Listen,
    LogKeys,
    Note,
    OpenStream,
    RefuseStream,
    SendDatagram,
    SendStream,
    Started,
    Stream,
    StreamClosed,
    StreamData,
    StreamEnded,
    StreamFailed,
    StreamOffered,
    StreamOpened,
)
from workbench.protocols import sip
from workbench.security import tls
from workbench.security.identities import Identity

# connection-field = "c=" nettype SP addrtype SP connection-address CRLF            RFC 8866 §9
_CONNECTION = re.compile(rb"^c=IN IP[46] ([^ /\r\n]+)", re.MULTILINE)
# media-field = "m=" media SP port ["/" integer] SP proto 1*(SP fmt) CRLF
_MEDIA = re.compile(rb"^(m=[^ \r\n]+ )(\d+)( TCP/TLS/[^\r\n]+)", re.MULTILINE)
_FINGERPRINT = re.compile(rb"^a=fingerprint:[^\r\n]*", re.MULTILINE)
_FIRST_PORT = 50_000


class _Half:
    """One of the two connections: who is there, and what waits for its TLS to be up."""

    def __init__(self, stream: Stream, session: tls.TlsSession) -> None:
        self.stream = stream
        self.session = session
        self.waiting: list[bytes] = []
        self.other: _Half
        self.begun = False
        self.over = False


class Interceptor:
    """A man in the middle between one UE and its P-CSCF.

    Args:
        inside: its SIP endpoint towards the UE, which takes it for the P-CSCF.
        outside: its SIP endpoint towards the P-CSCF.
        proxy: the P-CSCF.
        identity: the certificate that it presents to both sides.
        forges: it puts the fingerprint of its own certificate into SDP; False: SDP's fingerprints stay as they are.
        log_keys: its sessions' secrets go to the key log.
        most: media connections at a time, and endpoints of the gateway that it stands for; one more is left alone.
        most_waiting: octets that wait for the other side's TLS to be up.
    """

    def __init__(self, name: str, *, inside: Endpoint, outside: Endpoint, proxy: Endpoint, identity: Identity,
                 forges: bool = True, log_keys: bool = False, most: int = 16, most_waiting: int = 65_536) -> None:
        self.name = name
        self._inside = inside
        self._outside = outside
        self._proxy = proxy
        self._identity = identity
        self._forges = forges
        self._log_keys = log_keys
        self._most = most
        self._most_waiting = most_waiting
        self._ue: Endpoint | None = None
        self._ports: dict[Endpoint, int] = {}       # the gateway's endpoints in SDP, and our port that stands for each
        self._halves: dict[Stream, _Half] = {}

    def handle(self, happened: Happening, now: float) -> list[Command]:
        """Answer a happening."""
        match happened:
            case Started():
                return [BindDatagrams(self._inside), BindDatagrams(self._outside)]
            case DatagramReceived(local=self._inside, remote=remote, data=data):
                self._ue = remote
                return [SendDatagram(self._outside, self._proxy, self._to_network(data), "on to the P-CSCF")]
            case DatagramReceived(local=self._outside, remote=self._proxy, data=data) if self._ue is not None:
                octets, listen = self._to_ue(data)
                return [*listen, SendDatagram(self._inside, self._ue, octets, "on to the UE")]
            case DatagramReceived():
                return [Drop(happened, "neither of the UE nor of its P-CSCF")]
            case StreamOffered(stream=stream):
                return self._offered(stream)
            case StreamOpened(stream=stream) if stream in self._halves:
                half = self._halves[stream]
                return self._read(half, half.session.start())
            case StreamData(stream=stream, data=data) if stream in self._halves:
                half = self._halves[stream]
                return self._read(half, half.session.receive_data(data))
            case StreamEnded(stream=stream) if stream in self._halves:
                return self._end(self._halves[stream])
            case StreamClosed(stream=stream) | StreamFailed(stream=stream) if stream in self._halves:
                half = self._halves.pop(stream)
                half.over = True
                if not half.other.begun:
                    self._halves.pop(half.other.stream, None)
                return self._follow(half.other)
        return []

    def next_wakeup(self) -> float | None:
        """Never: it only answers what it hears."""
        return None

    # Signalling

    def _to_network(self, data: bytes) -> bytes:
        """What the UE says: its fingerprint is replaced. Its address is left, as a NAT would leave it."""
        return _rewritten(data, self._forged)

    def _to_ue(self, data: bytes) -> tuple[bytes, list[Command]]:
        """What the network says: the gateway's address becomes ours, and its fingerprint is replaced."""
        commands: list[Command] = []

        def change(body: bytes) -> bytes:
            where, media = _CONNECTION.search(body), _MEDIA.search(body)
            if where is None or media is None:
                return body
            gateway = Endpoint(where[1].decode("ascii", "replace"), int(media[2]))
            if not 0 < gateway.port < 65_536:
                return body
            if gateway not in self._ports:
                if len(self._ports) >= self._most:
                    return body
                self._ports[gateway] = _FIRST_PORT + len(self._ports)
                commands.append(Listen(Endpoint(self._inside.host, self._ports[gateway])))
            family = b"6" if ":" in self._inside.host else b"4"
            body = _CONNECTION.sub(b"c=IN IP%s %s" % (family, self._inside.host.encode()), body)
            return self._forged(_MEDIA.sub(rb"\g<1>%d\g<3>" % self._ports[gateway], body))

        return _rewritten(data, change), commands

    def _forged(self, body: bytes) -> bytes:
        if not self._forges:
            return body
        return _FINGERPRINT.sub(b"a=fingerprint:" + self._identity.fingerprint().encode().encode("ascii"), body)

    # Media

    def _offered(self, stream: Stream) -> list[Command]:
        gateway = next((one for one, port in self._ports.items() if port == stream.local.port), None)
        if gateway is None or len(self._halves) >= 2 * self._most:
            return [RefuseStream(stream, "not one of ours, or one too many")]
        near = _Half(stream, self._session(client=False))
        far = _Half(Stream(Endpoint(self._outside.host, stream.local.port), gateway), self._session(client=True))
        if far.stream in self._halves:
            return [RefuseStream(stream, "there is a connection to this port of the gateway")]
        near.other, far.other = far, near
        near.begun = True
        self._halves |= {near.stream: near, far.stream: far}
        return [AcceptStream(near.stream, "the UE takes us for the gateway")]

    def _begin(self, half: _Half) -> list[Command]:
        """The UE is content, or has refused: now he tries the gateway."""
        if half.begun:
            return []
        half.begun = True
        return [OpenStream(half.stream, "the gateway is to take us for the UE")]

    def _session(self, *, client: bool) -> tls.TlsSession:
        return tls.TlsSession(self._identity, client, announced=(), verify=False, log_keys=self._log_keys)

    def _read(self, half: _Half, events: Sequence[tls.Event]) -> list[Command]:
        commands: list[Command] = []
        for event in events:
            match event:
                case tls.Transmit(octets=octets):
                    commands.append(SendStream(half.stream, octets, "TLS"))
                case tls.KeyLine(line=line):
                    commands.append(LogKeys(line))
                case tls.Verified():
                    waiting, half.waiting = half.waiting, []
                    for octets in waiting if half.session.sends else ():
                        commands += self._read(half, half.session.send(octets))
                    commands += self._end(half) if half.other.over else self._begin(half.other)
                case tls.Data(octets=octets):
                    commands.append(Note(f"reads {len(octets)} octets of what {half.stream.remote} says"))
                    commands += self._copy(octets, half.other)
                case tls.PeerClosed():
                    commands += [*self._end(half), *self._follow(half.other)]
                case tls.Failed(reason=reason):
                    commands += [Note(f"TLS with {half.stream.remote} failed: {reason}"),
                                 *self._end(half), *self._begin(half.other), *self._follow(half.other)]
        return commands

    def _copy(self, octets: bytes, to: _Half) -> list[Command]:
        if to.over or to.session.state is tls.State.UP:
            return [] if to.over else self._read(to, to.session.send(octets))
        if sum(map(len, to.waiting)) + len(octets) > self._most_waiting:
            to.over = to.other.over = True
            return [AbortStream(self._halves.pop(half.stream).stream, "too much waits for the other side's TLS")
                    for half in (to, to.other) if half.stream in self._halves]
        to.waiting.append(octets)
        return []

    def _follow(self, half: _Half) -> list[Command]:
        """The other half has ended: so does this one, or as soon as its TLS is up: he tries both sides."""
        return [] if half.session.state in (tls.State.IDLE, tls.State.HANDSHAKE) else self._end(half)

    def _end(self, half: _Half) -> list[Command]:
        """Close TLS where it is up, then TCP; once."""
        if half.over:
            return []
        half.over = True
        return [*self._read(half, half.session.close()), EndStream(half.stream, "its other half has ended")]


def _rewritten(data: bytes, change: Callable[[bytes], bytes]) -> bytes:
    """A SIP message with its SDP changed; anything else as it is."""
    try:
        message = sip.decode(data)
    except PeerError:
        return data
    if not message.body.startswith(b"v="):
        return data
    return sip.encode(structs.replace(message, body=change(message.body)))

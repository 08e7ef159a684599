"""Live TLS sessions with pre-shared keys over memory, recorded: what the library really sends, with its key log."""

from __future__ import annotations

from capturing import Talk

from workbench.security.events import KeyLine, Transmit
from workbench.security.psk import KeyRing, PreSharedKey, PskSession
from workbench.security.tls import TlsSession

# The TEK of the MIKEY-TICKET example.
TEK = PreSharedKey(b"ticket-cs-1", bytes.fromhex("ae444098f7c20d1d0cfe701a2a72cf3f"))
WRONG = PreSharedKey(TEK.identity, bytes(16))
STRANGE = PreSharedKey(b"ticket-cs-2", TEK.key)


class Recorded:
    """A session: what each direction carried, in the order of a capture. Direction 0 is from the TLS client."""

    def __init__(self, client: TlsSession, server: TlsSession) -> None:
        self.ends = (client, server)
        self.flights: list[tuple[int, bytes]] = []
        self.lines: list[str] = []
        self.does(1, server.start())
        self.does(0, client.start())

    @classmethod
    def keyed(cls, version: str = "1.2", suites: str = "", offered: PreSharedKey = TEK,
              known: PreSharedKey | KeyRing = TEK, hint: bytes = b"") -> Recorded:
        """Both ends have a key."""
        return cls(PskSession(offered, True, versions=[version], suites=suites, log_keys=True),
                   PskSession(known, False, versions=[version], suites=suites, hint=hint))

    def does(self, who: int, events: list) -> None:
        """Carry what an end wants to send, and what the other answers."""
        for event in events:
            match event:
                case Transmit(octets=octets):
                    self.flights.append((who, octets))
                    self.does(1 - who, self.ends[1 - who].receive_data(octets))
                case KeyLine(line=line):
                    self.lines.append(line)

    def say(self, who: int, octets: bytes) -> Recorded:
        """Send application data."""
        self.does(who, self.ends[who].send(octets))
        return self

    def close(self) -> Recorded:
        """close_notify from both."""
        for who in (0, 1):
            self.does(who, self.ends[who].close())
        return self

    @property
    def keylog(self) -> str:
        """The key log of this session."""
        return "".join(f"{line}\n" for line in self.lines)

    def stream(self, direction: int) -> bytes:
        """All octets of one direction."""
        return b"".join(octets for one, octets in self.flights if one == direction)

    def talk(self, at: float = 1.0) -> Talk:
        """A TCP connection with it, opened by the TLS client."""
        talk = Talk().opens(at=at)
        for who, octets in self.flights:
            talk.says(who, octets)
        return talk.closes()

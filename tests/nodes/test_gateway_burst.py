"""Control is not starved by media: an order is answered while a burst of TLS handshakes waits."""

from __future__ import annotations

import pytest
from agw_stage import UE_PRINT, local, remote, ue_session
from live_stage import HOST, End, Live

from workbench.net.values import Command, DatagramReceived, Endpoint, Prefer, SendDatagram, StreamData
from workbench.security import tls

MANY = 100
FEW = 30


class Burst(Live):
    """A gateway with many reserved calls, and what it worked on, in order."""

    def __init__(self) -> None:
        super().__init__(splices=True)
        self.worked: list[str] = []
        handle = self.node.handle

        def seen(happened: object, now: float) -> list[Command]:
            if isinstance(happened, StreamData):
                self.worked.append("handshake")
            elif isinstance(happened, DatagramReceived):
                self.worked.append("order")
            return handle(happened, now)  # type: ignore[arg-type]

        self.node.handle = seen  # type: ignore[method-assign]

    def bursts(self) -> None:
        """Every UE has connected and sent its ClientHello before the gateway looks."""
        secure = (local("TCP/TLS", "passive", "a=fingerprint:SHA-256 $"),
                  remote("TCP/TLS", "active", Endpoint(HOST, 9), f"a=fingerprint:{UE_PRINT}"))
        where = [self.reserve(*secure) for _ in range(MANY)]
        for access in where:
            (hello,) = [event.octets for event in ue_session(True).start() if isinstance(event, tls.Transmit)]
            self.connects(access, hello)


@pytest.fixture
def burst():
    made = Burst()
    yield made
    made.close()


def test_an_order_is_answered_between_handshakes(burst):
    """With 100 ClientHellos before it, a request is carried out and answered after a few of them, not after all."""
    assert any(isinstance(command, Prefer) for command in burst.ordered)
    burst.bursts()
    burst.until(lambda: burst.worked.count("handshake") >= 5)
    burst.worked.clear()
    number = burst.asks("Context = 1 { AuditValue = * { Audit { } } }")
    burst.until(lambda: any(
        isinstance(command, SendDatagram) and b"%d" % number in command.data for command in burst.ordered[-50:]))
    assert burst.worked.count("handshake") <= FEW
    burst.until(lambda: len(answered(burst)) == MANY)


def answered(burst: Burst) -> list[End]:
    """UEs that have the gateway's flight."""
    return [end for end in burst.ends if end.heard]

"""A gateway that is itself the other end: what its terminations bring goes to an application in it, to none of them.

An IMS-AGW joins the endpoints of a stream; an MRFP hosts a conference (TS 23.333 §6.2.20), so what comes in at one
endpoint is read here, and what goes out at another is written here. `payload` holds the octets back until the mode of
the termination lets them in, and `bearer` and `securing` bring TCP and TLS up as for any other gateway.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from workbench.nodes.gateway.flow import Flow

TIMER = "host"
"""The timer of an endpoint that is the application's."""


class Host(Protocol):
    """The application."""

    def consider(self, bearer: Flow, now: float) -> None:
        """Something is new at an endpoint: perhaps it is ready now (`takes`), or its setting says more."""

    def heard(self, bearer: Flow, octets: bytes, now: float) -> None:
        """What the peer of an endpoint has sent."""

    def woken(self, bearer: Flow, now: float) -> None:
        """The endpoint's timer `TIMER` has run out."""

    def confirmed(self, bearer: Flow, request: int, now: float) -> None:
        """The controller confirms that media follow the decision on a floor request (TS 23.333 §8.49)."""

    def left(self, bearer: Flow) -> None:
        """The endpoint's connection is over, or is being released."""

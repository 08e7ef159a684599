"""How an MRFC is set up: choices of an operator, and switches that weaken it to show what they are for."""

from __future__ import annotations

import enum
from collections.abc import Mapping

import msgspec

from workbench.net.values import Endpoint
from workbench.nodes.conference import Conference
from workbench.protocols.sdp import Setup


class StartsTcp(enum.StrEnum):
    """When the MRFP is asked to open the connection of a participant."""

    RESERVED = "reserved"
    """With Reserve and Configure IMS Resources, so before the answer leaves (TS 23.333 §6.2.20.1, step 5)."""
    ANSWERED = "answered"
    """Once the answer is acknowledged. Weakens: the UE waits for longer than it has to."""


class KeysAt(enum.StrEnum):
    """When the MRFP gets the key of a participant's TLS."""

    RESERVED = "reserved"
    """With Reserve and Configure IMS Resources (TS 23.333 §6.2.19.2.1); of who is called, as soon as that is known."""
    ANSWERED = "answered"
    """Once the answer is acknowledged (of who is called: behind Configure), when the peer may have begun TLS: the MRFP
    waits with it."""
    NEVER = "never"
    """Weakens: the MRFP is told the name of a key, and waits for the key."""


class Settings(msgspec.Struct, frozen=True):
    """What an MRFC does.

    Args:
        conferences: SIP URIs that can be called.
        participants: of one conference, at most.
        host: who the conference is in a=path. CEMA is assumed (RFC 6714), so that is a name, and the connection goes
            where c= and m= say.
        answers: a=setup in answers: `active` as TS 23.333 §6.2.20.1 has it, or `passive`: the MRFP waits.
        orders: a=setup that the MRFP is told; None: the answer's. Another one weakens.
        starts_tcp: see there.
        reports: the MRFP is asked to report connections that do not come about, or are lost; False weakens.
        keys_at: see `KeysAt`.
        floors: conferences with floors, by URI; a=confid, a=userid and a=floorid are theirs.
        routes: SIP domains, and where calls to people in them go to. A URI with an address needs none.
        lets_go: the termination of a call that came to nothing is released; False weakens.
        tells_floors: the MRFP is told over H.248 which floors there are, how they are given and who is chair, and asked
            to report decisions (TS 23.333 §8.45, §8.46); False weakens.
        confirms: a reported grant is confirmed, so that the user hears of it (TS 23.333 §8.49); False weakens.
        begins_tls: with BFCP, too, the MRFP is told to be TLS client. Weakens: that is the offerer (RFC 8856 §8).
    """

    conferences: tuple[str, ...]
    participants: int = 100
    host: str = "conference.ims.example"
    answers: Setup = Setup.ACTIVE
    orders: Setup | None = None
    starts_tcp: StartsTcp = StartsTcp.RESERVED
    reports: bool = True
    keys_at: KeysAt = KeysAt.RESERVED
    floors: Mapping[str, Conference] = {}
    tells_floors: bool = True
    confirms: bool = True
    begins_tls: bool = False
    routes: Mapping[str, Endpoint] = {}
    lets_go: bool = True

    @property
    def role(self) -> Setup:
        """The MRFP's."""
        return self.orders or self.answers

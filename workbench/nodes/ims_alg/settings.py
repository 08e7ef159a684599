"""How an IMS-ALG is set up: choices of an operator, and switches that weaken it to show what they are for."""

from __future__ import annotations

import enum

import msgspec

from workbench.protocols.sdp import BfcpClient


class Tcp(enum.StrEnum):
    """Whether the gateway is told TCP roles (TS 23.334 §5.16.2), or none (§5.16.1)."""

    AWARE = "aware"
    STATELESS = "stateless"


class StartsTcp(enum.StrEnum):
    """What makes the gateway open a connection: the one that comes in, or an order (H.248.89)."""

    INTERLINKAGE = "interlinkage"
    SIGNAL = "signal"


class Msrp(enum.StrEnum):
    """What becomes of a=path (TS 23.334 §5.19.2, §5.19.3, §5.19.4)."""

    CEMA = "cema"
    SESSMATCH = "sessmatch"
    AWARE = "aware"


class PlainAnswer(enum.StrEnum):
    """What an answer without a=msrp-cema to an offer with it leads to (TS 23.334 §5.19.2)."""

    RECONFIGURE = "reconfigure"
    FORWARD = "forward"


class EndToEnd(enum.StrEnum):
    """What becomes of a stream whose offer asks for TLS and not for e2ae (row 3 of R-24.229-4)."""

    THROUGH = "through"
    """It passes, with other addresses and nothing else (TS 23.334 §6.2.10A)."""
    E2AE = "e2ae"
    """It is taken for e2ae, behind the UE's back: what §6.2.10A forbids. Weakens."""
    B2BUA = "b2bua"
    """The gateway ends TLS towards both sides: what the study weighs for two UEs behind NATs, and gives up (S5)."""


class BidsDown(enum.StrEnum):
    """A fault: what becomes of an offer's a=key-mgmt lines (what RFC 4567 §4.1.4 lets an answerer find)."""

    NO = ""
    DROPS = "drops"
    """The first one is taken out."""
    REORDERS = "reorders"
    """The last one comes first."""


class Settings(msgspec.Struct, frozen=True):
    """What an IMS-ALG does where the specifications leave a choice.

    Args:
        strips: security attributes are taken out of SDP for the core (R-24.229-3); False weakens.
        tcp, starts_tcp, msrp, plain_answer: see there.
        modifies_setup: a=setup may be changed where the served UE is behind a NAT (TS 23.334 §5.16.2.3).
        narrows: with it, an actpass of a served UE behind a NAT is forwarded as active (row 7 of the role matrix);
            without, as it is, and an active answer to it leads to merge mode (row 8).
        bfcp_tls: who is TLS client with BFCP: the offerer (RFC 8856 §8), or who opens TCP (its §10).
        renews_dtls: another a=tls-id, fingerprint or role of the UE makes a new DTLS association of a fax (RFC 8842
            §3.1); False weakens: none is ordered.
        keeps_tls: a re-offer that keeps the connection leaves TLS alone (R-S6-1); False weakens: each exchange says
            anew who is TLS client, and the gateway is told.
        patience: seconds that a call whose bearer is gone waits for a new offer of either side before it is released.
        refuses_downgrade: an answer to TLS without TLS, or without a fingerprint, ends the attempt (F10, F11); False
            weakens: the stream goes on in the clear, or unchecked.
        end_to_end: see there.
        border: it is an IBCF: two networks, no UE of its own, no NAT; end-to-end TLS of MSRP needs a=msrp-cema (X9).
        bids_down: see there.
        alters: a fault: an SDP attribute of which the last letter is changed on its way.
        annex_d: a UE that says so at registration opens TCP although it is passive, so that both sides come in and
            a=setup stays (TR 29.828 Annex D, which nobody has adopted).
        guards_e2e: a=setup of a stream with end-to-end TLS is never changed (R-5.16.2.3-14); False weakens.
    """

    strips: bool = True
    tcp: Tcp = Tcp.AWARE
    modifies_setup: bool = False
    narrows: bool = False
    starts_tcp: StartsTcp = StartsTcp.INTERLINKAGE
    msrp: Msrp = Msrp.CEMA
    plain_answer: PlainAnswer = PlainAnswer.RECONFIGURE
    guards_e2e: bool = True
    bfcp_tls: BfcpClient = BfcpClient.OFFERER
    keeps_tls: bool = True
    renews_dtls: bool = True
    refuses_downgrade: bool = True
    patience: float = 0.0
    end_to_end: EndToEnd = EndToEnd.THROUGH
    annex_d: bool = False
    border: bool = False
    alters: str = ""
    bids_down: BidsDown = BidsDown.NO

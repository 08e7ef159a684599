"""What a UE's fax terminal can do and wants, and how that stands in its SDP."""

from __future__ import annotations

from typing import Literal

import msgspec

from workbench.protocols import sdp

_CORRECTIONS = {"none": sdp.ErrorCorrection.NONE, "redundancy": sdp.ErrorCorrection.REDUNDANCY,
                "fec": sdp.ErrorCorrection.FEC}
MOST_DATAGRAM = 400
"""Octets of a datagram that it takes, and sends where the other end's SDP does not say how many it takes."""


class FaxTerminal(msgspec.Struct, frozen=True):
    """A fax terminal behind UDPTL.

    Args:
        correction: what UDPTL adds against loss (a=T38FaxUdpEC); the weaker wish of the two ends counts.
        depth: how many former packets are repeated in each one, with redundancy.
        version: T38FaxVersion, 0 to 3.
        taken: False: a call with sound does not turn into T.38 when the other end offers that (488).
        sound: of a call that begins with it: it ends when the fax is agreed. `never` sends none, `always` goes on
            beside the fax; both are for showing what then goes wrong.
        keepalive: seconds between the empty datagrams that it sends as DTLS server until its client is heard, so that a
            NAT lets it in (RFC 6263 §4.1); 0: it sends none.
        names: its SDP names DTLS associations (a=tls-id, RFC 8842); a terminal of Release 12 has none to write.
    """

    correction: Literal["none", "redundancy", "fec"] = "redundancy"
    depth: int = 2
    version: int = 0
    taken: bool = True
    sound: Literal["until fax", "never", "always"] = "until fax"
    names: bool = True
    keepalive: float = 0.0

    def stream(self) -> sdp.T38Stream:
        """What it says of itself in SDP."""
        return sdp.T38Stream(
            version=self.version, bit_rate=14_400, rate_management=sdp.RateManagement.TRANSFERRED, max_buffer=2_000,
            max_datagram=MOST_DATAGRAM, error_correction=_CORRECTIONS[self.correction])

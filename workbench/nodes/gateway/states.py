"""Where the TCP connection of a stream endpoint stands.

    IDLE       a=setup:active; a trigger, a signal (or EAGER) and a Remote address  -> CONNECTING, SYN
               a=setup:holdconn                    stays, until another role is given
    LISTENING  SYN of the right source             -> ACCEPTED, SYN-ACK; the partner is triggered
               the same with `hold_incoming`       -> OFFERED; when the partner is UP -> ACCEPTED
               no role, relayed                    stays: packets pass, nothing is known of connections
    CONNECTING, ACCEPTED   established             -> UP
               refused, or `tcp_guard` over        -> OVER, reported; the partner gives up
    UP         no TLS                              payload
               TLS signal                          handshake as client
               octets of the peer, no signal       handshake as server
               certificate matches its fingerprint payload; if that is not known yet, payload is held
               TLS failed, or `tls_guard` over     alert, FIN, reported; the partner is released
               close_notify of the peer            close_notify, FIN, reported; the partner is released
               FIN, no TLS                         passed on behind all payload (half-close)
               RST                                 -> OVER, reported, mirrored
               Subtract, release signal            close_notify, FIN; RST after `drain`, `linger`
    OVER       only `a=connection:new` leads out of it

What happens at one endpoint and what follows at the other (interlinkage, TS 23.334 §5.16.2; H.248.89 §8, H.248.90 §9):

    incoming TCP at a passive end     the active end opens; without interlinkage only the establish signal opens it
    incoming TCP at both ends         joined, nothing is opened (merge)
    outgoing TCP failed               the incoming one is reset; without interlinkage it stays
    one of two incoming ones missing  the other one is reset after `tcp_guard`
    TLS failed or closed              TCP at the same end, then the other end
    FIN, RST                          the same at the other end, FIN behind all payload
"""

from __future__ import annotations

import enum


class State(enum.StrEnum):
    """See above."""

    IDLE = "idle"
    LISTENING = "listening"
    OFFERED = "offered"        # a SYN waits for our answer until the other endpoint is up
    ACCEPTED = "accepted"
    CONNECTING = "connecting"
    UP = "up"
    OVER = "over"

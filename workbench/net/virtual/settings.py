"""What a TCP may be told: limits and timers."""

from __future__ import annotations

import msgspec


class Settings(msgspec.Struct, frozen=True):
    """What a TCP may be told. Times in seconds, sizes in octets.

    Args:
        mss: largest payload that we take and send; 0: 1460 over IPv4 and 1440 over IPv6.
        receive_limit: receive buffer; the window closes as it fills.
        send_limit: above it `StreamFull` is told, and `StreamWritable` when the queue has drained to half of it.
        queue_limit: a send queue never grows above it; an order that would is a LocalProtocolError.
        gaps_limit: pieces kept of what arrived out of order.
        initial_window: congestion window to start with, in segments (RFC 6928).
        rto_initial, rto_min, rto_max: bounds of the retransmission timer. RFC 6298 (2.4) asks for a minimum of
            1 s; 0.2 s is what hosts in the field use.
        syn_retries, retries: how often a SYN, and anything later, is repeated before we give up.
        ack_delay: how long an acknowledgment waits for data to travel with (RFC 9293 §3.8.6.3: below 0.5).
        msl: maximum segment lifetime. TIME-WAIT lasts twice as long. RFC 9293 says 120; a virtual wire holds no
            packet for a second, but a peer whose last octets are lost again and again must still find us there.
        offer_limit: how long an offered SYN waits for the node's answer.
        keep_alive: idle time after which the peer is probed; None: never (RFC 9293 §3.8.4).
        keep_alive_probes: unanswered probes before we give up.
    """

    mss: int = 0
    receive_limit: int = 262_144
    send_limit: int = 262_144
    queue_limit: int = 16_777_216
    gaps_limit: int = 512
    initial_window: int = 10
    rto_initial: float = 1.0
    rto_min: float = 0.2
    rto_max: float = 60.0
    syn_retries: int = 6
    retries: int = 12
    ack_delay: float = 0.04
    msl: float = 15.0
    offer_limit: float = 60.0
    keep_alive: float | None = None
    keep_alive_probes: int = 9


DEFAULT = Settings()

"""Sound as octets of G.711, made from its definition: silence, and the two tones that fax terminals find each other by.

A sound is given as the octets of 10 ms, 80 samples: silence and tones of whole hundreds of hertz repeat with them.

Source: G.711 §3 (A-law, mu-law); T.30 §4 (CNG is 1100 Hz, CED is 2100 Hz; general knowledge, not read there).
"""

from __future__ import annotations

import math

from workbench.errors import LocalProtocolError
from workbench.protocols.rtp.messages import PCMA, PCMU

SAMPLES_PER_SECOND = 8_000
PIECE_SECONDS = 0.010
PIECE_SAMPLES = 80
CNG_HERTZ, CED_HERTZ = 1_100, 2_100

LOUDNESS = 8_000
"""The highest sample of a tone, of 32,767: about -12 dBm0."""
_MOST = 32_635
_BIAS = 132


def a_law(sample: int) -> int:
    """The octet of a 16-bit sample by A-law (G.711 table 1): eight segments, even bits inverted."""
    magnitude = min(sample if sample >= 0 else ~sample, _MOST)
    segment = max(magnitude.bit_length() - 8, 0)
    step = magnitude >> (segment + 3) if segment else magnitude >> 4
    return ((0x80 if sample >= 0 else 0) | segment << 4 | step & 0x0F) ^ 0x55


def mu_law(sample: int) -> int:
    """The octet of a 16-bit sample by mu-law (G.711 table 2): eight segments, all bits inverted."""
    magnitude = min(abs(sample), _MOST) + _BIAS
    segment = magnitude.bit_length() - 8
    return ((0x80 if sample < 0 else 0) | segment << 4 | magnitude >> (segment + 3) & 0x0F) ^ 0xFF


def piece(payload_type: int, hertz: int = 0, loudness: int = LOUDNESS) -> bytes:
    """10 ms of a tone, or of silence with 0 Hz.

    Raises:
        LocalProtocolError: another payload type than PCMA and PCMU, or a tone that 10 ms do not hold whole.
    """
    if payload_type not in _LAWS or hertz % round(1 / PIECE_SECONDS):
        raise LocalProtocolError("sound is made as PCMA or PCMU, and of whole hundreds of hertz")
    turn = 2 * math.pi * hertz / SAMPLES_PER_SECOND
    return bytes(_LAWS[payload_type](round(loudness * math.sin(turn * at))) for at in range(PIECE_SAMPLES))


_LAWS = {PCMA: a_law, PCMU: mu_law}
PAYLOAD_TYPES = tuple(_LAWS)
"""What sound can be made as, the preferred one first."""

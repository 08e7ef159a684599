"""Who is (D)TLS client once there have been several exchanges: renegotiation leaves an association alone.

Unless an exchange makes a new association, it does not change who is client on the one in place, whoever offers now and
whatever a=setup says now (RFC 8856 §8, RFC 4145 §5, RFC 8842 §3.1).
"""

from __future__ import annotations

import enum

from workbench.protocols.sdp.model import Media
from workbench.protocols.sdp.offer_answer import BfcpClient, Side, keeps_connection, roles
from workbench.protocols.sdp.rules import layers


class Party(enum.StrEnum):
    """An end of a stream, whatever side of an exchange it is on."""

    LOCAL = "local"
    REMOTE = "remote"


_OTHER = {Party.LOCAL: Party.REMOTE, Party.REMOTE: Party.LOCAL}


def renews_tls(offer: Media, answer: Media, before: tuple[Media, Media] | None) -> bool:
    """Whether an exchange makes a new (D)TLS association.

    Args:
        offer, answer: of this exchange.
        before: what the offerer and the answerer of this exchange said in the last one; None: there was none.

    Returns:
        Over TCP what a=connection settles. Over UDP whether a side has another a=tls-id; where there is none, another
        fingerprint or transport address.

    Source: RFC 4145 §5.1, RFC 8842 §3.1, §4, RFC 7345 §4.5.
    """
    if before is None:
        return True
    if layers(answer).carrier == "tcp":
        return not keeps_connection(offer, answer)
    pairs = ((offer, before[0]), (answer, before[1]))
    if all(one.attribute("tls-id") is not None for pair in pairs for one in pair):
        return any(now.attribute("tls-id") != then.attribute("tls-id") for now, then in pairs)
    return any(_association(now) != _association(then) for now, then in pairs)


def tls_clients_after(
    current: frozenset[Party], offerer: Party, offer: Media, answer: Media, *,
    before: tuple[Media, Media] | None, bfcp: BfcpClient = BfcpClient.OFFERER,
) -> frozenset[Party]:
    """Who is (D)TLS client after an exchange.

    Args:
        current: who was before it.
        offerer: who offers in it.
        offer, answer: what they say.
        before: as for `renews_tls`.
        bfcp: reading of RFC 8856 for TCP/TLS/BFCP.

    Returns:
        One party; none or both where the roles clash.
    """
    if not renews_tls(offer, answer, before):
        return current
    found = {Side.OFFERER: {offerer}, Side.ANSWERER: {_OTHER[offerer]}, Side.BOTH: set(Party), Side.NOBODY: set()}
    return frozenset(found[roles(offer, answer, bfcp).tls_client])


def _association(media: Media) -> tuple[object, ...]:
    """What a DTLS association is known by where there is no a=tls-id: address, role and certificates (RFC 8842 §3.1).

    The role counts only where it is one: a later offer says actpass and leaves the roles as they are (RFC 8842 §5.5).
    """
    prints = frozenset((one.hash_name.lower(), one.value) for one in media.fingerprints)
    return media.port, media.value("c"), prints

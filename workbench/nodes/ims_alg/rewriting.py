"""SDP on its way through the edge: what the peer of the next leg reads.

Source: TS 23.334 §5.2, §6.2.10.3, §6.2.10A; TS 24.229 §6.7.2; matrix 7.1 of the stage-2 digest.
"""

from __future__ import annotations

import msgspec

from workbench.net.values import Endpoint
from workbench.nodes.ims_alg import dtls_roles, msrp_paths
from workbench.nodes.ims_alg.calls import ACCESS, Anchor, End, Said, Treatment
from workbench.nodes.ims_alg.orders import protected
from workbench.nodes.ims_alg.settings import BidsDown
from workbench.protocols import sdp

SECURITY_ATTRIBUTES = ("3ge2ae", "fingerprint", "tls-id")


def sent_on(
    anchor: Anchor, end: End, said: Said, setup: sdp.Setup | None, *, is_offer: bool, strips: bool,
) -> sdp.SessionDescription:
    """A description with the gateway's address of a leg, and what else changes there.

    Args:
        end: of the leg that it goes to.
        setup: what the role matrix makes of a=setup; None leaves what is there, or nothing.
        strips: see `Settings`.
    """
    described, media = said.described, said.written
    if anchor.treatment.protects(end.side):
        media = _protected(media, end, applied=is_offer and anchor.treatment is Treatment.E2AE)
        tells = anchor.tls_id and anchor.tells_tls_id
        media = media.with_attribute("tls-id", anchor.tls_id) if tells else media
    elif anchor.treatment is Treatment.E2AE:
        described, media = _in_the_clear(described, media, strips=strips)
    if setup is not None and setup is not sdp.written_setup(said.media):
        media = media.with_attribute("setup", setup)
    secure = protected(anchor, end.side, said.media)
    media = msrp_paths.sent_on(
        media, anchor.mode, end.local, end.path, secure=secure,
        same_security=anchor.treatment is not Treatment.E2AE)
    return anchored(described, media, end.local)


def anchored(described: sdp.SessionDescription, media: sdp.Media, local: Endpoint) -> sdp.SessionDescription:
    """The description with the gateway's address in place of the sender's (R-5.2-6); other streams are refused.

    A stream beside the one that is anchored gets port 0 in either direction (RFC 3264 §6): no gateway carries it.
    """
    described = described.with_connection(local.host).with_media(0, media.without_connection().with_port(local.port))
    for index, other in enumerate(described.media[1:], 1):
        bare = msgspec.structs.replace(other, lines=())
        described = described.with_media(index, bare.with_port(0))
    return described


def altered(described: sdp.SessionDescription, name: str) -> sdp.SessionDescription:
    """A fault: the last letter of an attribute of the stream is another one."""
    media = described.media[0]
    value = media.attribute(name)
    if not value:
        return described
    return described.with_media(0, media.with_attribute(name, value[:-1] + ("0" if value[-1] != "0" else "1")))


def bid_down(described: sdp.SessionDescription, how: BidsDown) -> sdp.SessionDescription:
    """A fault: the stream's a=key-mgmt lines without the first one, or with the last one first."""
    media = described.media[0]
    values = media.attributes("key-mgmt")
    kept = values[1:] if how is BidsDown.DROPS else (*values[-1:], *values[:-1])
    media = media.without_attribute("key-mgmt")
    for value in kept:
        media = media.and_attribute("key-mgmt", value)
    return described.with_media(0, media)


def versioned(former: sdp.SessionDescription | None, described: sdp.SessionDescription) -> sdp.SessionDescription:
    """The description with the version in o= that follows on what its receiver was told before (RFC 3264 §8).

    The peer of the other leg counts what it changes itself. What is changed here comes on top: an address of the
    gateway, its fingerprint.
    """
    before, origin = (None, None) if former is None else (former.origin, described.origin)
    if former is None or before is None or origin is None or not before.version.isdecimal():
        return described
    if msgspec.structs.replace(origin, version=before.version) != before:
        return described            # of another end: a session of its own
    same = described.with_origin(before)
    if same == former:
        return former
    return described.with_origin(msgspec.structs.replace(before, version=str(int(before.version) + 1)))


def removed(treatment: Treatment, side: str, said: Said, host: str, *, strips: bool) -> sdp.SessionDescription:
    """The description of a stream that is taken out or refused: port 0, and no address of the other side.

    Args:
        side: of the leg that it goes to; `host` is an address of ours there.
    """
    described, media = said.described, said.written
    if treatment is Treatment.E2AE and side == ACCESS:
        media = _with_tls(media)
    elif treatment is Treatment.E2AE:
        described, media = _in_the_clear(described, media, strips=strips)
    return anchored(described, media, Endpoint(host, 0))


def _protected(media: sdp.Media, end: End, *, applied: bool) -> sdp.Media:
    """As a peer reads it whose TLS ends at the gateway: TLS, the gateway's fingerprint; e2ae says in an offer so."""
    media = _with_tls(media)
    if applied:
        media = media.with_attribute("3ge2ae", sdp.E2ae.APPLIED)
    return media.with_attribute("fingerprint", end.given.fingerprint if end.given is not None else "")


def _with_tls(media: sdp.Media) -> sdp.Media:
    if dtls_roles.is_fax(media):
        return media.with_proto("UDP/TLS/UDPTL")
    return media if "/TLS" in media.proto else media.with_proto(media.proto.replace("TCP/", "TCP/TLS/", 1))


def _in_the_clear(
    described: sdp.SessionDescription, media: sdp.Media, *, strips: bool,
) -> tuple[sdp.SessionDescription, sdp.Media]:
    """With e2ae, as the core reads it: no TLS, no security attribute at either level (R-24.229-3).

    a=setup of a fax is one, too: it says who begins DTLS (R-6.2.10.4-5, R-6.2.10.4-9).
    """
    fax = dtls_roles.is_fax(media)
    for name in (*SECURITY_ATTRIBUTES, *(("setup",) if fax else ())) if strips else ():
        media, described = media.without_attribute(name), described.without_attribute(name)
    if fax:
        return described, media.with_proto("udptl")
    return described, media.with_proto(media.proto.replace("/TLS/", "/"))

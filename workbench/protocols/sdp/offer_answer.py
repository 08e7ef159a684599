"""Offer/answer rules of connection-oriented media, as tables that can be held against the specifications.

Which answers are legal, who opens the TCP connection, who is (D)TLS client, and what is wrong with an offer or an
answer. A rule that is broken gives a `Violation`; nothing is raised for what a peer wrote.

Source: RFC 3264 §6, RFC 4145 §4 and §5, RFC 6135 §4, RFC 6714 §4, RFC 4975 §8, RFC 7345 §4, RFC 8122 §5, RFC 8842 §4
and §7, RFC 8856 §8.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Sequence

import msgspec

from workbench.protocols.sdp.bfcp import ANSWER_RULES as BFCP_ANSWER_RULES
from workbench.protocols.sdp.bfcp import BOTH_RULES as BFCP_RULES
from workbench.protocols.sdp.model import Media, Reuse, Setup
from workbench.protocols.sdp.rules import Rule, Violation, broken, layers
from workbench.protocols.sdp.t38 import ANSWER_RULES as T38_ANSWER_RULES
from workbench.protocols.sdp.t38 import BOTH_RULES as T38_RULES
from workbench.protocols.sdp.transports import transport_of

_A, _P, _AP, _H = Setup.ACTIVE, Setup.PASSIVE, Setup.ACTPASS, Setup.HOLDCONN

# RFC 4145 §4.1
SETUP_ANSWERS: dict[Setup, frozenset[Setup]] = {
    _A: frozenset({_P, _H}),
    _P: frozenset({_A, _H}),
    _AP: frozenset({_A, _P, _H}),
    _H: frozenset({_H}),
}
"""Offered a=setup to its legal answers."""

# RFC 4145 §4: offer active, answer passive
SETUP_OF_SILENT_OFFER = Setup.ACTIVE
SETUP_OF_SILENT_ANSWER = Setup.PASSIVE

# RFC 4145 §5.1
CONNECTION_ANSWERS: dict[Reuse, frozenset[Reuse]] = {
    Reuse.NEW: frozenset({Reuse.NEW}),
    Reuse.EXISTING: frozenset({Reuse.EXISTING, Reuse.NEW}),
}
"""Offered a=connection to its legal answers."""

_COMPLEMENT = {_A: _P, _P: _A, _AP: _AP, _H: _H}

# tls-id-value = 20*255(tls-id-char); tls-id-char = ALPHA / DIGIT / "+" / "/" / "-" / "_"      RFC 8842 §4
_TLS_ID = re.compile(r"[A-Za-z0-9+/_-]{20,255}")

# authority and rest of an MSRP URI: scheme "://" host [":" port] "/" ...      RFC 4975 §6
_PATH = re.compile(r"(msrps?)://(?:[^@/;\s]*@)?(\[[0-9A-Fa-f:.]+\]|[^:/;\s]+)(?::([0-9]{1,5}))?[/;].*", re.IGNORECASE)


class Side(enum.StrEnum):
    """A side of one offer/answer exchange."""

    OFFERER = "offerer"
    ANSWERER = "answerer"
    BOTH = "both"
    NOBODY = "nobody"


class BfcpClient(enum.StrEnum):
    """Who is TLS client on TCP/TLS/BFCP: RFC 8856 §8 says the offerer, its §10 reads as if a=setup decided."""

    OFFERER = "offerer"
    SETUP = "setup"


class Roles(msgspec.Struct, frozen=True):
    """What an exchange settles for a stream: who opens TCP (or nobody), and who is (D)TLS client (or nobody)."""

    tcp_opener: Side
    tls_client: Side
    offer: Setup
    answer: Setup


# a=setup and a=connection

def written_setup(media: Media) -> Setup | None:
    """The a=setup of a stream; None where it is absent or has no meaning here.

    With MSRP, holdconn counts as absent (RFC 6135 §4.2).
    """
    value = (media.attribute("setup") or "").strip(" ")
    if value not in tuple(Setup):
        return None
    setup = Setup(value)
    return None if setup is Setup.HOLDCONN and is_msrp(media) else setup


def setup_of_offer(media: Media) -> Setup:
    """The setup that an offered stream stands for: what it says, else `active` (RFC 4145 §4)."""
    return written_setup(media) or SETUP_OF_SILENT_OFFER


def setup_of_answer(media: Media) -> Setup:
    """The setup that an answered stream stands for: what it says, else `passive` (RFC 4145 §4)."""
    return written_setup(media) or SETUP_OF_SILENT_ANSWER


def legal_answers(offered: Setup) -> frozenset[Setup]:
    """What may be answered to an offered a=setup (RFC 4145 §4.1)."""
    return SETUP_ANSWERS[offered]


def complement(setup: Setup) -> Setup:
    """The other end's role: active and passive swap, actpass and holdconn stay."""
    return _COMPLEMENT[setup]


def reuse_of(media: Media) -> Reuse:
    """a=connection; `new` where it is absent (RFC 4145 §5), and always with MSRP, which ignores it (RFC 6135 §4.3)."""
    value = (media.attribute("connection") or "").strip(" ")
    return Reuse.EXISTING if value == Reuse.EXISTING and not is_msrp(media) else Reuse.NEW


def tcp_roles(offered: Setup, answered: Setup) -> Side:
    """Who opens the TCP connection.

    `BOTH` and `NOBODY` are what an illegal answer leads to (both active, both passive); `NOBODY` also after holdconn.

    Source: RFC 4145 §4.
    """
    if _H in (offered, answered):
        return Side.NOBODY
    opens = {
        (True, False): Side.OFFERER, (False, True): Side.ANSWERER, (True, True): Side.BOTH,
        (False, False): Side.NOBODY,
    }
    return opens[offered is _A or (offered is _AP and answered is _P), answered is _A]


def tls_client(proto: str, offered: Setup, answered: Setup, bfcp: BfcpClient = BfcpClient.OFFERER) -> Side:
    """Who sends the ClientHello of a new (D)TLS association.

    Args:
        proto: of the m= line.
        offered, answered: what a=setup said, defaults filled in.
        bfcp: reading of RFC 8856 for TCP/TLS/BFCP.

    Returns:
        `NOBODY` for a transport without (D)TLS and where both wait; `BOTH` where both would be client.

    Source: RFC 8122 §4 and RFC 4975 §14 (setup), RFC 8842 §5 (DTLS), RFC 8856 §8 (BFCP).
    """
    transport = transport_of(proto)
    if transport is None or transport.security not in ("tls", "dtls"):
        return Side.NOBODY
    if transport.application == "bfcp" and transport.carrier == "tcp" and bfcp is BfcpClient.OFFERER:
        return Side.NOBODY if tcp_roles(offered, answered) is Side.NOBODY else Side.OFFERER
    return tcp_roles(offered, answered)


def roles(offer: Media, answer: Media, bfcp: BfcpClient = BfcpClient.OFFERER) -> Roles:
    """What an offer and its answer settle for a stream."""
    offered, answered = setup_of_offer(offer), setup_of_answer(answer)
    transport = transport_of(answer.proto)
    opener = tcp_roles(offered, answered) if transport is not None and transport.carrier == "tcp" else Side.NOBODY
    return Roles(opener, tls_client(answer.proto, offered, answered, bfcp), offered, answered)


def keeps_connection(offer: Media, answer: Media) -> bool:
    """Whether the connection in place goes on: existing offered and answered (rule S3, RFC 4145 §5.1)."""
    return reuse_of(offer) is Reuse.EXISTING and reuse_of(answer) is Reuse.EXISTING


def valid_tls_id(value: str) -> bool:
    """Whether a=tls-id has 20 to 255 characters of its alphabet (RFC 8842 §4)."""
    return _TLS_ID.fullmatch(value) is not None


def is_msrp(media: Media) -> bool:
    """The stream is MSRP, in the clear or over TLS."""
    transport = transport_of(media.proto)
    return transport is not None and transport.application == "msrp"


# Checks

def check_offer(offer: Media) -> list[Violation]:
    """What is wrong with one m= section of an offer, by itself. Session-level attributes: see `effective`."""
    return [] if offer.rejected else broken(OFFER_RULES, offer, offer)


def check_answer(offer: Media, answer: Media) -> list[Violation]:
    """What is wrong with one m= section of an answer, held against the offer's.

    A refused stream (port 0) is a legal answer whatever else it says (RFC 3264 §6).
    """
    if offer.rejected:
        return [] if answer.rejected else broken(_ANSWERS_TO_NOTHING, offer, answer)
    found = broken(ALWAYS_RULES, offer, answer)
    if answer.rejected or found:
        return found
    return broken(ANSWER_RULES, offer, answer)


def check_answers(offer: Sequence[Media], answer: Sequence[Media]) -> list[Violation]:
    """What is wrong with all m= sections of an answer, their number included (RFC 3264 §6)."""
    if len(offer) != len(answer):
        return [Violation(
            f"{len(answer)} m= lines answer {len(offer)}", "RFC 3264 §6", "answer-has-all-streams")]
    return [violation for pair in zip(offer, answer, strict=True) for violation in check_answer(*pair)]


def check_later(before: Media, after: Media) -> list[Violation]:
    """What is wrong with a side's new description of a stream, held against its own former one."""
    return [] if before.rejected or after.rejected else broken(LATER_RULES, before, after)


# The rules' conditions; each takes (offer, answer), or a section twice, or (before, after)

def _connected(media: Media) -> bool:
    """a=setup means something here: TCP, or DTLS."""
    return layers(media).carrier == "tcp" or layers(media).security == "dtls"


def _other_media(offer: Media, answer: Media) -> str | None:
    return None if offer.media == answer.media else f"media type {answer.media} answers {offer.media}"


def _other_transport(offer: Media, answer: Media) -> str | None:
    same = offer.proto.casefold() == answer.proto.casefold()
    return None if same else f"transport {answer.proto} answers {offer.proto}"


def _no_stream(offer: Media, answer: Media) -> str | None:
    return f"port {answer.port} answers port 0"


def _unknown_setup(_: Media, media: Media) -> str | None:
    value = media.attribute("setup")
    known = value is None or not _connected(media) or value.strip(" ") in tuple(Setup)
    return None if known else f"a=setup:{value} is not a role"


def _actpass_answered(_: Media, answer: Media) -> str | None:
    actpass = _connected(answer) and written_setup(answer) is _AP
    return "an answer says a=setup:actpass" if actpass else None


def _illegal_setup(offer: Media, answer: Media) -> str | None:
    if not _connected(answer) or written_setup(answer) is _AP:
        return None
    offered, answered = setup_of_offer(offer), setup_of_answer(answer)
    return None if answered in legal_answers(offered) else f"a=setup:{answered} answers {offered}"


def _illegal_reuse(offer: Media, answer: Media) -> str | None:
    if is_msrp(answer) or layers(answer).carrier != "tcp" or reuse_of(answer) in CONNECTION_ANSWERS[reuse_of(offer)]:
        return None
    return f"a=connection:{reuse_of(answer)} answers {reuse_of(offer)}"


def _bad_tls_id(_: Media, media: Media) -> str | None:
    value = media.attribute("tls-id")
    return None if value is None or valid_tls_id(value) else "a=tls-id is not 20 to 255 letters, digits, + / - or _"


def _lone_tls_id(offer: Media, answer: Media) -> str | None:
    alone = answer.attribute("tls-id") is not None and offer.attribute("tls-id") is None
    return "a=tls-id in the answer, not in the offer" if alone else None


def _no_fingerprint(_: Media, media: Media) -> str | None:
    if layers(media).security not in ("tls", "dtls") or media.attribute("key-mgmt") is not None:
        return None
    return None if media.attribute("fingerprint") is not None else f"{media.proto} without a=fingerprint"


def _bad_fingerprint(_: Media, media: Media) -> str | None:
    lines = media.attributes("fingerprint")
    return f"{len(lines) - len(media.fingerprints)} a=fingerprint can't be read" if (
        len(media.fingerprints) != len(lines)) else None


def _weak_fingerprint(_: Media, media: Media) -> str | None:
    names = {one.hash_name.lower() for one in media.fingerprints}
    return f"only {', '.join(sorted(names))} fingerprints" if names and names <= {"md5", "md2"} else None


def _dtls_holdconn(_: Media, media: Media) -> str | None:
    held = layers(media).security == "dtls" and written_setup(media) is _H
    return "a=setup:holdconn with DTLS" if held else None


def _dtls_silent(_: Media, media: Media) -> str | None:
    silent = layers(media).security == "dtls" and written_setup(media) is None
    return "DTLS without a=setup" if silent else None


def _t38_connection(_: Media, media: Media) -> str | None:
    odd = layers(media).application == "udptl" and media.attribute("connection") is not None
    return "a=connection with UDPTL" if odd else None


def _msrp_connection(_: Media, media: Media) -> str | None:
    return "a=connection with MSRP" if is_msrp(media) and media.attribute("connection") is not None else None


def _msrp_offers_passive(_: Media, media: Media) -> str | None:
    return "an MSRP offer says a=setup:passive" if is_msrp(media) and written_setup(media) is _P else None


def _msrp_holdconn(_: Media, media: Media) -> str | None:
    return "a=setup:holdconn with MSRP" if is_msrp(media) and (media.attribute("setup") or "").strip() == _H else None


def _msrp_path(_: Media, media: Media) -> str | None:
    if not is_msrp(media):
        return None
    value = media.attribute("path")
    if value is None:
        return "MSRP without a=path"
    uris = value.split()
    return None if uris and all(_PATH.fullmatch(uri) for uri in uris) else "a=path is not a list of MSRP URIs"


def _msrp_types(_: Media, media: Media) -> str | None:
    return "MSRP without a=accept-types" if is_msrp(media) and not media.attribute("accept-types") else None


def _own_path(media: Media) -> re.Match[str] | None:
    """The stream's own path URI, the last one; None without one, and with CEMA, where c= and m= hold instead."""
    if not is_msrp(media) or media.attribute("msrp-cema") is not None:
        return None
    uris = (media.attribute("path") or "").split()
    return _PATH.fullmatch(uris[-1]) if uris else None


def _msrp_scheme(_: Media, media: Media) -> str | None:
    own = _own_path(media)
    if own is None:
        return None
    wanted = "msrps" if layers(media).security else "msrp"
    return None if own[1].lower() == wanted else f"a={own[1].lower()} path with {media.proto}"


def _msrp_port(_: Media, media: Media) -> str | None:
    own = _own_path(media)
    if own is None or own[3] is None or media.port == 9:  # port 9: the active side has none to name (RFC 6135 §4.2)
        return None
    return None if int(own[3]) == media.port else f"m= port {media.port} and a=path port {own[3]} differ"


def _lone_cema(offer: Media, answer: Media) -> str | None:
    alone = is_msrp(answer) and answer.attribute("msrp-cema") is not None and offer.attribute("msrp-cema") is None
    return "a=msrp-cema in the answer, not in the offer" if alone else None


def _existing_with_new_tls_id(before: Media, after: Media) -> str | None:
    broken = (reuse_of(after) is Reuse.EXISTING and after.attribute("tls-id") is not None
              and before.attribute("tls-id") not in (None, after.attribute("tls-id")))
    return "a=connection:existing with another a=tls-id" if broken else None


def _new_with_old_tls_id(before: Media, after: Media) -> str | None:
    said = after.attribute("connection")
    broken = (said is not None and reuse_of(after) is Reuse.NEW and layers(after).carrier == "tcp"
              and not is_msrp(after) and after.attribute("tls-id") is not None
              and before.attribute("tls-id") == after.attribute("tls-id"))
    return "a=connection:new with the former a=tls-id" if broken else None


def _other_fingerprint_same_tls_id(before: Media, after: Media) -> str | None:
    def prints(media: Media) -> set[tuple[str, bytes]]:
        return {(one.hash_name.lower(), one.value) for one in media.fingerprints}

    tls_id = after.attribute("tls-id")
    changed = tls_id is not None and tls_id == before.attribute("tls-id") and prints(before) != prints(after)
    return "another fingerprint under the same a=tls-id" if changed else None


_BOTH_RULES = (
    Rule("setup-is-a-role", "RFC 4145 §4", _unknown_setup),
    Rule("tls-id-form", "RFC 8842 §4", _bad_tls_id),
    Rule("fingerprint-present", "RFC 8122 §5", _no_fingerprint),
    Rule("fingerprint-form", "RFC 8122 §5", _bad_fingerprint),
    Rule("fingerprint-strength", "RFC 8122 §5", _weak_fingerprint),
    Rule("dtls-setup-present", "RFC 8842 §5.2", _dtls_silent),
    Rule("dtls-no-holdconn", "RFC 8842 §5.2", _dtls_holdconn),
    Rule("udptl-no-connection", "RFC 7345 §4.1", _t38_connection),
    Rule("msrp-no-connection", "RFC 6135 §4.3", _msrp_connection),
    Rule("msrp-no-holdconn", "RFC 6135 §4.2", _msrp_holdconn),
    Rule("msrp-path", "RFC 4975 §8.2", _msrp_path),
    Rule("msrp-path-scheme", "RFC 4975 §8.1", _msrp_scheme),
    Rule("msrp-path-port", "RFC 4975 §8.1", _msrp_port),
    Rule("msrp-accept-types", "RFC 4975 §8.6", _msrp_types),
    *BFCP_RULES,
    *T38_RULES,
)

OFFER_RULES = (*_BOTH_RULES, Rule("msrp-offer-not-passive", "RFC 6135 §4.2.1", _msrp_offers_passive))
"""Rules on one offered stream."""

ALWAYS_RULES = (
    Rule("same-media", "RFC 3264 §6", _other_media),
    Rule("same-transport", "RFC 3264 §6.1", _other_transport),
)
"""Rules on any answered stream, refused ones too."""

ANSWER_RULES = (
    Rule("setup-answer", "RFC 4145 §4.1", _illegal_setup),
    Rule("setup-answer-settles", "RFC 4145 §4.1", _actpass_answered),
    Rule("connection-answer", "RFC 4145 §5.1", _illegal_reuse),
    Rule("tls-id-answer", "RFC 8842 §5.3", _lone_tls_id),
    Rule("cema-answer", "RFC 6714 §4.3", _lone_cema),
    *BFCP_ANSWER_RULES,
    *T38_ANSWER_RULES,
    *_BOTH_RULES,
)
"""Rules on an accepted stream."""

LATER_RULES = (
    Rule("existing-keeps-tls-id", "RFC 8842 §7", _existing_with_new_tls_id),
    Rule("new-changes-tls-id", "RFC 8842 §7", _new_with_old_tls_id),
    Rule("tls-id-keeps-fingerprint", "RFC 8842 §4", _other_fingerprint_same_tls_id),
)
"""Rules on a side's later description of a stream."""

_ANSWERS_TO_NOTHING = (Rule("rejected-stays-rejected", "RFC 3264 §6", _no_stream),)

"""A call with sound turns into a fax: re-INVITE with m=image for m=audio, and DTLS begins on the access leg.

Source: TS 23.334 §6.2.10.4 (R-6.2.10.4-14 of the stage-2 digest), T.38 annex D, RFC 3264 §8.3, RFC 7345 §4.
"""

from __future__ import annotations

from msgspec import structs

from workbench.lab import seen
from workbench.lab.expect import Eventually, Holds, Never
from workbench.lab.scenario import Knob, Scenario, Weakened, at
from workbench.lab.topology import Changes
from workbench.nodes.orders import Call, HangUp, Register, SendFax, SwitchToFax
from workbench.nodes.ue.faults import Faults
from workbench.protocols.h248.message import Kind
from workbench.scenarios import fax_edge as fax

A, PEER = fax.A, fax.PEER
ACCESS, CORE = seen.Side(fax.ACCESS), seen.Side(fax.CORE)

BEGINS = "the call begins with RTP/AVP, and of it the gateway is told nothing but UDP"
SOUND = "sound passes both ways through the gateway before the new offer"
APPLIED = "the new offer that UE A gets is T.38 over DTLS and applies e2ae security"
REQUESTED = "UE A's new offer is T.38 over DTLS and requests e2ae security"
UDPTL = "the new offer and its answer are udptl in the core"
RESERVED = "the fax has terminations of its own: UDP/TLS/UDPTL towards UE A, udptl towards the core"
SILENT = "neither side sends sound once it knows that the call is a fax"
GIVEN_BACK = "the terminations of sound are subtracted once the fax is agreed, while the call goes on"
RELEASED = "all terminations are subtracted"

REFUSED = "488 comes back to the side that has asked"
GOES_ON = "sound goes on from the same sources after the refusal"
UNTOUCHED = "what was reserved for the fax is subtracted, and the terminations of sound are not touched"

_NEW_OFFER = seen.any_of(seen.reoffer(ACCESS.wire), seen.reoffer(CORE.wire))
_REFUSALS = tuple(seen.sip_response(488, "INVITE", side.wire) for side in (ACCESS, CORE))
_REFUSAL = seen.any_of(*_REFUSALS)
_OPAQUE, _DTLS, _CLEAR = ("udp",), ("UDP/TLS/UDPTL",), ("udptl",)
_OF_THE_FAX = (UDPTL, RESERVED, fax.IDENTIFIED, fax.EXPECTED, fax.ROLES, fax.CHECKED, fax.HIDDEN, fax.HELD, fax.ARRIVES,
               fax.RETURNS, fax.CONFIRMED, SILENT, GIVEN_BACK, fax.ENDED)


def _terminal(node: str, **settings: object) -> Changes:
    """Another setting of a node's fax terminal."""
    usual = (fax.ue_a() if node == A else fax.peer()).fax
    return {node: {"fax": structs.replace(usual, **settings)}}


scenario = Scenario(
    id="t38-dtls-switch",
    title="Sound turns into a fax: a re-INVITE asks for T.38, and DTLS begins between UE and IMS-AGW",
    family="e2ae DTLS",
    clauses=("TS 23.334 §6.2.10.4", "T.38 annex D", "RFC 3264 §8.3", "RFC 7345 §4"),
    workplan=("D1", "N8", "N9"),
    teaching=(
        "Nobody knows that a call is a fax before a terminal hears the other one's tone, so it begins as audio in "
        "clear, and one side makes a new offer: m=image in the place of m=audio. For the edge that is a stream of its "
        "own: new terminations, a fingerprint, DTLS on the access leg, and only then are those of sound given back. A "
        "refusal (488) therefore costs nothing: sound has never stopped."
    ),
    topology=fax.topology().changed({A: {"media": "audio"}, PEER: {"media": "audio"}}),
    knobs={
        "asks": Knob(
            "asks", "who makes the new offer: the called side beyond the core, as usual (called), or UE A (caller)",
            {"called": {}, "caller": {}}, default="called",
            does={"called": (at(10.5, PEER, SwitchToFax()),), "caller": (at(10.5, A, SwitchToFax()),)},
            drops={"caller": (APPLIED,)},
            adds={"caller": (Eventually(REQUESTED, seen.offer(
                ACCESS.wire, transport="UDP/TLS/UDPTL", attribute="3ge2ae", value="requested")),)}),
        "answer": Knob(
            "answer", "what the other side says to T.38: it takes the fax (accepted), or 488 (refused)",
            {"accepted": {}, "refused": {**_terminal(A, taken=False), **_terminal(PEER, taken=False)}},
            default="accepted",
            does={
                "accepted": (at(45.0, A, SendFax(fax.PAGE)), at(45.0, PEER, SendFax(fax.PAGE)), at(75.0, A, HangUp())),
                "refused": (at(18.0, A, HangUp()),)},
            drops={"refused": _OF_THE_FAX},
            adds={"refused": (
                Holds(REFUSED, seen.all_of(*_REFUSALS)),
                Holds(GOES_ON, seen.sound_goes_on(ACCESS, CORE, since=_REFUSAL)),
                Holds(UNTOUCHED, seen.sound_is_kept(_REFUSAL)))},
            shows={"refused": ("fax-refused", "sip-refused")}),
        "setup": fax.answered_setup_knob(),
        "nat": fax.nat_knob(),
        "ip": fax.ip_knob(),
    },
    script=(at(0.0, A, Register()), at(10.0, A, Call(fax.URI_PEER))),
    expect=(
        Eventually(fax.AGREED, seen.registration(ACCESS.wire, "Security-Verify", "udptl-dtls")),
        Holds(BEGINS, seen.all_of(
            seen.offer(ACCESS.wire, transport="RTP/AVP"), seen.answer(CORE.wire, transport="RTP/AVP"),
            seen.order(Kind.ADD, "access", _OPAQUE), seen.order(Kind.ADD, "core", _OPAQUE))),
        Holds(SOUND, seen.sound_passes(ACCESS, CORE, _NEW_OFFER)),
        Eventually(APPLIED, seen.offer(
            ACCESS.wire, transport="UDP/TLS/UDPTL", attribute="3ge2ae", value="applied")),
        Holds(UDPTL, seen.all_of(seen.offer(CORE.wire, transport="udptl"), seen.answer(CORE.wire, transport="udptl"))),
        Never(fax.STRIPPED, seen.security_in_sdp(CORE.wire), provided=seen.reoffer(CORE.wire)),
        Holds(fax.NO_ROLE, seen.without(CORE.wire, "setup")),
        Holds(RESERVED, seen.all_of(seen.order(Kind.ADD, "access", _DTLS), seen.order(Kind.ADD, "core", _CLEAR))),
        Holds(fax.IDENTIFIED, seen.own_tls_ids(ACCESS.wire)),
        Holds(fax.EXPECTED, seen.peer_fingerprint_told(ACCESS.wire, "access")),
        Holds(fax.ROLES, seen.dtls_client_follows("access")),
        Holds(fax.CHECKED, seen.certificates_match("access")),
        Never(fax.HIDDEN, seen.messages("UDPTL", ACCESS.wire, protected=False),
              provided=seen.messages("UDPTL", ACCESS.wire, protected=True)),
        Holds(fax.HELD, seen.checked_before_core("access")),
        Holds(fax.ARRIVES, seen.fax_arrives("access", "core")),
        Holds(fax.RETURNS, seen.fax_arrives("core", "access")),
        Holds(fax.CONFIRMED, seen.page_confirmed("core", "peer")),
        Holds(SILENT, seen.sound_ends(ACCESS, CORE)),
        Holds(GIVEN_BACK, seen.sound_is_released()),
        Holds(fax.ANSWERED, seen.every_order_is_answered()),
        Holds(fax.ENDED, seen.followed(
            seen.messages("UDPTL", ACCESS.wire, protected=True), seen.close_notify(ACCESS.wire, "IMS-AGW"))),
        Holds(RELEASED, seen.context_is_released()),
    ),
    weakened=(
        Weakened("the IMS-ALG leaves security attributes in the answer", {"IMS-ALG": {"strips": False}},
                 (fax.STRIPPED, fax.NO_ROLE), rules=("fax-sdp", "security-reaches-core")),
        Weakened("UE A has no media plane security", {A: {"media_security": False}},
                 (fax.AGREED, APPLIED, RESERVED, fax.HIDDEN, fax.HELD),
                 no_rule="media plane security is optional, and a call without it is a plain one"),
        Weakened("UE A is of release 12 and knows no a=tls-id", _terminal(A, names=False), (fax.IDENTIFIED,),
                 rules=("tls-id-missing",)),
        Weakened("Peer B's terminal is silent until it asks for the fax", _terminal(PEER, sound="never"), (SOUND,),
                 no_rule="nobody has to send sound"),
        Weakened("Peer B's terminal goes on with its tone beside the fax", _terminal(PEER, sound="always"), (SILENT,),
                 rules=("sound-beside-fax",)),
        Weakened("UE A takes no fax", _terminal(A, taken=False), (UDPTL, RESERVED, GIVEN_BACK),
                 rules=("fax-refused", "sip-refused")),
        Weakened("UE A presents another certificate", {A: {"presents": "another"}}, (fax.CHECKED,),
                 rules=("fingerprint-mismatch", "tls-alert")),
        Weakened("UE A speaks UDPTL in the clear where its SDP says DTLS", {A: {"faults": Faults(speaks="clear")}},
                 (fax.HIDDEN, fax.RETURNS, fax.CONFIRMED), rules=("clear-on-dtls-leg",)),
        Weakened("the gateway takes what is no DTLS for payload, and gets it",
                 {"IMS-AGW": {"takes_clear": True}, A: {"faults": Faults(speaks="clear")}},
                 (fax.HIDDEN, fax.HELD, fax.RETURNS), rules=("clear-on-dtls-leg", "clear-taken-for-payload")),
        Weakened("the gateway ends DTLS without close_notify", {"IMS-AGW": {"closes_tls": False}}, (fax.ENDED,),
                 rules=("dtls-not-closed",)),
        Weakened("UE A begins DTLS although it has said that it waits", {A: {"faults": Faults(other_role=True)}},
                 (fax.ROLES,), knobs={"setup": "passive"}, rules=("both-tls-clients", "dtls-client", "tls-alert")),
    ),
    provisional="that an audio call which turns into T.38 gets a stream of its own (R-6.2.10.4-14, general knowledge); "
    "that of audio in the clear the gateway is told UDP and no more; names of the H.248 packages' items for DTLS",
)

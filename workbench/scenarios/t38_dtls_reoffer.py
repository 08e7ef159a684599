"""A new offer in the middle of a page: does DTLS under the fax go on, or does another association take its place?

Source: R-6.2.10.4-13 and -15 of the stage-2 digest (D4), RFC 8842 §3.1 to §5, RFC 7345 §4.5, RFC 3264 §8.
"""

from __future__ import annotations

from workbench.lab import seen
from workbench.lab.expect import Eventually, Holds, Never
from workbench.lab.scenario import Knob, Scenario, Weakened, at
from workbench.nodes.orders import AnswerAnew, Call, HangUp, Register, ReOffer, SendFax
from workbench.nodes.ue.faults import Faults
from workbench.scenarios import fax_edge as fax

A, PEER = fax.A, fax.PEER
ACCESS, CORE = fax.ACCESS, fax.CORE

ONE = "one handshake serves the whole call"
QUIET = "nobody sends a ClientHello after the new offer"
SPARING = "the gateway is told nothing of DTLS after the new offer"
SAME = "UE A and its edge each go on with the a=tls-id that they have"
TWO = "a second handshake is completed on the access leg"
ORDERED = "the gateway is told that another association is meant"
FRESH = "UE A and its edge each write an a=tls-id that is new"
ASKED = "UE A answers with an a=tls-id that is new, and its edge keeps the one that it has offered"
MOVES = "both ends send the fax in the first association, and later in the second one"
SERVES = "the first association carries the fax until the second one is up"
GONE = "the first association is closed once the second one has taken its place"

_NEW_OFFER = seen.reoffer(ACCESS)
_KEPT = (ONE, QUIET, SPARING, SAME)
_RENEWED = (
    Holds(TWO, seen.associations("access", 2)),
    Eventually(ORDERED, seen.association_ordered(_NEW_OFFER)),
    Holds(MOVES, seen.fax_moves("access")),
    Holds(SERVES, seen.former_serves("access")),
    Holds(GONE, seen.former_ends("access", within=15.0)),
)
_OFFERED = (*_RENEWED, Holds(FRESH, seen.in_turn(
    seen.tls_id(ACCESS, "peer", "new"), seen.tls_id(ACCESS, "gateway", "new"))))
_ANSWERED = (*_RENEWED, Holds(ASKED, seen.in_turn(
    seen.tls_id(ACCESS, "peer", "new"), seen.tls_id(ACCESS, "gateway", "kept"))))

scenario = Scenario(
    id="t38-dtls-reoffer",
    title="A new offer in the middle of a page: the DTLS association goes on, or another one takes its place",
    family="e2ae DTLS",
    clauses=("RFC 8842 §3.1", "RFC 7345 §4.5", "TS 23.334 §6.2.10.4", "RFC 3264 §8"),
    workplan=("D1", "N9", "N11", "N12"),
    teaching=(
        "DTLS has no a=connection: whether an association goes on is read from a=tls-id and the fingerprints of both "
        "sides, so a session refresh, a hold or an offer from the other side orders nothing of the gateway. An end "
        "that wants a new association writes an a=tls-id that is new, and only then may a second handshake begin. "
        "While it runs the former association carries the page, and it is closed after the new one is up: a gateway "
        "that drops it at once loses the page."
    ),
    topology=fax.topology(),
    knobs={
        "offer": Knob(
            "offer", "the new offer. The association goes on: a session refresh of UE A (refresh), its hold before the "
            "fax (hold), an offer from the core (swapped), UE A on another port (moved). Another one: UE A offers a "
            "new a=tls-id (tls-id), with another certificate (certificate) or port (port), or UE A answers an offer "
            "from the core with one (answered)",
            {"refresh": {}, "hold": {}, "swapped": {}, "moved": {}, "tls-id": {}, "certificate": {}, "port": {},
             "answered": {}},
            default="refresh",
            does={
                "refresh": (at(45.0, A, ReOffer()),),
                "hold": (at(20.0, A, ReOffer(hold=True)), at(25.0, A, ReOffer())),
                "swapped": (at(45.0, PEER, ReOffer()),),
                "moved": (at(45.0, A, ReOffer(port=True)),),
                "tls-id": (at(45.0, A, ReOffer("new")),),
                "certificate": (at(45.0, A, ReOffer("new", certificate=True)),),
                "port": (at(45.0, A, ReOffer("new", port=True)),),
                "answered": (at(40.0, A, AnswerAnew()), at(45.0, PEER, ReOffer()))},
            drops=dict.fromkeys(("tls-id", "certificate", "port", "answered"), _KEPT),
            adds={**dict.fromkeys(("tls-id", "certificate", "port"), _OFFERED), "answered": _ANSWERED}),
        "setup": Knob(
            "setup", "a=setup in UE A's first offer: the gateway is DTLS server (actpass) or client (passive)",
            {"actpass": {A: {"offers": "actpass"}}, "passive": {A: {"offers": "passive"}}}, default="actpass"),
    },
    script=(
        at(0.0, A, Register()),
        at(1.0, A, Call(fax.URI_PEER)),
        at(35.0, A, SendFax(waits=False)),
        at(35.0, PEER, SendFax(waits=False)),
        at(80.0, A, HangUp()),
    ),
    expect=(
        Holds(ONE, seen.associations("access", 1)),
        Holds(QUIET, seen.no_handshake_since(_NEW_OFFER, ACCESS)),
        Holds(SPARING, seen.dtls_left_alone(_NEW_OFFER)),
        Holds(SAME, seen.in_turn(seen.tls_id(ACCESS, "peer", "kept"), seen.tls_id(ACCESS, "gateway", "kept"))),
        Never(fax.STRIPPED, seen.security_in_sdp(CORE), provided=seen.answer(CORE, transport="udptl")),
        Holds(fax.ROLES, seen.dtls_client_follows("access")),
        Holds(fax.CHECKED, seen.certificates_match("access")),
        Holds(fax.ARRIVES, seen.fax_arrives("access", "core")),
        Holds(fax.RETURNS, seen.fax_arrives("core", "access")),
        Holds(fax.SPOKEN, seen.t30_in_order("core", *seen.ecm_page(caller="gateway"))),
        Holds(fax.CONFIRMED, seen.page_confirmed("core", "peer")),
        Holds(fax.ANSWERED, seen.every_order_is_answered()),
        Holds(fax.RELEASED, seen.context_is_released()),
    ),
    weakened=(
        Weakened("the IMS-ALG takes each exchange for one that makes a new association",
                 {"IMS-ALG": {"keeps_tls": False}}, (ONE, QUIET, SPARING, SAME), rules=("association-renewed",)),
        Weakened("the gateway drops the former association at once", {"IMS-AGW": {"overlaps": False}},
                 (TWO, MOVES, SERVES, GONE, fax.ARRIVES, fax.RETURNS, fax.SPOKEN, fax.CONFIRMED),
                 knobs={"offer": "tls-id"}, rules=("former-association-dropped",)),
        Weakened("the IMS-ALG reads no a=tls-id", {"IMS-ALG": {"renews_dtls": False}},
                 (TWO, ORDERED, FRESH, MOVES, SERVES, GONE), knobs={"offer": "tls-id"}, rules=("tls-id-ignored",)),
        Weakened("the IMS-ALG leaves security attributes in SDP for the core", {"IMS-ALG": {"strips": False}},
                 (fax.STRIPPED,), rules=("e2ae-direction", "security-reaches-core")),
        Weakened("UE A presents another certificate", {A: {"presents": "another"}}, (ONE, fax.CHECKED),
                 rules=("fingerprint-mismatch", "tls-alert")),
        Weakened("UE A begins DTLS although it has said that it waits", {A: {"faults": Faults(other_role=True)}},
                 (ONE, fax.ROLES), knobs={"setup": "passive"}, rules=("both-tls-clients", "dtls-client", "tls-alert")),
    ),
    provisional="that another association is ordered on Iq by a=tls-id in Local and Remote, and how long the former "
    "one is heard (2 s)",
)

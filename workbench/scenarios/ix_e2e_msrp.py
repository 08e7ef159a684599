"""End-to-end TLS of MSRP from one operator to another: two IBCFs and two TrGWs carry TCP, and need nothing new.

Source: TS 29.162 (CR 0132), TS 23.334 §6.2.10A, RFC 6714; section 3 of the Ix digest.
"""

from __future__ import annotations

from workbench.lab import seen
from workbench.lab.expect import Eventually, Holds, Never
from workbench.lab.scenario import Knob, Scenario, Weakened, at
from workbench.nodes.orders import CloseMedia, SendText
from workbench.scenarios import e2e_edge as e2e
from workbench.scenarios import ix_edge as ix
from workbench.scenarios.e2e_edge import A, B

UNTOUCHED = "offer and answer pass four hops with other addresses and nothing else"
PLAIN = "both TrGWs are told \"TCP\" on both sides"
UNTOLD = "none of the four gateways is told of TLS"
TRIGGERED = "from network to network one SYN triggers the next"
TRIGGERED_BACK = "from network to network one SYN triggers the next, towards UE A"
SESSION_BACK = "one TLS session runs from UE to UE over five wires, and UE B is its client"
SESSION = "one TLS session runs from UE to UE over five wires, and UE A is its client"
PASSED = "both TrGWs pass every octet as it came, in both directions"
HIDDEN = "MSRP is on all five wires, and never in the clear"

ALERT = "an octet was changed: the UE that gets it ends TLS with bad_record_mac, and TrGW A ends TCP on both sides"
FLUSHED = "UE A's last words are in flight at TrGW A when its FIN comes, and leave whole before TrGW A's FIN"
UNANSWERED = "TrGW B reports that nobody answers its SYN, and by itself resets the connection on its other side"

_CONFIRMED = (e2e.CONFIRMED, e2e.CONFIRMED_TOO)
_LAST_WORDS = "And with that I am gone."

scenario = Scenario(
    id="ix-e2e-msrp",
    title="End-to-end TLS of MSRP through two operators' borders",
    family="Ix",
    clauses=("TS 29.162 (CR 0132)", "TS 23.334 §6.2.10A", "RFC 6714 §4"),
    workplan=("C13", "N17", "N18"),
    teaching=(
        "Between two operators stand two more B2BUAs and two more gateways, and each changes addresses only. The "
        "offer's a=msrp-cema is what makes that possible: nobody has to touch a path that is inside TLS. On Ix there "
        "is not one H.248 element that a plain TCP call would not have: that is why stage 3 has no impact."
    ),
    topology=ix.two_operators(e2e.ue_a(offers="active"), e2e.ue_b(behind=None)),
    knobs={
        "tls": e2e.tls_knob(),
        "nat": Knob("nat", "which UE is behind a NAT: the caller, or nobody",
                    {"caller": {}, "none": {A: {"behind": None}}}, default="caller"),
        "opens": Knob(
            "opens", "who opens TCP, and so is TLS client: UE A, or UE B, which answers active to UE A's actpass",
            {"UE A": {}, "UE B": {A: {"offers": "actpass"}, B: {"answers": "active"}}}, default="UE A",
            implies={"UE B": {"nat": "none"}},
            conflicts={"UE B": ("nat", "caller", "a UE behind a NAT can't be reached, so it has to open TCP itself")},
            adds={"UE B": (ix.triggered(TRIGGERED_BACK, by=B),
                           Holds(SESSION_BACK, seen.one_tls_session(*ix.WIRES[::-1])))},
            drops={"UE B": (TRIGGERED, SESSION)}),
        "border": ix.ip_knob(),
        "fault": Knob(
            "fault", "what goes wrong: nothing; TrGW A changes an octet; UE A ends TCP with its last words in flight; "
            "TrGW B's SYN is never answered",
            {"none": {}, "tampered": {"TrGW A": {"tampers_after": 2400}}, "fin": {},
             "silent": {B: {"accepts_after": 200.0}, "IMS-AGW B": {"holds_incoming": True}, "TrGW B": {"guard": 10.0}}},
            default="none",
            does={"fin": (at(30.0, A, SendText(_LAST_WORDS, waits=False)), at(30.0, A, CloseMedia("fin")))},
            adds={"tampered": (ix.alert_ends_both(ALERT),), "fin": (ix.flushed(FLUSHED),),
                  "silent": (ix.unanswered_is_reported(UNANSWERED),)},
            # BYE may be faster than the last words: what comes to the gateways behind it has nowhere to go.
            drops={"tampered": (PASSED, HIDDEN, *_CONFIRMED), "fin": (PASSED,),
                   "silent": (TRIGGERED, SESSION, PASSED, e2e.CHECKED, HIDDEN, *_CONFIRMED)},
            shows={"tampered": ("tls-alert",), "silent": ("handshake-unfinished", "syn-unanswered")},
            implies={"tampered": {"tls": "1.3"}},
            conflicts={"tampered": ("tls", "1.2", "which octet is changed is counted behind the handshake of TLS 1.3"),
                       "silent": ("opens", "UE B", "a UE that opens the connection itself gets no SYN")}),
    },
    script=e2e.TALK,
    expect=(
        e2e.ASKS,
        Holds(UNTOUCHED, seen.only_addresses_change(*ix.WIRES)),
        ix.plain_at_border(PLAIN),
        Never(UNTOLD, seen.told_of_security(*ix.ACCESS_GATEWAYS, *ix.BORDER_GATEWAYS),
              provided=seen.orders_to(*ix.BORDER_GATEWAYS)),
        ix.triggered(TRIGGERED, by=A),
        Holds(SESSION, seen.one_tls_session(*ix.WIRES)),
        ix.passed_on(PASSED),
        Holds(e2e.CHECKED, seen.in_turn(seen.certificates_match("access A"), seen.certificates_match("access B"))),
        Holds(HIDDEN, seen.passes_unread(*ix.WIRES)),
        Eventually(e2e.CONFIRMED, seen.delivered(A)),
        Eventually(e2e.CONFIRMED_TOO, seen.delivered(B)),
        *e2e.ORDERLY,
    ),
    weakened=(
        Weakened("IBCF A changes a digit of the fingerprint", {"IBCF A": {"alters": "fingerprint"}},
                 (UNTOUCHED, e2e.CHECKED, e2e.CONFIRMED, e2e.CONFIRMED_TOO), drops=(PASSED,),
                 rules=("e2e-attribute-changed", "fingerprint-mismatch", "tls-alert")),
        Weakened("TrGW A changes an octet", {"TrGW A": {"tampers_after": 2000}},
                 (PASSED, e2e.CONFIRMED, e2e.CONFIRMED_TOO), rules=("tls-alert",)),
        Weakened("TrGW A changes no octet after all", {"TrGW A": {"tampers_after": 0}}, (ALERT,),
                 knobs={"fault": "tampered"}, no_rule="nothing is wrong then"),
        Weakened("TrGW A changes an octet of UE A's last words", {"TrGW A": {"tampers_after": 3000}},
                 (FLUSHED,), knobs={"fault": "fin"}, rules=("tls-alert",)),
        Weakened("IMS-AGW B answers before UE B does", {"IMS-AGW B": {"holds_incoming": False}}, (UNANSWERED,),
                 knobs={"fault": "silent"}, no_rule="it may: then it is IMS-AGW B that finds nobody there"),
        Weakened("IBCF B ends TLS at its TrGW, which can't", {"IBCF B": {"end_to_end": "b2bua"}},
                 (UNTOLD, e2e.CONFIRMED, e2e.CONFIRMED_TOO, e2e.ANSWERED), rules=("h248-error", "sip-refused")),
        Weakened("UE A asks for security at its edge", {A: {"secures": "e2ae"}},
                 (e2e.ASKED, UNTOUCHED, UNTOLD, SESSION, HIDDEN),
                 no_rule="that is another form of media plane security (TS 33.328 §4.1)"),
        Weakened("UE A offers no msrp-cema", {A: {"msrp": "plain"}}, (e2e.CONFIRMED, e2e.CONFIRMED_TOO),
                 rules=("sip-refused",)),
        Weakened("TrGW A does not wait for the incoming connection",
                 {A: {"connects_after": 3.0}, "TrGW A": {"waits": False}}, (TRIGGERED,),
                 rules=("outgoing-before-incoming",)),
        Weakened("UE B's port is closed", {B: {"listens": False}}, (SESSION, e2e.CONFIRMED, e2e.CONFIRMED_TOO),
                 drops=(PASSED,), rules=("connection-refused",)),
        Weakened("nobody asks for security, and every gateway rewrites MSRP",
                 {A: {"media_security": False}, B: {"media_security": False},
                  **{one: {"msrp": "aware"} for one in ("IMS-ALG A", "IBCF A", "IBCF B", "IMS-ALG B")}},
                 (e2e.ASKED, UNTOUCHED, PLAIN, PASSED, HIDDEN), rules=("cema-made-aware",)),
    ),
    provisional="what an IBCF does was inferred from TS 23.334 (Iq); TS 29.162 on this feature was not read",
)

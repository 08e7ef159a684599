"""`workbench ue` through our IMS-ALG and our IMS-AGW to ends that nobody here wrote: SIP by sipp, MSRP by kamailio."""

from __future__ import annotations

import signal
import textwrap

import pytest
from interop.agw_stage import ACCESS, CORE, OUTSIDE, PEER, UE, edge
from interop.children import Child, Children
from interop.kamailio import kamailio
from interop.sipp import Caller, hears, msrp, played, plays, reply, rings

import workbench

ALICE, BOB = "sip:alice@home1.example", "sip:bob@home2.example"
PLAIN = {"body": r"m=message 4[0-9]+ TCP/MSRP \*"}


def person(programs: Children, *lines: str, more: str = "") -> Child:
    """Our UE, what is typed there, and a capture of all that it hears and says."""
    child = programs.workbench("ue", "ue", textwrap.dedent(f"""
        uri = "{ALICE}"
        sip = "{programs.address}:{UE}"
        proxy = "{programs.address}:{ACCESS}"
        {more}
    """), "--all", "--keylog", "--capture", str(programs.folder / "ue.pcapng"))
    child.write(("\n".join(lines) + "\n").encode())
    return child


def confirmed(programs: Children, ue: Child) -> None:
    """Wait for the answers to its two SENDs, the first without a body, in its capture; then Ctrl-C, and it says BYE.

    kamailio sends no REPORT, so the UE does not take its words for arrived (RFC 4975 §7.1.4): exit status 1.
    """
    def answered() -> bool:
        messages = workbench.analyze(programs.folder / "ue.pcapng").messages
        return sum(one.protocol == "MSRP" and one.summary.startswith("200 OK ") for one in messages) == 2

    ue.polls(answered, "has two answers 200")
    ue.signal(signal.SIGINT)
    assert (ue.ended(), "has not arrived" in ue.text) == (1, True), ue.text


@pytest.mark.parametrize(("mode", "tls"), [("cema", "1.3"), ("aware", "1.2")])
def test_our_ue_calls(programs: Children, mode: str, tls: str):
    """Register, call, say something: sipp gets a plain offer, and kamailio answers plain MSRP with 200."""
    edge(programs, f'msrp = "{mode}"')
    far = kamailio(programs)
    uas = plays(programs, "uas", PEER, hears("INVITE", checks=PLAIN), reply(180, "Ringing"),
                reply(200, "OK", msrp(CORE, "passive"), retrans="500"), hears("ACK"), hears("BYE"),
                reply(200, "OK", inside=True))
    ue = person(programs, "register", f"call {BOB}", "text Hello, Kamailio.",
                more=f'tls_versions = ["{tls}"]\n        msrp = "{"plain" if mode == "aware" else "cema"}"')
    far.says(r"^Hello, Kamailio\.\s*$")
    confirmed(programs, ue)
    at_peer = played(uas, programs, "uas")
    assert "fingerprint" not in at_peer
    to, ours = (far.says(rf"^{name}: (\S+)")[1] for name in ("To-Path", "From-Path"))
    assert to.startswith(f"msrp://{programs.address}:{CORE}/s111271a9")
    assert ours.startswith("msrp://" if mode == "aware" else "msrps://")


def test_our_ue_is_called(programs: Children):
    """sipp calls from the core: our UE is asked for e2ae, answers and opens TLS; kamailio answers what it says."""
    edge(programs)
    far = kamailio(programs)
    ue = person(programs, "register")
    ue.says("RFC 3329(.*\n)+.*hears DatagramReceived")
    caller = Caller(BOB, ALICE)
    uac = plays(programs, "peer", PEER, caller.invite(msrp(CORE, "passive")), *rings(),
                hears(response=200, checks=PLAIN), caller.ack(), hears("BYE"), reply(200, "OK", inside=True),
                to=OUTSIDE)
    ue.write(b"text Who is there?\n")
    far.says(r"^Who is there\?\s*$")
    confirmed(programs, ue)
    played(uac, programs, "peer")

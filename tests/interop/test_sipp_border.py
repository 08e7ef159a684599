"""sipp in two networks, `workbench ibcf` and `workbench trgw` between them; TLS of two OpenSSL passes the border.

Source: TS 29.162 (as TS 23.334 §6.2.10A); TS 29.238.
"""

from __future__ import annotations

import textwrap

from interop.agw_stage import BEHIND, holds
from interop.children import Child, Children
from interop.sipp import Caller, hears, msrp, played, plays, reply, rings, told
from interop.tls_ends import Identity, openssl_client, openssl_speaks

ALICE, BOB = "sip:alice@home1.example", "sip:bob@home2.example"
CORE, BORDER, OWN, OTHER = 5060, 5080, 5070, 5090
ENDS = [hears("BYE"), reply(200, "OK", inside=True)]


def border(programs: Children) -> tuple[Child, Child]:
    """IBCF and TrGW, the one registered with the other. home1.example is its own network, home2.example the other."""
    here = programs.address
    ibcf = programs.workbench("ibcf", "ibcf", textwrap.dedent(f"""
        control = "{here}:2950"
        gateway = "{here}:2944"
        core = "{here}:{CORE}"
        border = "{here}:{BORDER}"
        routes = {{ "home2.example" = "{here}:{OTHER}", "home1.example" = "{here}:{OWN}" }}
    """))
    ibcf.says(f"at {here}:2950")
    trgw = programs.workbench("trgw", "trgw", textwrap.dedent(f"""
        control = "{here}:2944"
        controller = "{here}:2950"
        realms = {{ "core.example.net" = "{here}", "border.example.net" = "{here}" }}
    """))
    trgw.says("registered with the controller")
    return ibcf, trgw


def kept(*lines: str) -> dict[str, str]:
    """SDP that names the gateway, and has these lines still, one behind the other."""
    return {"body": r"m=message 4[0-9]+ TCP/TLS/MSRP (.*\r?\n)*" + r"\r?\n".join(lines)}


def test_tls_passes_the_border(programs: Children, ue: Identity, stranger: Identity):
    """Of SDP only addresses change; what OpenSSL says inside TLS reaches OpenSSL, and fingerprints reach both.

    When a connection ends, the IBCF says BYE to both (TS 23.334 §8.5).
    """
    ibcf, trgw = border(programs)
    port, server = openssl_speaks(programs, stranger)
    ours, theirs = (f"a=fingerprint:{one.fingerprint}" for one in (ue, stranger))
    tls = "a=tls-id:abc3de65cddef001be82"
    offer = msrp(9, "active", tls, ours, proto="TCP/TLS/MSRP", host=BEHIND)
    answer = msrp(port, "passive", theirs, proto="TCP/TLS/MSRP")
    caller = Caller(ALICE, BOB)
    uas = plays(programs, "uas", OTHER, hears("INVITE", checks=kept(tls, ours)),
                reply(200, "OK", answer, retrans="500"), hears("ACK"), *ENDS)
    uac = plays(programs, "uac", OWN, caller.invite(offer), *rings(), hears(response=200, checks=kept(theirs)),
                caller.ack(), *ENDS, to=CORE)
    given = int(told(programs, "uac", r"SIP/2\.0 200 [\s\S]*?m=message (4\d+) [\s\S]*?ACK sip")[1])
    client = openssl_client(programs, given, ue, "1.3")
    client.write(b"from the client\n")
    server.says("^from the client$")
    server.write(b"from the server\n")
    client.says("^from the server$")
    holds(trgw, 1)
    client.end_input()
    for name, one in (("uac", uac), ("uas", uas)):
        played(one, programs, name)
    holds(trgw, 0)
    assert f"m=message {given} " not in told(programs, "uas", r"INVITE [\s\S]*?ACK sip")[0]
    assert "SIP:" not in ibcf.text


def test_inwards_and_refusals(programs: Children):
    """A call from the other network comes in. TLS of MSRP without CEMA can't pass (488, X9); 404 without a route."""
    _, trgw = border(programs)
    uas = plays(programs, "uas", OWN, hears("INVITE", checks={"body": "m=message 4[0-9]+ TCP/MSRP"}),
                reply(200, "OK", msrp(9000, "passive"), retrans="500"), hears("ACK"), *ENDS)
    inwards = Caller(BOB, ALICE)
    uac = plays(programs, "uac", OTHER, inwards.invite(msrp(9, "active")), *rings(), hears(response=200), inwards.ack(),
                inwards.request("BYE", 2, uri="[next_url]"), hears(response=200), to=BORDER)
    tls = msrp(9, "active", "a=fingerprint:SHA-256 " + ":".join(["AA"] * 32), proto="TCP/TLS/MSRP")
    refused = [(BOB, tls.replace("a=msrp-cema\n", ""), 488), ("sip:carol@home3.example", msrp(9, "active"), 404)]
    for name, one in (("uac", uac), ("uas", uas)):
        played(one, programs, name)
    for number, (to, offer, status) in enumerate(refused):
        caller = Caller(ALICE, to)
        uac = plays(programs, f"uac{number}", OWN, caller.invite(offer), *rings(), hears(response=status),
                    caller.ack_failure(), to=CORE)
        played(uac, programs, f"uac{number}")
    holds(trgw, 0)

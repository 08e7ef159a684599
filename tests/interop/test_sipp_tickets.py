"""`workbench kms`, `mrfc` and `mrfp` as processes: a call with a ticket in each direction, and OpenSSL with its key.

The test is the UE's MIKEY. Its SIP is sipp's, or by hand where the answer has to be made of the offer; its TLS is
OpenSSL's.

Source: TS 23.333 §6.2.19.2; RFC 6043 §4; RFC 4279.
"""

from __future__ import annotations

import re
import socket
import textwrap
import time

import msgspec
from interop.agw_stage import BEHIND, holds
from interop.children import PATIENCE, Child, Children
from interop.msrp_ends import MsrpEnd, OnChild
from interop.psk_ends import openssl_client
from interop.sipp import Caller, hears, msrp, played, plays, reply, rings, told
from tickets_words import CONF, KS_NAF, MRFC, UE_A, A, initiator, responder, uri, wanted

from workbench.protocols.http import messages as http
from workbench.protocols.http import wire
from workbench.protocols.mikey import wire as mikey
from workbench.protocols.mikey.registry import IdRole
from workbench.protocols.mikey.times import UNIX_EPOCH
from workbench.security.psk import PreSharedKey
from workbench.security.tickets import Granted, Initiator, Keyed, Resolve
from workbench.security.tickets.terms import psk_identity

SIP, UE, HTTP = 5060, 5070, 8080
CHAT, URI = CONF.text, A.text


def started(programs: Children, calls: str = "") -> tuple[Child, Child]:
    """KMS, MRFC and MRFP; the latter two."""
    here = programs.address
    center = programs.workbench("kms", "kms", textwrap.dedent(f"""
        listen = "{here}:{HTTP}"
        [users."{UE_A.name.text}"]
        key = "{KS_NAF.hex()}"
        identities = ["{URI}"]
        [users."{MRFC.name.text}"]
        key = "{MRFC.key.hex()}"
        identities = ["{CHAT}"]
    """))
    mrfc = programs.workbench("mrfc", "mrfc", textwrap.dedent(f"""
        control = "{here}:2950"
        mrfp = "{here}:2944"
        sip = "{here}:{SIP}"
        answers = "passive"
        routes = {{ "ims.example" = "{here}:{UE}" }}
        calls = [{calls}]
        [tickets]
        kms = "{here}:{HTTP}"
        key_name = "{MRFC.name.text}"
        key = "{MRFC.key.hex()}"
    """), "--all")
    mrfc.says(f"at {here}:2950")
    mrfp = programs.workbench("mrfp", "mrfp", textwrap.dedent(f"""
        control = "{here}:2944"
        controller = "{here}:2950"
        media = "{here}"
    """), "--all")
    center.says(f"listens at {here}:{HTTP}")
    mrfp.says("registered with the controller")
    return mrfc, mrfp


def asked(programs: Children, octets: bytes) -> bytes:
    """What the KMS says to that."""
    inbox, place = wire.Inbox(), (programs.address, HTTP)
    with socket.create_connection(place, timeout=PATIENCE) as connection:
        connection.sendall(wire.encode(http.post("/keymanagement", f"{place[0]}:{place[1]}", octets)))
        while not (found := inbox.receive_data(data := connection.recv(4096))):
            assert data and inbox.error is None
    (answer,) = found
    assert isinstance(answer, http.Response) and answer.status == 200
    return answer.body


def now() -> float:
    """Seconds since 1900."""
    return time.time() + UNIX_EPOCH


def talks(programs: Children, found: Keyed, port: int, path: str, to: str) -> Child:
    """OpenSSL with the key of the ticket takes part; nobody else does, so a SEND is answered and goes nowhere."""
    key = PreSharedKey(psk_identity(found.csb_id, found.session), found.tek)
    child = openssl_client(programs, port, key, "1.2")
    end = MsrpEnd(OnChild(child), path, to)
    assert end.send().what == "200 OK"
    sent = end.send(b"Hello", "Success-Report: yes")
    assert sent.what == "200 OK"
    assert end.hears(lambda one: one.header("Message-ID") == f"{sent.transaction}.m").what == "REPORT"
    return child


def silent_on_keys(found: Keyed, *programs: Child) -> None:
    """No process has shown the key."""
    for one in programs:
        assert found.tek.hex() not in one.text.lower() and MRFC.key.hex() not in one.text


def offering(programs: Children) -> tuple[Initiator, str]:
    """The UE has got a ticket of the KMS, and what its offer says of it."""
    ue = initiator()
    want = msgspec.structs.replace(wanted(), start=now() - 60, end=now() + 3600)
    assert isinstance(ue.receive_response(asked(programs, ue.request(want, now())), now()), Granted)
    return ue, f"a=key-mgmt:mikey {mikey.encode_base64(ue.transfer(CONF, now()))}"


def line(text: str, start: str) -> str:
    """The word behind that, in a line of its own."""
    found = re.search(rf"^{start}(\S+)", text, re.MULTILINE)
    assert found is not None, text
    return found[1]


def test_a_caller_s_ticket_is_resolved(programs: Children):
    """sipp calls with TRANSFER_INIT, the MRFC asks the KMS, and the MRFP's TLS has the key that both ends have.

    With one letter of the ticket changed nothing is reserved, and the reason is told (P10, X8).
    """
    mrfc, mrfp = started(programs)
    ue, keyed = offering(programs)
    caller = Caller(URI, CHAT)
    spoilt = keyed[:-300] + ("A" if keyed[-300] != "A" else "B") + keyed[-299:]
    refused = plays(programs, "refused", UE, caller.invite(msrp(9, "active", spoilt, proto="TCP/TLS/MSRP")), *rings(),
                    hears(response=488, checks={"Warning:": "ticket"}), caller.ack_failure(), to=SIP)
    played(refused, programs, "refused")
    assert "reply to Add" not in mrfp.text
    offer = msrp(9, "active", keyed, proto="TCP/TLS/MSRP", host=BEHIND)
    uac = plays(programs, "uac", UE, caller.invite(offer), *rings(), hears(response=200), caller.ack(),
                hears("BYE"), reply(200, "OK", inside=True), to=SIP)
    text = told(programs, "uac", r"SIP/2\.0 200 [\s\S]*?ACK sip")[0]
    found = ue.receive_answer(mikey.decode_base64(line(text, "a=key-mgmt:mikey ")), now())
    assert isinstance(found, Keyed)
    path = f"msrps://{BEHIND}:2855/s111271a9;tcp"
    child = talks(programs, found, int(line(text, "m=message ")), path, line(text, "a=path:"))
    holds(mrfp, 1)
    child.end_input()
    played(uac, programs, "uac")
    holds(mrfp, 0)
    assert "reply to Add" in mrfp.text
    silent_on_keys(found, mrfc, mrfp)


def test_a_conference_calls_with_a_ticket(programs: Children):
    """The MRFC gets a ticket and calls; who is called has it resolved, answers, and has the key that the MRFP has."""
    here = programs.address
    with socket.socket(type=socket.SOCK_DGRAM) as sip:
        sip.bind((here, UE))
        sip.settimeout(PATIENCE)
        mrfc, mrfp = started(programs, calls=f'"0 {CHAT} {URI}"')
        invite, hop = sip.recvfrom(65_536)
        offer = invite.decode()
        assert offer.startswith(f"INVITE {URI} SIP/2.0\r\n") and "a=setup:actpass" in offer
        ue = responder(identity=uri(URI, IdRole.RESPONDER), shared=UE_A)
        resolve = ue.receive_offer(mikey.decode_base64(line(offer, "a=key-mgmt:mikey ")), now(), ("mikey",))
        assert isinstance(resolve, Resolve)
        found = ue.receive_resolved(asked(programs, resolve.octets), now())
        assert isinstance(found, Keyed)
        path = f"msrps://{BEHIND}:2855/s1;tcp"
        body = "\r\n".join((
            "v=0", f"o=- 1 1 IN IP4 {BEHIND}", "s=-", f"c=IN IP4 {BEHIND}", "t=0 0", "m=message 9 TCP/TLS/MSRP *",
            "a=setup:active", "a=accept-types:*", f"a=path:{path}", "a=msrp-cema",
            f"a=key-mgmt:mikey {mikey.encode_base64(found.answer)}", ""))
        sip.sendto(answered(offer, "200 OK", here, body), hop)
        assert sip.recv(65_536).startswith(b"ACK ")
        child = talks(programs, found, int(line(offer, "m=message ")), path, line(offer, "a=path:"))
        holds(mrfp, 1)
        child.end_input()
        bye = sip.recv(65_536).decode()
        assert bye.startswith("BYE ")
        sip.sendto(answered(bye, "200 OK", here), hop)
    holds(mrfp, 0)
    silent_on_keys(found, mrfc, mrfp)


def answered(request: str, status: str, here: str, body: str = "") -> bytes:
    """A response by hand (RFC 3261 §8.2.6)."""
    kept = [one for one in request.partition("\r\n\r\n")[0].split("\r\n")[1:]
            if one.split(":")[0] in ("Via", "From", "To", "Call-ID", "CSeq")]
    kept = [f"{one};tag=ue" if one.startswith("To:") and "tag=" not in one else one for one in kept]
    lines = [f"SIP/2.0 {status}", *kept, f"Contact: <sip:{here}:{UE}>", "Content-Type: application/sdp",
             f"Content-Length: {len(body)}", "", body]
    return "\r\n".join(lines).encode()

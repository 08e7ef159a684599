"""Dialogs of a UA, the two halves of a B2BUA, and responses."""

from __future__ import annotations

import pytest
from sip_vectors import INVITE, URI, invite, tokens

from workbench.errors import LocalProtocolError, UnexpectedMessageError
from workbench.protocols import sip


def established():
    """Both sides' dialogs after INVITE and 200 through two proxies."""
    request = sip.decode(INVITE)
    request = request.with_headers(request.headers.added("Record-Route", "<sip:p2;lr>, <sip:p1;lr>"))
    answer = sip.response(request, 200, "OK", "b1", contact="<sip:bob@192.0.2.9:5080>", body=b"v=0\r\n")
    return request, answer, sip.Dialog.of_caller(request, answer), sip.Dialog.of_callee(request, answer)


def test_a_response_copies_what_belongs_to_its_request():
    """Via, From, To with our tag, Call-ID, CSeq, Record-Route (§8.2.6)."""
    request, answer, _, _ = established()
    for name in ("Via", "From", "Call-ID", "CSeq", "Record-Route"):
        assert answer.headers.all(name) == request.headers.all(name)
    assert answer.to_tag == "b1" and answer.headers.get("Content-Type") == "application/sdp"
    assert sip.response(request, 100, "Trying").to_tag == ""
    assert sip.decode(sip.encode(answer)).headers.get("To") == answer.headers.get("To")


def test_the_two_sides_of_a_dialog_mirror_each_other():
    """Tags cross over, targets are the Contacts, the route set is turned round for the caller (§12.1)."""
    _, _, caller, callee = established()
    assert (caller.local_tag, caller.remote_tag) == (callee.remote_tag, callee.local_tag) == ("a1", "b1")
    assert caller.target == "sip:bob@192.0.2.9:5080" and callee.target.startswith("sip:alice@10.0.0.10:5060")
    assert caller.routes == ("<sip:p1;lr>", "<sip:p2;lr>") and callee.routes == caller.routes[::-1]


def test_requests_inside_a_dialog():
    """CSeq counts, ACK keeps the INVITE's, and the other side knows its own (§12.2)."""
    _, _, caller, callee = established()
    assert caller.ack().cseq == (1, "ACK") and callee.matches(caller.ack())
    caller, update = caller.request("INVITE", contact="<sip:alice@10.0.0.11>", body=b"v=0\r\n")
    assert update.cseq == (2, "INVITE") and caller.ack().cseq == (2, "ACK")
    assert update.headers.all("Route") == caller.routes and update.uri == caller.target
    callee = callee.received(update)
    assert callee.target == "sip:alice@10.0.0.11" and callee.remote_cseq == 2
    with pytest.raises(UnexpectedMessageError):
        callee.received(update)
    caller, bye = caller.request("BYE", tokens("x"))
    assert bye.cseq == (3, "BYE") and caller.ack().cseq == (2, "ACK") and callee.matches(bye)
    _, other = callee.request("BYE")
    assert other.cseq == (1, "BYE") and caller.matches(other) and not callee.matches(other)
    with pytest.raises(LocalProtocolError):
        caller.request("ACK")


def test_a_2xx_to_a_re_invite_refreshes_the_target():
    """§12.2.1.2."""
    _, answer, caller, _ = established()
    moved = answer.with_headers(answer.headers.with_("Contact", "<sip:bob@192.0.2.10>"))
    assert caller.answered(moved).target == "sip:bob@192.0.2.10"


def test_the_other_half_of_a_b2bua():
    """A new dialog, one hop less, the same people; route, credentials and agreement stay behind."""
    received = invite()
    received = received.with_headers(received.headers.added("Security-Verify", "msrp-tls;mediasec").added(
        "Subject", "lunch").added("Route", "<sip:p;lr>"))
    onward = sip.invite_onwards(
        received, uri="sip:bob@10.0.0.20", contact="<sip:192.0.2.1>", token=tokens("n"), body=b"v")
    assert onward.uri == "sip:bob@10.0.0.20" and onward.call_id != received.call_id
    assert onward.from_tag not in ("", received.from_tag) and onward.to_tag == ""
    assert sip.address_uri(onward.headers.get("From")) == URI and onward.headers.get("Max-Forwards") == "69"
    assert onward.headers.get("Subject") == "lunch" and onward.headers.get("Contact") == "<sip:192.0.2.1>"
    assert "Security-Verify" not in onward.headers and "Route" not in onward.headers
    assert sip.invite_onwards(received, contact="<sip:x>", token=tokens("n"), body=b"").uri == received.uri


def test_a_warning_keeps_what_it_says_in_one_quoted_line():
    """RFC 3261 §20.43: code, agent, quoted text; quotes and backslashes are escaped, line ends become blanks."""
    assert sip.warning(399, "192.0.2.1", 'no "TLS"\r\nthrough \\ NAT') == (
        '399 192.0.2.1 "no \\"TLS\\" through \\\\ NAT"')

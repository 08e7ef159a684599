"""a=key-mgmt in SDP (RFC 4567): read, written, and found where it holds."""

from __future__ import annotations

import pytest

from workbench.errors import MalformedMessageError
from workbench.protocols import sdp

TEXT = ("v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\na=key-mgmt:mikey AQID\r\n"
        "m=message 5000 TCP/TLS/MSRP *\r\nm=message 5002 TCP/TLS/MSRP *\r\na=key-mgmt:mikey BAUG\r\n")


def test_a_stream_has_its_own_key_management_or_that_of_the_session() -> None:
    """RFC 4567 §3: the media level comes first."""
    description = sdp.decode(TEXT.encode())
    values = [sdp.key_management(description, media) for media in description.media]
    assert values == [("mikey AQID",), ("mikey BAUG",)]
    assert [sdp.KeyManagement.decode(value).message for (value,) in values] == [b"\1\2\3", b"\4\5\6"]


def test_it_is_written_as_it_is_read() -> None:
    """The protocol in lower case, octets in base64 with padding."""
    found = sdp.KeyManagement.decode("MIKEY  AQ== ")
    assert found == sdp.KeyManagement("mikey", b"\1")
    assert found.encode() == "mikey AQ=="


@pytest.mark.parametrize("value", ["", "mikey", "mikey ", "mikey A", "mikey AQ", "mikey A Q==", "mikey ÄQ==",
                                   "mikey " + "A" * 300_000])
def test_what_is_no_key_management_is_refused(value: str) -> None:
    """With the clause, and never with another error."""
    with pytest.raises(MalformedMessageError) as caught:
        sdp.KeyManagement.decode(value)
    assert caught.value.clause == "RFC 4567 §3.1"


def test_protocols_stand_in_the_order_of_their_lines():
    """RFC 4567 §4.1.4: of the stream's own lines, else of the session's; names without case."""
    media = "m=message 5004 TCP/TLS/MSRP *\r\na=key-mgmt:KEYP1 AA==\r\na=key-mgmt:mikey AQID\r\na=key-mgmt:\r\n"
    described = sdp.decode((TEXT + media).encode())
    assert [sdp.offered_protocols(described, one) for one in described.media] == [
        ("mikey",), ("mikey",), ("keyp1", "mikey", "")]

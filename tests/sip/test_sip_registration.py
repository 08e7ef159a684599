"""Registration with challenge and security agreement."""

from __future__ import annotations

import pytest
from sip_vectors import URI, tokens

from workbench.errors import MalformedMessageError
from workbench.protocols import sip
from workbench.protocols.sip.registration import (
    MediaSecurity,
    Registrar,
    agreement,
    digest,
    media_security,
    register,
    register_again,
)


def registrar(**more):
    return Registrar("home.example", ("msrp-tls", "sdes-srtp"), tokens("n"), lambda uri: f"res of {uri}", **more)


def first(client=("msrp-tls",), **more):
    return register(URI, "10.0.0.10:5060", token=tokens("u"), client=MediaSecurity(client) if client else None, **more)


def challenged(network, request):
    response, accepted = network.answer(request)
    assert response.status == 401 and accepted is None
    return response


def again(request, challenge, password=f"res of {URI}"):
    return register_again(request, challenge, password=password, token=tokens("v"))


def test_the_four_messages():
    """Security-Client, Security-Server, Security-Verify, and what both sides have in common."""
    network, request = registrar(service_route=("<sip:s;lr>",)), first()
    assert request.headers.get("Require") == request.headers.get("Proxy-Require") == "mediasec"
    assert request.headers.all("Security-Client") == ("msrp-tls;mediasec",)
    challenge = challenged(network, request)
    assert challenge.headers.all("Security-Server") == ("msrp-tls;mediasec", "sdes-srtp;mediasec")
    second = again(request, challenge)
    assert second.headers.all("Security-Verify") == challenge.headers.all("Security-Server")
    assert second.cseq == (2, "REGISTER") and second.call_id == request.call_id
    response, accepted = network.answer(second)
    assert response.status == 200 and response.headers.get("Service-Route") == "<sip:s;lr>"
    assert accepted.uri == URI and accepted.contact == "sip:alice@10.0.0.10:5060"
    assert accepted.mechanisms == ("msrp-tls",) and accepted.expires == 600_000


def test_without_agreement():
    """A UE that can't do media plane security registers all the same, with no mechanism."""
    network, request = registrar(), first(client=())
    challenge = challenged(network, request)
    assert "Security-Server" not in challenge.headers and "Require" not in request.headers
    response, accepted = network.answer(again(request, challenge))
    assert response.status == 200 and accepted.mechanisms == ()


def test_a_list_that_was_changed_on_the_way():
    """494 with the right list, and no registration (RFC 3329 §2.3.1)."""
    for name, value in (("Security-Verify", "sdes-srtp;mediasec"), ("Security-Client", "sdes-srtp;mediasec")):
        network, request = registrar(), first()
        second = again(request, challenged(network, request))
        response, accepted = network.answer(second.with_headers(second.headers.with_(name, value)))
        assert (response.status, accepted) == (494, None)
        assert response.headers.all("Security-Server") == ("msrp-tls;mediasec", "sdes-srtp;mediasec")


def test_a_wrong_password_and_a_borrowed_nonce():
    """403; and a nonce works once, for its owner."""
    network, request = registrar(), first()
    challenge = challenged(network, request)
    assert network.answer(again(request, challenge, "wrong"))[0].status == 403
    assert network.answer(again(request, challenge))[0].status == 401
    challenge = challenged(network, request)
    stolen = again(request, challenge)
    stolen = stolen.with_headers(stolen.headers.with_("To", "<sip:bob@home.example>"))
    assert network.answer(stolen)[0].status == 403


def test_deregistration_and_bounds():
    """Expires 0 ends it; a request that can't be read is a bad request; old challenges are forgotten."""
    network, request = registrar(most=1), first(expires=0)
    response, accepted = network.answer(again(request, challenged(network, request)))
    assert response.status == 200 and accepted.expires == 0 and "Contact" not in response.headers
    old = challenged(network, request)
    challenged(network, request)
    assert network.answer(again(request, old))[0].status == 401
    for name, value in (("Authorization", "?"), ("Security-Client", ";x"), ("Contact", "<sip:a")):
        broken = request.with_headers(request.headers.with_(name, value))
        assert network.answer(broken)[0].status == 400


def test_lists_with_parameters():
    """IPsec mechanisms stand next to media ones; only those with mediasec are about media."""
    headers = sip.Headers.of(("Security-Server", "ipsec-3gpp;alg=hmac-sha-1-96;spi-c=1, msrp-tls;mediasec"),
                             ("security-server", "SDES-SRTP; MediaSec"))
    assert media_security(headers, "Security-Server") == ("msrp-tls", "sdes-srtp")
    assert agreement(headers, "Security-Server")[0].parameters == (("alg", "hmac-sha-1-96"), ("spi-c", "1"))


def test_digest():
    """The example of RFC 2617 §3.5."""
    assert digest(
        "Mufasa", "testrealm@host.com", "Circle Of Life", "GET", "/dir/index.html",
        "dcd98b7102dd2f0e8b11d0f600bfb0c093", "auth", "00000001", "0a4f113b") == "6629fae49393a05397450978507c4ef1"


def test_a_401_without_challenge():
    """Nothing to answer: malformed."""
    with pytest.raises(MalformedMessageError):
        register_again(first(), sip.response(first(), 401, "Unauthorized", "t"), password="x", token=tokens("v"))

"""Messages and a pair of ends that the tests of this folder share."""

from __future__ import annotations

from collections.abc import Callable

from workbench.protocols import sip

ALICE = ("10.0.0.10", 5060)
PROXY = ("192.0.2.1", 5060)
URI = "sip:alice@home.example"
SDP = b"v=0\r\no=- 1 1 IN IP4 10.0.0.10\r\ns=-\r\nc=IN IP4 10.0.0.10\r\nt=0 0\r\nm=message 9 TCP/MSRP *\r\n"

INVITE = (
    b"INVITE sip:bob@home.example SIP/2.0\r\n"
    b"Via: SIP/2.0/UDP 10.0.0.10:5060;branch=z9hG4bKabc;rport, SIP/2.0/UDP [2001:db8::1]:5062;branch=z9hG4bKdef\r\n"
    b"Max-Forwards: 70\r\nRoute: <sip:p.example;lr>, <sip:s.example;lr>\r\n"
    b'From: "Alice, \\"A\\" <home>" <sip:alice@home.example>;tag=a1\r\nTo: sip:bob@home.example\r\n'
    b"Call-ID: c1@10.0.0.10\r\nCSeq: 1 INVITE\r\nContact: <sip:alice@10.0.0.10:5060;transport=udp>;expires=60\r\n"
    b"Subject: folded\r\n over two lines\r\nAllow: INVITE, ACK, BYE\r\nUser-Agent: workbench\r\n"
    b"Content-Type: application/sdp\r\nContent-Length: " + str(len(SDP)).encode() + b"\r\n\r\n" + SDP
)
COMPACT = (
    b"\r\nSIP/2.0 200 OK\r\nv: SIP/2.0/UDP 10.0.0.10;branch=z9hG4bKabc;received=10.0.0.10\r\n"
    b"f: <sip:a@x.example>;tag=1\r\n"
    b"t: <sip:b@x.example>;tag=2\r\ni: c1\r\nCSeq: 1 INVITE\r\nm: <sip:b@192.0.2.9>\r\nk: 100rel\r\nl: 0\r\n\r\n"
)


def tokens(prefix: str) -> Callable[[int], str]:
    """Tokens that can be told apart and are the same in each run."""
    count = 0

    def token(size: int) -> str:
        nonlocal count
        count += 1
        return f"{prefix}{count}".ljust(size, "x")[:size]

    return token


def ends() -> tuple[sip.Transactions, sip.Transactions]:
    """Alice's transactions and the proxy's."""
    return sip.Transactions("10.0.0.10:5060", tokens("a")), sip.Transactions("192.0.2.1:5060", tokens("b"))


def invite() -> sip.Request:
    """An INVITE of Alice without Via."""
    return sip.invite("sip:bob@home.example", caller=URI, contact="<sip:alice@10.0.0.10:5060>", token=tokens("i"),
                      body=SDP)


def bye() -> sip.Request:
    """A request that is no INVITE, without Via."""
    return sip.Request(sip.Headers.of(
        ("Max-Forwards", "70"), ("From", f"<{URI}>;tag=1"), ("To", "<sip:bob@home.example>;tag=2"),
        ("Call-ID", "b1"), ("CSeq", "7 BYE")), method="BYE", uri="sip:bob@192.0.2.9")


def sent(events: list[sip.Event]) -> list[bytes]:
    """The datagrams among events."""
    return [event.data for event in events if isinstance(event, sip.Transmit)]


def conversation() -> list[bytes]:
    """Every datagram of a registration and a call: REGISTER, 401, ..., INVITE, 100, 180, 200, ACK, BYE, 200."""
    alice, proxy = ends()
    registrar = sip.registration.Registrar(
        "home.example", ("msrp-tls", "sdes-srtp"), tokens("r"), lambda uri: "res",
        service_route=("<sip:orig@scscf.home.example;lr>",))
    said: list[bytes] = []

    def carry(events: list[sip.Event], to: sip.Transactions, source: sip.Address) -> list[sip.Event]:
        found: list[sip.Event] = []
        for data in sent(events):
            said.append(data)
            found += to.receive_data(data, source, 0.0)
        return found

    def ask(request: sip.Request, *answers: Callable[[sip.Request], sip.Response]) -> sip.Response:
        heard = carry(alice.request(request, PROXY, 0.0)[1], proxy, ALICE)
        (received,) = [event for event in heard if isinstance(event, sip.RequestReceived)]
        for answer in answers:
            heard = carry(proxy.respond(received.key, answer(received.request), 0.0), alice, PROXY)
        (last,) = [event for event in heard if isinstance(event, sip.ResponseReceived)]
        return last.response

    first = sip.registration.register(
        URI, "10.0.0.10:5060", token=tokens("g"), client=sip.registration.MediaSecurity(("msrp-tls",)))
    challenge = ask(first, lambda request: registrar.answer(request)[0])
    again = sip.registration.register_again(first, challenge, password="res", token=tokens("h"))
    assert ask(again, lambda request: registrar.answer(request)[0]).status == 200
    calling = invite()
    contact = "<sip:bob@192.0.2.9>"
    answer = ask(
        calling, lambda request: sip.response(request, 100, "Trying"),
        lambda request: sip.response(request, 180, "Ringing", "t1", contact=contact),
        lambda request: sip.response(request, 200, "OK", "t1", contact=contact, body=SDP,
                                     extra=(("Record-Route", "<sip:p.example;lr>"),)))
    dialog = sip.Dialog.of_caller(calling, answer)
    carry(alice.ack(dialog.ack(), PROXY, 0.0), proxy, ALICE)
    ask(dialog.request("BYE")[1], lambda request: sip.response(request, 200, "OK"))
    return said

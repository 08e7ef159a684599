"""Rules on the media of a call as SIP and H.248 describe it: what of a capture breaks each, and what keeps it."""

from __future__ import annotations

from pathlib import Path

from capturing import A, B, Frame, Talk, udp
from crafted_calls import ACCESS, CORE, PEER, UE, Crafted
from crafted_signalling import (
    ALG,
    ALG_CORE,
    ALICE,
    BOB,
    asks,
    described,
    down,
    each,
    judged,
    reserved,
    responds,
    stream,
    subtracted,
    termination,
    up,
)

FAX = bytes.fromhex("0000010600000000")
SOUND = ("m=audio 5004 RTP/AVP 0",)
GONE_ON = 30.0


def dialog(side: str, *, at: float = 1.0, cseq: int = 1, status: int = 200, more: tuple[str, ...] = ()) -> list[Frame]:
    """Offer and answer of one leg: UE A and the IMS-ALG, or the IMS-ALG and Peer B."""
    ends = (ALICE, ALG) if side == "access" else (ALG_CORE, BOB)
    offer, answer = (str(UE), str(ACCESS)) if side == "access" else (str(CORE), str(PEER))
    attributes = tuple(f"a={one}" for one in more)
    said = [described(end.replace(":", " "), *attributes) for end in (offer, answer)]
    return [asks(at, "INVITE", said[0], cseq=cseq, call=side, source=ends[0], to=ends[1]),
            responds(at + 0.1, status, "INVITE", said[1] if status < 300 else "", cseq=cseq, call=side,
                     source=ends[1], to=ends[0])]


def hung_up(time: float) -> list[Frame]:
    """UE A says BYE, and the IMS-ALG hands it on."""
    return [asks(time, "BYE", cseq=2, call="access"), responds(time + 0.1, 200, "BYE", cseq=2, call="access"),
            asks(time, "BYE", cseq=2, call="core", source=ALG_CORE, to=BOB),
            responds(time + 0.1, 200, "BYE", cseq=2, call="core", source=BOB, to=ALG_CORE)]


def opened(mode: str, at: float = 0.4, name: str = "core/1") -> list[Frame]:
    """An order that gives a stream its mode."""
    asked = "*" if name == "*" else f"ip/1/{name}"
    given = "Modify = ip/1/access/1, Modify = ip/1/core/1" if name == "*" else f"Modify = ip/1/{name}"
    return [down(at, f"Transaction = 2 {{ Context = 7 {{ Modify = {asked} {{ Media {{ {stream(mode=mode)} }} }} }} }}"),
            up(at + 0.01, f"Reply = 2 {{ Context = 7 {{ {given} }} }}")]


def connected(side: str, at: float = 1.5) -> list[Frame]:
    """A connection on one leg."""
    return Crafted("passive", "active").talk(side, by_gateway=side == "core", isn=(5, 6)).opens(at=at).frames


def sent(*times: float) -> list[Frame]:
    """UDPTL from UE A to the gateway."""
    return [udp(time, UE, ACCESS, FAX, "Access") for time in times]


def fax(port: int, answered: int, *, beside: bool = False, at: float = 1.0, cseq: int = 1) -> list[Frame]:
    """A fax on the access leg in an offer and an answer; `beside`: a second line has the addresses of the first."""
    offer, answer = (
        described(f"{end.host} {given}", *((f"m=image {end.port} udptl t38",) if beside else ()), media="image",
                  proto="udptl").replace("udptl *", "udptl t38") for end, given in ((UE, port), (ACCESS, answered)))
    return [asks(at, "INVITE", offer, cseq=cseq, call="access"),
            responds(at + 0.1, 200, "INVITE", answer, cseq=cseq, call="access")]


CALL = [*reserved(), *dialog("access"), *dialog("core")]
CLOSED = (termination("access/$", stream("$ $", mode="Inactive")),
          termination("core/$", stream("$ $", mode="Inactive")))
OVER = [*CALL, *hung_up(5.0)]
BYPASSED = Talk(A, B, "Core").opens(at=2.0).says(0, b"MSRP a1b2 SEND\r\nTo-Path: msrp://x/y;tcp\r\n").frames
RUNNING = [*fax(UE.port, ACCESS.port), *sent(2.0, 3.0)]
ENDED = fax(0, 0, at=4.0, cseq=2)

BROKEN: list[tuple[str, str, list[Frame], str]] = [
    ("gate-closed", "never opened",
     [*reserved(CLOSED), *dialog("access"), *dialog("core"), *opened("SendReceive", 0.4, "access/1")],
     "5 s later stream 1 of ip/1/core/1 in context 7 is still Inactive"),
    ("termination-left", "both", OVER, "nobody subtracts ip/1/access/1, ip/1/core/1 from context 7"),
    ("media-unseen", "one leg", [*CALL, *connected("access")],
     "nothing is seen on core (ip/1/core/1), while access carries something: what comes in does not go out"),
    ("media-unseen", "without gateway", [*dialog("access"), *BYPASSED], "nothing of its media is seen"),
    ("media-undescribed", "connection", [*dialog("access"), *BYPASSED],
     "MSRP between 192.0.2.1 (192.0.2.1:40001) and 192.0.2.2 (192.0.2.2:40002), and no description"),
    ("withdrawn-flows", "fax", [*RUNNING, *ENDED, *sent(8.0, 12.0)],
     "ends a stream at 3.100 s; 7.9 s later something still goes between its former ends"),
]
KEPT: list[tuple[str, str, list[Frame], float]] = [
    ("gate-closed", "opened", [*reserved(CLOSED), *dialog("access"), *dialog("core"), *opened("SendReceive", 1.5, "*")],
     GONE_ON),
    ("gate-closed", "held", [*reserved(CLOSED), *dialog("access", more=("sendonly",)), *dialog("core")], GONE_ON),
    ("gate-closed", "not answered", [*reserved(CLOSED), *dialog("access"), *dialog("core", status=486)], GONE_ON),
    ("gate-closed", "soon over", [*reserved(CLOSED), *dialog("access"), *dialog("core"), *hung_up(3.0)], GONE_ON),
    ("termination-left", "subtracted", [*OVER, *subtracted(5.2)], GONE_ON),
    ("termination-left", "still time", OVER, 8.0),
    ("termination-left", "one dialog goes on", [*CALL, *hung_up(5.0)[:2]], GONE_ON),
    ("media-unseen", "both legs", [*CALL, *connected("access"), *connected("core")], GONE_ON),
    ("media-unseen", "signalling alone", CALL, GONE_ON),
    ("media-unseen", "soon over", [*CALL, *connected("access"), *hung_up(6.0)], GONE_ON),
    ("media-unseen", "taken back", [*CALL, *connected("access"), *subtracted(6.0, 5, "core/1")], GONE_ON),
    ("media-undescribed", "described", [*CALL, *connected("access"), *connected("core")], GONE_ON),
    ("media-undescribed", "nothing is described at all", BYPASSED, GONE_ON),
    ("withdrawn-flows", "quiet", [*RUNNING, *ENDED], GONE_ON),
    ("withdrawn-flows", "soon over", [*RUNNING, *ENDED, *sent(6.0)], GONE_ON),
    ("withdrawn-flows", "given to another line",
     [*RUNNING, *fax(0, 0, beside=True, at=4.0, cseq=2), *sent(8.0, 12.0)], GONE_ON),
]


@each(BROKEN, "words")
def test_what_breaks_a_rule_is_told(tmp_path: Path, rule: str, frames: list[Frame], words: str):
    """Once, with frames, in words that name who, what and where, and with what to check next."""
    (finding,) = judged(tmp_path, rule, frames, GONE_ON)
    assert words in finding.explanation
    assert finding.frames and finding.next


@each(KEPT, "until")
def test_what_keeps_a_rule_is_passed_over(tmp_path: Path, rule: str, frames: list[Frame], until: float):
    """As it should be; still in time; or what is missing may be missing in the capture only."""
    assert judged(tmp_path, rule, frames, until) == []


def test_each_rule_is_broken_and_kept_here():
    """No rule without both."""
    assert {rule for rule, *_ in BROKEN} == {rule for rule, *_ in KEPT}

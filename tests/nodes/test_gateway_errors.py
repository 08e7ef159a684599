"""Every error code of H.248.8: one message that makes the gateway answer with it, or why no message can.

Source: H.248.8; H.248.1 §7, §8.
"""

from __future__ import annotations

import pytest
from agw_stage import MG, MGC, PEER, STRANGER, UE, A, C, add, local, plain, remote, stream
from gateway_stage import PASSIVE, Full

from workbench.net.values import DatagramReceived, Drop, Endpoint, SendDatagram
from workbench.nodes.gateway.settings import Limits
from workbench.protocols.h248 import text
from workbench.protocols.h248.codes import ERRORS

LIMITS = Limits(contexts=3, terminations=5, terminations_per_context=2, events_per_termination=4, digit_maps=1)
FORCED = "Context = - { ServiceChange = ROOT { Services { Method = Forced, Reason = 905 } } }"
GRACEFUL = "Context = 3 { ServiceChange = ip/1/access/5 { Services { Method = Graceful, Reason = 905, Delay = 30 } } }"


def on(name: str, *descriptors: str, context: object = 1, command: str = "Modify") -> str:
    return f"Context = {context} {{ {command} = {name} {{ {', '.join(descriptors)} }} }}"


T = "ip/1/access/1"
# Code: what is ordered. Contexts 1 and 2 have two terminations each (1 and 2, 3 and 4), context 3 has ip/1/access/5.
ORDERS = {
    410: on("ip/1/access/$", stream()),
    411: "Context = 77 { AuditValue = * { Audit { } } }",
    412: add("access", stream(PASSIVE, realm=A)),
    421: add("access", stream(PASSIVE, realm=A), context="-"),
    430: on("ip/1/access/99", stream()),
    431: "Context = 1 { AuditValue = ip/9/* { Audit { } } }",
    432: add("core", stream(PASSIVE, realm=C), context=3),
    433: f"Context = 2 {{ Add = {T} {{ {stream(PASSIVE)} }} }}",
    434: "Context = 1 { Move = ip/1/access/5 }",
    435: on("ip/1/access/3", stream()),
    440: on(T, "Events = 1 { rtp/pltrans }"),
    441: on(T, f'Media {{ Stream = 2 {{ LocalControl {{ Mode = SendOnly }}, {remote("TCP", "active", UE)} }} }}'),
    442: "Context = - { Modify = ROOT { Media { Stream = 1 { LocalControl { Mode = Inactive } } } } }",
    443: "Context = 1 { Notify = ip/1/access/1 { ObservedEvents = 1 { g/cause } } }",
    444: on(T, "Mux = H223 { ip/1/access/1 }"),
    445: on(T, "Media { Stream = 1 { LocalControl { nt/jit = 20 } } }"),
    446: on(T, "Events = 1 { g/cause { moon = 1 } }"),
    447: on("ip/1/access/5", "Statistics { nt/os }", context=1, command="Move"),
    448: on(T, "Events, Events"),
    449: on(T, 'Media { Stream = 1 { LocalControl { ipdc/realm = "moon.example.net" } } }'),
    450: on(T, "Media { Stream = 1 { LocalControl { ipdc/moon = 1 } } }"),
    451: on(T, "Events = 1 { g/moon }"),
    452: on(T, "Signals { cg/moon }"),
    453: on(T, "Statistics { nt/moon }"),
    454: on(T, "Signals { ipnapt/latch { Stream = 1, napt = MAYBE } }"),
    455: on(T, f'Media {{ TerminationState {{ ipdc/realm = "{A}" }} }}'),
    456: on(T, "Media { Stream = 1 { LocalControl { ds/dscp = 2E, ds/dscp = 2F } } }"),
    457: on(T, "Events = 1 { adid/ipstop { dir = IN } }"),
    460: on(T, "Media { Stream = 1 { Statistics { nt/dur } } }"),
    472: "Context = - { ServiceChange = ROOT { Services { Reason = 903 } } }",
    473: on(T, stream(remote("TCP", "passive", UE))),
    501: "Context = - { ServiceChange = ROOT { Services { Method = Failover, Reason = 909 } } }",
    510: on(T, "Events = 1 { g/cause, g/cause, g/cause, g/cause, g/cause }"),
    512: on(T, "Events = 1 { nt/netfail }"),
    513: on(T, "Signals { tlsbsc/EstBNC { Stream = 1 } }"),
    515: on("ip/1/core/2", stream(local("SCTP", None))),
    517: on(T, stream(mode="Loopback")),
    519: on(T, "DigitMap = second { (0x.) }"),
    520: on(T, "Events = 1 { g/cause { DigitMap = nobody } }"),
    521: "Context = $ { Move = ip/1/access/5 }",
    522: "Context = 1 { Topology { ip/1/access/1, ip/1/access/1, Oneway }, AuditValue = * { Audit { } } }",
    532: "Context = 1 { AuditValue = ip/1/access/1 { Audit { Media { Stream = 9 { LocalControl { Mode } } } } } }",
    534: "Context = - { Modify = ROOT { Media { TerminationState { root/maxNumberOfContexts = 7 } } } }",
    542: "Context = - { Subtract = ROOT }",
}
FIRST = {  # what has to happen before
    519: on(T, "DigitMap = first { (0x.) }"),
    521: GRACEFUL,
}
MESSAGES = {  # what is not a matter of one order
    400: "MEGACO/3 [192.0.2.10]:2944 Transaction = 9 { Context = 1 {",
    406: "MEGACO/9 [192.0.2.10]:2944 Transaction = 9 { Context = - { AuditValue = ROOT } }",
    413: "MEGACO/3 [192.0.2.10]:2944 " + "".join(
        f"Transaction = {number} {{ Context = - {{ AuditValue = ROOT }} }}" for number in range(20, 31)),
}
ELSEWHERE = {
    503: "test_503_while_out_of_service", 504: "test_504_for_anybody_else", 505: "test_505_before_registration",
    518: "test_gateway_events.py: test_a_full_event_buffer_is_told",
    506: "tests/h248/test_h248_machine.py: the limit of Pendings is the transaction machine's",
    533: "tests/h248/test_h248_machine.py: what a datagram carries is the transaction machine's",
}
NEVER = {
    401: "the reader knows two outcomes: the message can be read, or 400",
    402: "nothing is unauthorised but strangers: 504",
    403: "a message that can't be read is refused as a whole (400)",
    422: "an action that can't be read spoils the message (400)",
    458: "controllers answer Notify with it", 459: "controllers refuse a profile with it",
    471: "there is no Mux descriptor (444)", 474: "package of H.248.49 not in any profile here: 449 or 515",
    475: "no playout control (H.248.66)", 476: "no playout control (H.248.66)", 477: "no playout control (H.248.66)",
    478: "no resource rules (H.248.63)", 500: "a fault of ours; `core` answers with it if a reply can't be written",
    502: "orders before registration get 505, while out of service 503", 511: "orders are carried out at once",
    514: "no announcements", 526: "bandwidth is not booked (tman is kept, not enforced)",
    529: "no hardware", 530: "the network's failures are events, not replies", 531: "likewise", 540: "no hooks",
    543: "every event has its time stamp", 581: "what an audit doesn't find is 532",
    700: "no MSRP filtering (H.248.69)", 701: "no MSRP filtering (H.248.69)", 702: "no MSRP filtering (H.248.69)",
}


def stage(**settings: object) -> Full:
    made = Full(limits=LIMITS, **settings)
    plain(made)
    plain(made)
    made.orders(add("access", stream(PASSIVE, realm=A)))
    return made


def answer(made: Full, octets: bytes, source: Endpoint = MGC) -> bytes:
    """The octets with which the gateway answers."""
    made.sees(DatagramReceived(MG, source, octets))
    (sent,) = [command for command in made.take() if isinstance(command, SendDatagram)]
    assert sent.remote == source
    text.decode(sent.data)
    return sent.data


def state(made: Full) -> list[bytes]:
    """All that can be audited, as octets."""
    parts = []
    for number in (1, 2, 3):
        made.number += 1
        order = (f"MEGACO/3 [192.0.2.10]:2944 Transaction = {made.number} {{ Context = {number} {{ ContextAudit {{ "
                 "Topology, Emergency, Priority, IEPSCall }, AuditValue = * { Audit { Media, Events, Signals, "
                 "Statistics, EventBuffer, DigitMap, ObservedEvents } } } }")
        parts.append(answer(made, order.encode()).partition(b"{")[2])
    return parts


@pytest.mark.parametrize("code", ORDERS, ids=[f"{code} {ERRORS[code]}" for code in ORDERS])
def test_an_order_gets_its_code(code):
    """The reply's octets say the code, with a text; nothing has changed."""
    made = stage()
    if code in FIRST:
        made.orders(FIRST[code])
        made.take()
    before = state(made)
    octets = answer(made, f"MEGACO/3 [192.0.2.10]:2944\nTransaction = 5000 {{ {ORDERS[code]} }}".encode())
    assert octets.count(b"Error = ") == 1
    assert b"Error = %d {" % code in octets, octets
    assert b'"' in octets.partition(b"Error = ")[2], octets
    assert state(made) == before


@pytest.mark.parametrize("code", MESSAGES, ids=[f"{code} {ERRORS[code]}" for code in MESSAGES])
def test_a_message_gets_its_code(code):
    """A message that is refused as a whole is answered by a message that says so."""
    assert b"Error = %d {" % code in answer(stage(), MESSAGES[code].encode())


def test_503_while_out_of_service():
    """Forced on ROOT: no new terminations until ROOT is back."""
    made = stage()
    made.orders(FORCED)
    made.take()
    order = f"MEGACO/3 [192.0.2.10]:2944 Transaction = 5000 {{ {add('access', stream(PASSIVE, realm=A))} }}"
    assert b"Error = 503 {" in answer(made, order.encode())


def test_504_for_anybody_else():
    """Only the controller is obeyed."""
    made = stage()
    happened = DatagramReceived(
        MG, STRANGER, b"MEGACO/1 [192.0.2.66]:2944 Transaction = 5 { Context = - { AuditValue = ROOT } }")
    made.sees(happened).does(Drop(happened, f"{STRANGER} is not the controller"))
    (sent,) = made.take()
    assert isinstance(sent, SendDatagram) and sent.remote == STRANGER and b"Error = 504 {" in sent.data


def test_505_before_registration():
    """Orders before the controller has answered the first ServiceChange."""
    made = Full(registered=False)
    order = f"MEGACO/3 [192.0.2.10]:2944 Transaction = 5000 {{ {add('access', stream(PASSIVE, realm=A))} }}"
    assert b"Error = 505 {" in answer(made, order.encode())


def test_every_code_is_spoken_of():
    """Each code of the table is produced by a test, or there is a reason why it can't be."""
    kinds = [set(ORDERS), set(MESSAGES), set(ELSEWHERE), set(NEVER)]
    assert set().union(*kinds) == set(ERRORS)
    assert sum(map(len, kinds)) == len(ERRORS)
    assert all(NEVER.values())


def test_peers_are_as_the_table_says():
    """The stage has what the table speaks of."""
    made = stage()
    names = [answer.terminations[0] for number in (1, 2, 3) for answer in made.audit("", "*", number)]
    assert names == ["ip/1/access/1", "ip/1/core/2", "ip/1/access/3", "ip/1/core/4", "ip/1/access/5"]
    assert PEER.host in str(made.value("Media", "ip/1/core/2"))

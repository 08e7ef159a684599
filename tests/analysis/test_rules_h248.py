"""Rules on H.248 in general: what of a capture breaks each, and what keeps it."""

from __future__ import annotations

from pathlib import Path

from capturing import Frame
from crafted_signalling import OTHER_MGC, down, each, judged, notified, reserved, stream, subtracted, termination, up


def modify(time: float, name: str = "access/1", number: int = 2, context: str = "7", **parts: str) -> Frame:
    ordered = f"Modify = {name if '*' in name else 'ip/1/' + name} {{ Media {{ {stream(**parts)} }} }}"
    return down(time, f"Transaction = {number} {{ Context = {context} {{ {ordered} }} }}")


def accepts(time: float, name: str = "access/1", number: int = 2) -> Frame:
    return up(time, f"Reply = {number} {{ Context = 7 {{ Modify = ip/1/{name} }} }}")


def refuses(time: float, code: int, name: str = "access/1", number: int = 2) -> Frame:
    return up(time, f"Reply = {number} {{ Context = 7 {{ Modify = ip/1/{name} {{ Error = {code} {{ \"no\" }} }} }} }}")


def registers(time: float, more: str = "Method = Restart, Version = 2", number: int = 50) -> Frame:
    return up(time, f"Transaction = {number} {{ Context = - {{ ServiceChange = ROOT {{ Services {{ {more} }} }} }} }}")


def registered(time: float, told: str = "Services { Version = 2 }", number: int = 50) -> Frame:
    return down(time, f"Reply = {number} {{ Context = - {{ ServiceChange = ROOT {{ {told} }} }} }}")


FAILS = "g/cause { Generalcause = FT }"
PENDING = up(1.1, "Pending = 2 { }")
OPEN = {"mode": "SendReceive"}
ALONE = (termination("access/$", stream("$ $"), stream("$ $", number=2)), "")
BOTH = (ALONE[0], termination("core/$", stream("$ $"), stream("$ $", number=2)))
CHOSEN = (termination("access/1", stream("198.51.100.1 40000")), termination("core/1", stream("192.0.2.129 40002")))
MANY = (CHOSEN[0], ", ".join([CHOSEN[1], *(termination(f"core/{number}", stream(f"192.0.2.129 {number}"))
                                          for number in range(2, 10))]))
NOT_CHOSEN = ("Add = ip/1/access/1", CHOSEN[1])
GONE_ON = 20.0

BROKEN: list[tuple[str, str, list[Frame], str]] = [
    ("order-only-pending", "no reply", [*reserved(), modify(1.0, **OPEN), PENDING, up(2.0, "Pending = 2 { }")],
     "with 2 Pendings, the last at 2.0"),
    ("h248-error", "of a command", [*reserved(), modify(1.0, **OPEN), refuses(1.1, 430)],
     "refuses Modify ip/1/access/1 of transaction 2: error 430"),
    ("h248-error", "of a transaction",
     [*reserved(), modify(1.0, **OPEN), up(1.1, "Reply = 2 { Error = 402 { \"\" } }")],
     "refuses all (Modify ip/1/access/1 in 7 [2]) of transaction 2: error 402"),
    ("h248-error", "of an action",
     [*reserved(), modify(1.0, **OPEN), up(1.1, "Reply = 2 { Context = 7 { Error = 411 { \"\" } } }")],
     "error 411"),
    ("h248-error", "of a message", [*reserved(), up(1.1, "Error = 400 { \"what?\" }")],
     "can't read a message: error 400"),
    ("reply-unasked", "late", [*reserved(), accepts(9.0, number=99)], "answers transaction 99"),
    ("transaction-id-reused", "soon", [*reserved(), modify(1.0, **OPEN), accepts(1.1), *subtracted(4.0, 2)],
     "gives id 2 to Modify ip/1/access/1 in 7 [2] and 3.000 s later"),
    ("context-unknown", "refused", [*reserved(), *subtracted(2.0), modify(5.0, **OPEN), refuses(5.1, 411)],
     "sends Modify ip/1/access/1 in 7 [2] 2.990 s after"),
    ("context-unknown", "reported", [*reserved(), *subtracted(2.0), *notified(5.0, FAILS, 7)],
     "IMS-AGW sends Notify"),
    ("termination-unknown", "never added",
     [*reserved(), modify(1.0, "access/9", **OPEN), refuses(1.1, 430, "access/9")],
     "no Add has put it there"),
    ("termination-unknown", "subtracted",
     [*reserved(), *subtracted(2.0, 5, "access/1"), modify(5.0, **OPEN), refuses(5.1, 430)],
     "it was subtracted at 2.010 s"),
    ("termination-unknown", "reported", [*reserved(), *notified(5.0, FAILS, 7, name="access/9")],
     "IMS-AGW sends Notify ip/1/access/9"),
    ("context-one-left", "one", [*reserved(), *subtracted(2.0, 5, "access/1")],
     "ip/1/core/1 is left alone from 2.010 s"),
    ("stream-unpaired", "second", [*reserved(ALONE)], "stream 2 is on ip/1/access/1 only"),
    ("local-open", "nothing", [*reserved(given=NOT_CHOSEN)], "to choose an address and a port"),
    ("local-open", "still open", [*reserved(given=(termination("access/1", stream("198.51.100.1 $")), ""))],
     "stream 1 of ip/1/access/1"),
    ("event-unasked", "request", [*reserved(), *notified(3.0, FAILS, 8)],
     "the Events descriptors of this termination have 7"),
    ("event-unasked", "event", [*reserved(), *notified(3.0, "nt/netfail", 7)], "that descriptor asks for g/cause"),
    ("event-unasked", "nothing armed", [*reserved(), *notified(3.0, FAILS, 7, name="core/1")],
     "no Events descriptor was ever given"),
    ("service-change-refused", "error", [registers(1.0), registered(1.1, 'Error = 502 { "not you" }')],
     "refuses it with error 502"),
    ("service-change-refused", "elsewhere",
     [registers(1.0), registered(1.1, "Services { MgcIdToTry = [192.0.2.11]:2944 }")],
     "sends it on to [192.0.2.11]:2944"),
    ("service-change-refused", "version", [registers(1.0), registered(1.1, "Services { Version = 3 }")],
     "version 3, where version 2 was the highest"),
    ("control-lost", "restart", [*reserved(), registers(5.0), registered(5.1)],
     "sends Restart (no reason given) while 1 of its contexts are there (7)"),
    ("control-lost", "disconnected",
     [registers(5.0, 'Method = Disconnected, Reason = "900 Service Restored"'), registered(5.1)],
     "it had lost its controller"),
    ("two-controllers", "at once",
     [*reserved(), down(2.0, "Transaction = 9 { Context = 7 { Subtract = ip/1/core/1 } }", OTHER_MGC),
      up(2.1, "Reply = 9 { Context = 7 { Subtract = ip/1/core/1 } }", OTHER_MGC), modify(3.0, **OPEN), accepts(3.1)],
     "carries out orders of [192.0.2.10]:2944 until 3.000 s, and of [192.0.2.11]:2944 from 2.000 s on"),
    ("package-unknown", "property", [*reserved(), modify(2.0, control="zork/lamp = 1"), accepts(2.1)],
     "no package zork"),
    ("item-unknown", "property", [*reserved(), modify(2.0, control="ipdc/lamp = 1"), accepts(2.1)],
     "package ipdc has no such property (error 450)"),
    ("item-unknown", "place", [*reserved(), modify(2.0, control="root/maxNumberOfContexts = 1"), accepts(2.1)],
     "it belongs into TerminationState of ROOT (error 455)"),
]
KEPT: list[tuple[str, str, list[Frame], float]] = [
    ("order-only-pending", "answered", [*reserved(), modify(1.0, **OPEN), PENDING, accepts(2.0)], GONE_ON),
    ("order-only-pending", "still time", [*reserved(), modify(1.0, **OPEN), PENDING], 3.0),
    ("h248-error", "done", [*reserved(), modify(1.0, **OPEN), accepts(1.1)], GONE_ON),
    ("h248-error", "of ServiceChange", [registers(1.0), registered(1.1, 'Error = 502 { "" }')], GONE_ON),
    ("reply-unasked", "asked before the capture", [*reserved(), accepts(2.0, number=99)], GONE_ON),
    ("reply-unasked", "repeated", [*reserved(), modify(1.0, **OPEN), accepts(1.1), accepts(9.0)], GONE_ON),
    ("transaction-id-reused", "repeated", [*reserved(), modify(1.0, **OPEN), modify(1.5, **OPEN), accepts(1.6)],
     GONE_ON),
    ("transaction-id-reused", "after all timers",
     [*reserved(), modify(1.0, **OPEN), accepts(1.1), *subtracted(40.0, 2)], 50.0),
    ("context-unknown", "crossing", [*reserved(), *subtracted(2.0), *notified(2.5, FAILS, 7)],
     GONE_ON),
    ("context-unknown", "its Add was not captured", [*reserved(), *subtracted(2.0), modify(5.0, **OPEN), accepts(5.1)],
     GONE_ON),
    ("context-unknown", "made anew",
     [*reserved(), *subtracted(2.0), *reserved(at=4.0, number=8), modify(5.0, **OPEN), refuses(5.1, 449)], GONE_ON),
    ("termination-unknown", "there", [*reserved(), modify(1.0, **OPEN), refuses(1.1, 449)], GONE_ON),
    ("termination-unknown", "its Add was not captured",
     [*reserved(), modify(1.0, "access/9", **OPEN), accepts(1.1, "access/9")], GONE_ON),
    ("termination-unknown", "all", [*reserved(), modify(1.0, "*", **OPEN), refuses(1.1, 449)], GONE_ON),
    ("context-one-left", "both", [*reserved(), *subtracted(2.0)], GONE_ON),
    ("context-one-left", "still time", [*reserved(), *subtracted(2.0, 5, "access/1")], 4.0),
    ("stream-unpaired", "both", [*reserved(BOTH)], GONE_ON),
    ("stream-unpaired", "soon over", [*reserved(ALONE), *subtracted(3.0)], GONE_ON),
    ("local-open", "chosen", [*reserved()], GONE_ON),
    ("local-open", "refused", [*reserved(given=('Add = ip/1/access/1 { Error = 510 { "" } }', CHOSEN[1]))], GONE_ON),
    ("event-unasked", "asked", [*reserved(), *notified(3.0, FAILS, 7)], GONE_ON),
    ("event-unasked", "a signal that ends",
     [*reserved(), *notified(3.0, "g/sc { SigID = tonegen/pt, Meth = TO }", 7)], GONE_ON),
    ("event-unasked", "armed on all", [
        *reserved(), down(2.0, "Transaction = 2 { Context = 7 { Modify = * { Events = 8 { nt/netfail } } } }"),
        up(2.1, "Reply = 2 { Context = 7 { Modify = ip/1/access/1, Modify = ip/1/core/1 } }"),
        *notified(3.0, "nt/netfail", 8, name="core/1")], GONE_ON),
    ("event-unasked", "armed on very many", [
        *reserved(MANY, MANY),
        down(2.0, "Transaction = 2 { Context = 7 { Modify = * { Events = 8 { nt/netfail } } } }"),
        *notified(3.0, "nt/netfail", 8, name="core/1")], GONE_ON),
    ("service-change-refused", "accepted", [registers(1.0), registered(1.1)], GONE_ON),
    ("control-lost", "nothing was there", [registers(1.0), registered(1.1), *reserved(at=2.0)], GONE_ON),
    ("control-lost", "released before", [*reserved(), *subtracted(2.0), registers(5.0), registered(5.1)], GONE_ON),
    ("two-controllers", "one after the other",
     [*reserved(), modify(3.0, **OPEN), accepts(3.1),
      down(4.0, "Transaction = 9 { Context = 7 { Subtract = ip/1/core/1 } }", OTHER_MGC),
      up(4.1, "Reply = 9 { Context = 7 { Subtract = ip/1/core/1 } }", OTHER_MGC)], GONE_ON),
    ("two-controllers", "one with two addresses",
     [*reserved(),
     down(2.0, "Transaction = 9 { Context = 7 { Subtract = ip/1/core/1 } }", OTHER_MGC, "[192.0.2.10]:2944"),
      up(2.1, "Reply = 9 { Context = 7 { Subtract = ip/1/core/1 } }", OTHER_MGC), modify(3.0, **OPEN), accepts(3.1)],
     GONE_ON),
    ("package-unknown", "known", [*reserved(), modify(2.0, control='ipdc/realm = "x"'), accepts(2.1)], GONE_ON),
    ("item-unknown", "known", [*reserved(), modify(2.0, control='ipdc/realm = "x"'), accepts(2.1)], GONE_ON),
    ("item-unknown", "of no package that is known", [*reserved(), modify(2.0, control="zork/lamp = 1"), accepts(2.1)],
     GONE_ON),
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

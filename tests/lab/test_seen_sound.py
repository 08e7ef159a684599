"""What is seen of sound: each check on captures that bear it out, that do not, and that can not tell."""

from __future__ import annotations

from functools import cache
from types import SimpleNamespace

import pytest

from workbench import scenarios
from workbench.lab import seen
from workbench.scenarios.t38_dtls_switch import ACCESS, CORE

SWITCH, FAX = "t38-dtls-switch", "t38-dtls-terminating"
SILENT = "Peer B's terminal is silent until it asks for the fax"
BESIDE = "Peer B's terminal goes on with its tone beside the fax"
OFFER = seen.any_of(seen.reoffer(ACCESS.wire), seen.reoffer(CORE.wire))
REFUSAL = seen.any_of(*(seen.sip_response(488, "INVITE", wire) for wire in (ACCESS.wire, CORE.wire)))


@cache
def report(id, weakened=None, **knobs):
    return scenarios.get(id).run(seed=1, weakened=weakened, **knobs).report


@cache
def refused():
    return scenarios.get(SWITCH).run(seed=1, answer="refused").report


def without(made, unwanted):
    """The same report without some messages."""
    left = tuple(one for one in made.messages if not unwanted(one))
    return SimpleNamespace(messages=left, sessions=made.sessions, signalling=made.signalling, calls=made.calls)


def changed(made, wanted, octets):
    """The same report with other octets in the first message that is wanted."""
    import msgspec

    at = next(number for number, one in enumerate(made.messages) if wanted(one))
    one = msgspec.structs.replace(made.messages[at], octets=octets)
    left = (*made.messages[:at], one, *made.messages[at + 1 :])
    return SimpleNamespace(messages=left, sessions=made.sessions, signalling=made.signalling, calls=made.calls)


def answer(fact, made):
    found = fact.check(made)
    assert found is None or (found[1] if found[0] else found[2])
    return None if found is None else found[0]


def test_sound_passes_or_not():
    """Both ways, as many packets as are asked for, and nothing that nobody has said."""
    fact = seen.sound_passes(ACCESS, CORE, OFFER)
    assert answer(fact, report(SWITCH)) is True
    assert answer(fact, report(SWITCH, SILENT)) is False
    assert answer(seen.sound_passes(ACCESS, CORE, OFFER, packets=500), report(SWITCH)) is False
    assert answer(fact, report(FAX)) is None
    other = changed(report(SWITCH), lambda one: one.protocol == "RTP" and one.wire == CORE.wire
                    and one.source.node == "IMS-AGW", b"another")
    assert answer(fact, other) is False


def test_sound_ends_or_not():
    """Behind the answer on one side and behind the ACK on the other one."""
    fact = seen.sound_ends(ACCESS, CORE)
    assert answer(fact, report(SWITCH)) is True
    assert answer(fact, report(SWITCH, BESIDE)) is False
    assert answer(fact, refused()) is None
    assert answer(fact, without(report(SWITCH), lambda one: "ACK" in one.summary)) is None


def test_sound_goes_on_or_not():
    """As many packets as are asked for, of the source of before."""
    fact = seen.sound_goes_on(ACCESS, CORE, since=REFUSAL)
    assert answer(fact, refused()) is True
    assert answer(seen.sound_goes_on(ACCESS, CORE, since=REFUSAL, packets=5000), refused()) is False
    assert answer(fact, report(SWITCH)) is None
    assert answer(seen.sound_goes_on(ACCESS, CORE, since=OFFER), report(SWITCH)) is False


def test_terminations_of_sound_are_given_back_or_kept():
    """Subtracted while the fax goes on; where it is refused, those of the fax are, and sound is not touched."""
    assert answer(seen.sound_is_released(), report(SWITCH)) is True
    assert answer(seen.sound_is_released(), refused()) is False
    assert answer(seen.sound_is_released(), report(FAX)) is None
    kept = seen.sound_is_kept(REFUSAL)
    assert answer(kept, refused()) is True
    assert answer(kept, report(SWITCH)) is None
    assert answer(seen.sound_is_kept(OFFER), report(SWITCH)) is False
    no_subtract = without(refused(), lambda one: "Subtract" in one.summary and one.time < 15.0)
    assert answer(kept, no_subtract) is False


def test_all_of_these():
    """Each has to be there; the first that is not gives the reason."""
    sound = seen.offer(ACCESS.wire, transport="RTP/AVP")
    assert answer(seen.all_of(sound, OFFER), report(SWITCH)) is True
    assert answer(seen.all_of(sound, REFUSAL), report(SWITCH)) is False


@pytest.mark.parametrize("leg", ["access", "core"])
def test_a_leg_is_that_of_the_fax(leg):
    """Sound comes first, and what is asked about a leg is asked about the fax."""
    from workbench.lab.seen.datagrams import datagram_leg
    from workbench.lab.seen.reading import leg_of

    assert leg_of(report(SWITCH), leg).transport.lower().endswith("udptl")
    assert datagram_leg(report(SWITCH), leg).leg.transport.lower().endswith("udptl")
    assert leg_of(refused(), leg).transport == ("RTP/AVP" if leg == "core" else "UDP/TLS/UDPTL")

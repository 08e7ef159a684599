"""Plain calls through an IMS-AGW on this host's sockets, spliced and not: every octet, every event, every figure."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from agw_stage import modify, stream
from live_stage import End, Live

from workbench.net.values import Splice, Unsplice
from workbench.protocols.h248 import message as h248

LONG = 3_000_000


@pytest.fixture(params=[False, True], ids=["through", "spliced"])
def live(request):
    """A gateway that copies itself, and one whose network does."""
    made = Live(splices=request.param)
    try:
        if request.param and not made.network.capabilities.splice:
            pytest.skip("this host's network does not splice")
        yield made
    finally:
        made.close()


def octets(seed: int, size: int = LONG) -> bytes:
    return random.Random(seed).randbytes(size)


def more_than_buffers() -> int:
    """More octets than all buffers on the way hold: two sockets a connection, and what the gateway itself may hold."""
    largest = 0
    for name in ("tcp_rmem", "tcp_wmem"):
        file = Path("/proc/sys/net/ipv4") / name
        largest += int(file.read_text().split()[2]) if file.exists() else 5_000_000
    return 2 * largest + 4_000_000


def spliced(live: Live) -> bool:
    return live.node._control._policy.splices


def handed_down(live: Live) -> list[type]:
    return [type(command) for command in live.ordered if isinstance(command, Splice | Unsplice)]


def counted(reply: h248.Reply, number: int) -> dict[str, int]:
    found = reply.actions[0].commands[number].descriptor(h248.Statistics)
    assert found is not None
    return {item.name: int(item.value) for item in found.items if item.name != "nt/dur"}


def subtracts(live: Live) -> list[dict[str, int]]:
    """Both terminations are released; what each has counted."""
    reply = live.orders("Context = 1 { Subtract = ip/1/access/1, Subtract = ip/1/core/2 }")
    return [counted(reply, number) for number in (0, 1)]


def exchange(live: Live, ue: End, far: End, forth: bytes, back: bytes) -> None:
    """Both say something long, and each hears what the other said."""
    ue.says(forth)
    far.says(back)
    live.until(lambda: len(far.heard) >= len(forth) and len(ue.heard) >= len(back))


def test_every_octet_arrives_and_is_counted(live):
    """Both directions at once, early payload first; nt/os and nt/or in the Subtract replies are exact."""
    early, forth, back = octets(1, 5_000), octets(2), octets(3)
    ue, far = live.call(early)
    exchange(live, ue, far, forth, back)
    live.until(lambda: len(far.heard) == len(early + forth))
    assert far.heard == early + forth
    assert ue.heard == back
    size, size_back = len(early + forth), len(back)
    assert subtracts(live) == [{"nt/os": size_back, "nt/or": size}, {"nt/os": size, "nt/or": size_back}]
    live.until(lambda: ue.ended and far.ended)
    assert handed_down(live) == ([Splice, Unsplice] if spliced(live) else [])
    assert live.notified() == []


def test_a_gate_that_closes_and_opens_loses_nothing(live):
    """Modify while octets flow: nothing passes while the mode is Inactive; afterwards all of it, in its order."""
    ue, far = live.call()
    forth, back = octets(4), octets(5)
    for end, said in ((ue, forth), (far, back)):
        end.says(said)
    live.until(lambda: len(far.heard) > 200_000 and len(ue.heard) > 200_000)
    live.orders(modify("ip/1/access/1", stream(mode="Inactive")))
    # What was on its way arrives; then both ends hear nothing, however much is said.
    settled(live, ue, far)
    before = len(ue.heard), len(far.heard)
    for _ in range(50):
        live.turn()
    assert (len(ue.heard), len(far.heard)) == before
    assert before < (len(back), len(forth))
    live.orders(modify("ip/1/access/1", stream()))
    live.until(lambda: len(far.heard) == len(forth) and len(ue.heard) == len(back))
    assert (bytes(ue.heard), bytes(far.heard)) == (back, forth)
    expected = [Splice, Unsplice, Splice] if spliced(live) else []
    assert handed_down(live) == expected
    assert subtracts(live)[0] == {"nt/os": len(back), "nt/or": len(forth)}


def settled(live: Live, *ends: End) -> None:
    """Until none of the ends has heard anything for a while of turns."""
    still = 0
    while still < 50:
        before = [len(end.heard) for end in ends]
        live.turn()
        still = still + 1 if before == [len(end.heard) for end in ends] else 0


def test_a_fin_comes_behind_every_octet(live):
    """Half-close: the UE's end arrives behind its octets, and what the other side still says comes back; told once."""
    ue, far = live.call()
    forth, back = octets(6), octets(7)
    ue.says(forth)
    live.until(lambda: not ue.to_say)
    ue.shuts()
    live.until(lambda: far.ended)
    assert far.heard == forth
    far.says(back)
    live.until(lambda: len(ue.heard) == len(back))
    assert ue.heard == back
    far.shuts()
    live.until(lambda: ue.ended)
    assert live.notified() == [("ip/1/access/1", "g/cause")]
    assert subtracts(live) == [
        {"nt/os": len(back), "nt/or": len(forth)}, {"nt/os": len(forth), "nt/or": len(back)}]


def test_a_reset_is_mirrored(live):
    """F9: a peer's RST is told to the controller and becomes the other peer's."""
    ue, far = live.call()
    exchange(live, ue, far, octets(8, 1_000), octets(9, 1_000))
    ue.resets()
    live.until(lambda: far.reset and bool(live.notified()))
    assert live.notified() == [("ip/1/access/1", "g/cause")]
    assert subtracts(live) == [{"nt/os": 1_000, "nt/or": 1_000}, {"nt/os": 1_000, "nt/or": 1_000}]


def test_a_peer_that_does_not_read_stops_the_other_one(live):
    """Back-pressure: the sender is stopped after a bounded number of octets, and every one arrives later."""
    ue, far = live.call()
    far.reads = False
    forth = octets(10, more_than_buffers())
    ue.says(forth)
    stuck = 0
    while stuck < 100:
        said = ue.said
        live.turn()
        stuck = stuck + 1 if ue.said == said else 0
    assert ue.said < len(forth)
    far.reads = True
    live.until(lambda: len(far.heard) == len(forth))
    assert far.heard == forth


def test_subtract_in_full_flow_ends_both_sides(live):
    """Released while octets flow: both peers see an end, and what each has heard is the beginning of what was said."""
    ue, far = live.call()
    forth, back = octets(11, 20_000_000), octets(12, 20_000_000)
    ue.says(forth)
    far.says(back)
    live.until(lambda: len(far.heard) > 300_000 and len(ue.heard) > 300_000)
    first, second = subtracts(live)
    live.until(lambda: (ue.ended or ue.reset) and (far.ended or far.reset))
    assert forth.startswith(far.heard)
    assert back.startswith(ue.heard)
    # What was counted as sent may still have been on its way when the connection was ended, and nothing else.
    assert len(far.heard) <= second["nt/os"] == first["nt/or"]
    assert len(ue.heard) <= first["nt/os"] == second["nt/or"]


def test_what_was_under_way_at_the_end_is_in_the_figures(live):
    """Released while the far end does not read: what it hears later, up to the FIN, is what nt/os said."""
    ue, far = live.call()
    far.reads = False
    forth = octets(13, more_than_buffers())
    ue.says(forth)
    stuck = 0
    while stuck < 100:
        said = ue.said
        live.turn()
        stuck = stuck + 1 if ue.said == said else 0
    _, second = subtracts(live)
    far.reads = True
    live.until(lambda: far.ended)
    assert forth.startswith(far.heard)
    assert second["nt/os"] == len(far.heard)

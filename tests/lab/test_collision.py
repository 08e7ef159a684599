"""End-to-end TLS and NATs: each combination a call on the wire, against tables derived on paper.

The tables are derived in the comments from what a=setup means (RFC 4145 §4: who opens TCP; RFC 8122 §4: who begins TLS)
and from what a NAT lets in. They share nothing with the nodes that they judge.
"""

from __future__ import annotations

import itertools
from pathlib import Path

import msgspec
import pytest

from workbench.errors import ScenarioError
from workbench.lab import collision
from workbench.lab.collision import EXCHANGES, MECHANISMS, NATS, Task, ticket
from workbench.net.values import StreamData
from workbench.nodes.gateway import securing
from workbench.protocols.mikey import wire
from workbench.security import tls

VECTORS = Path(__file__).parents[1] / "vectors" / "mikey"
FILTERS = ("home", "strict")
AGW_A, AGW_B = "IMS-AGW A", "IMS-AGW B"

# Outcome, one TLS session from UE to UE, who in the middle reads.
END_TO_END = ("works", True, ())
REFUSED = ("refused", False, ())
TWO_CLIENTS = ("two clients", False, ())
NOTHING = ("no connection", False, ())


def waiting(exchange):
    """Who is passive where nobody changes a=setup: the one that is not active."""
    return "B" if exchange in ("active-passive", "actpass-passive") else "A"


# a=setup stays. The one that opens gets out of every NAT. The other one has to be reached by its gateway: it can where
# there is no NAT, and behind an open one, whose UE asks a STUN server and says what it heard. So what counts is the NAT
# of the one that waits, and only whether it filters.
def blind(a, b, exchange):
    return NOTHING if (a if waiting(exchange) == "A" else b) in FILTERS else END_TO_END


# The same, but an IMS-ALG refuses what it knows can't work. It knows that of UE A from the offer itself. UE B says in
# its answer where it can be reached; but where the offer is active, UE B has to wait whatever it says, and is not
# asked: then any NAT, even an open one, is enough to refuse.
def refuse(a, b, exchange):
    if exchange == "active-passive":
        return END_TO_END if b == "none" else REFUSED
    return REFUSED if blind(a, b, exchange) == NOTHING else END_TO_END


# a=setup is changed by the edge of a UE behind a NAT, of whatever kind, so that this UE opens: the offer that UE B gets
# becomes passive, the answer that UE A gets too. An offer of passive can't be changed: UE A waits, as it said.
def openers(a, b, exchange):
    if exchange == "passive-active":
        return {"B"}
    b_opens = b != "none" or exchange == "actpass-active"
    if exchange == "active-passive":
        return {"A", "B"} if b_opens else {"A"}
    # Left open by UE A: it is told what UE B answers, but told to open too where it is behind a NAT itself.
    return ({"B", "A"} if a != "none" else {"B"}) if b_opens else {"A"}


# With MSRP, whoever opens TCP begins TLS. Two of them find no server (RFC 8446 §4.1.3); one of them finds the other,
# unless a NAT filters there. That one can only be UE A, which said passive. With BFCP the offerer begins TLS and the
# answerer is server, whoever opens TCP (RFC 8856 §8), so two that open do no harm.
def merge(a, b, exchange, media="msrp"):
    opens = openers(a, b, exchange)
    if len(opens) == 2:
        return TWO_CLIENTS if media == "msrp" else END_TO_END
    unreachable = ("B" in opens and a in FILTERS) or ("A" in opens and b in FILTERS)
    return NOTHING if unreachable else END_TO_END


# Each UE has TLS with its own gateway, which may be server of two clients. So what collided above works, but it is
# nobody's end-to-end session: both gateways hold the words. With TLS from gateway to gateway nobody else does.
def b2bua(a, b, exchange):
    return NOTHING if merge(a, b, exchange) == NOTHING else ("works", False, (AGW_A, AGW_B))


# With e2ae the core is in the clear (R-6.2.10.3-13): whoever listens there reads too.
def e2ae(a, b, exchange):
    return NOTHING if merge(a, b, exchange) == NOTHING else ("works", False, (AGW_A, AGW_B, "Core"))


# Behind a NAT that filters, a UE that waits opens TCP too, and waits for TLS alone: nothing is left to refuse there. A
# UE behind an open NAT can be reached, so it does not, and is treated as ever.
def annex_d(a, b, exchange):
    return END_TO_END if (a if waiting(exchange) == "A" else b) in FILTERS else refuse(a, b, exchange)


# Nobody knows of it, so nobody makes use of it.
def annex_d_silent(a, b, exchange):
    return refuse(a, b, exchange)


PAPER = {"refuse": refuse, "blind": blind, "merge": merge, "b2bua": b2bua, "annex-d": annex_d,
         "annex-d-silent": annex_d_silent, "e2ae": e2ae}


# With a key that both UEs have nothing else changes: the key does not say who begins. But a gateway that would end TLS
# has no such key, and no fingerprint comes back to it: it refuses. So the one cure that reads is no cure there.
def derived(task):
    if task.key == "psk" and task.mechanism == "b2bua":
        return REFUSED
    if task.mechanism == "merge":
        return merge(task.a, task.b, task.exchange, task.media)
    return PAPER[task.mechanism](task.a, task.b, task.exchange)


ALL = [Task(a, b, exchange, mechanism, media) for media in ("msrp", "bfcp") for mechanism in MECHANISMS
       for a, b, exchange in itertools.product(NATS, NATS, EXCHANGES)]
# 43 has no divisor in common with the numbers of exchanges, NATs and mechanisms: each of them comes up with each.
# Two UEs behind NATs that filter are what it is about; of Annex D also with a UE A that waits.
CENTRAL = [Task("home", "home", "active-passive", mechanism, media) for mechanism in MECHANISMS
           for media in ("msrp", "bfcp")] + [Task("home", "home", "actpass-active", "annex-d", "bfcp")]
KEYED = [Task(a, b, exchange, mechanism, key="psk") for mechanism in MECHANISMS if mechanism != "e2ae"
         for a, b, exchange in itertools.product(("none", "home"), ("none", "home"), EXCHANGES)]
FEW = [*CENTRAL, *KEYED[::11], *(task for task in ALL[::43] if task not in CENTRAL)]


class Memory:
    """What the gateways themselves get to hold: octets that came in, and what TLS made of them."""

    def __init__(self, monkeypatch):
        self.octets = {AGW_A: bytearray(), AGW_B: bytearray()}
        made = securing._session

        def spied(bearer, client):
            session = made(bearer, client)
            receives = session.receive_data
            gateway = AGW_A if bearer.setting.local.host in ("198.51.100.1", "192.0.2.129") else AGW_B

            def receive_data(data):
                events = receives(data)
                for event in events:
                    if isinstance(event, tls.Data):
                        self.octets[gateway] += event.octets
                return events

            session.receive_data = receive_data
            return session

        monkeypatch.setattr(securing, "_session", spied)

    def holders(self, run):
        """Gateways with words of a user in what they held; forgets it."""
        for entry in run.trace.entries:
            if entry.node in self.octets and isinstance(entry.what, StreamData):
                self.octets[entry.node] += entry.what.data
        held = tuple(gateway for gateway, octets in self.octets.items()
                     if b"Can you hear me?" in octets or b"Loud and clear." in octets)
        for octets in self.octets.values():
            octets.clear()
        return held


def differences(tasks, memory, tmp_path):
    """Calls that are not as derived, in what is seen or in what the gateways held; empty: all are."""
    found = []
    for task in tasks:
        run = collision.call(task, tmp_path)
        cell = collision.judge(run.capture, collision.keys_of(run.trace))
        seen = cell.outcome, cell.end_to_end, cell.readers
        held = memory.holders(run)
        if seen != derived(task) or held != tuple(one for one in cell.readers if one != "Core"):
            found.append((task, cell, held))
    return found


def test_calls_are_as_derived_on_paper(monkeypatch, tmp_path):
    """A portion of all combinations: outcome, end to end or not, readers, and what was in the gateways' memory."""
    assert differences(FEW, Memory(monkeypatch), tmp_path) == []


@pytest.mark.long
@pytest.mark.parametrize("media", ["msrp", "bfcp"])
@pytest.mark.parametrize("mechanism", list(MECHANISMS))
def test_all_calls_are_as_derived_on_paper(mechanism, media, monkeypatch, tmp_path):
    """64 calls of each mechanism: all NATs, all exchanges."""
    tasks = [task for task in ALL if (task.mechanism, task.media) == (mechanism, media)]
    assert len(tasks) == 64 and differences(tasks, Memory(monkeypatch), tmp_path) == []


@pytest.mark.long
def test_a_key_of_both_ues_changes_the_b2bua_alone(monkeypatch, tmp_path):
    """TLS by pre-shared key, 1.3 and 1.2, with a worked exchange of MIKEY-TICKET in SDP."""
    older = [msgspec.structs.replace(task, tls="1.2") for task in KEYED if task.b == "home"]
    assert differences([*KEYED, *older], Memory(monkeypatch), tmp_path) == []


@pytest.mark.long
def test_tls_1_2_changes_nothing(monkeypatch, tmp_path):
    """Two ClientHellos collide in either version, and a gateway's keys open either."""
    tasks = [Task(a, b, "active-passive", mechanism, tls="1.2") for mechanism in MECHANISMS
             for a, b in itertools.product(("none", "home"), repeat=2)]
    assert differences(tasks, Memory(monkeypatch), tmp_path) == []


@pytest.mark.parametrize(("mechanism", "working", "read"), [
    ("refuse", 21, 0), ("blind", 24, 0), ("merge", 17, 0), ("b2bua", 33, 33), ("annex-d", 33, 0), ("e2ae", 33, 33)])
def test_what_the_paper_says_in_sum(mechanism, working, read):
    """Of 36 calls between no NAT, an open one, and one that filters: Annex D loses what only the B2BUA cures else."""
    cells = [PAPER[mechanism](a, b, exchange)
             for a, b, exchange in itertools.product(("none", "open", "home"), ("none", "open", "home"), EXCHANGES)]
    assert sum(outcome == "works" for outcome, _, _ in cells) == working
    assert sum(bool(readers) for _, _, readers in cells) == read


# Every check must be able to fail.

def test_keys_in_the_wrong_hands_are_found(tmp_path):
    """End to end nobody in between reads; a gateway that got UE A's secrets would, and is then named."""
    run = collision.call(Task("none", "none", "active-passive", "refuse"), tmp_path)
    keys = dict(collision.keys_of(run.trace))
    assert sorted(keys) == ["UE A", "UE B"] and collision.judge(run.capture, keys).readers == ()
    keys[AGW_A] = keys["UE A"]
    assert collision.judge(run.capture, keys).readers == (AGW_A,)


def test_a_gateway_reads_with_its_own_keys_alone(tmp_path):
    """Of a TLS B2BUA each gateway has its own secrets, and without them it reads nothing."""
    run = collision.call(Task("home", "home", "active-passive", "b2bua"), tmp_path)
    keys = dict(collision.keys_of(run.trace))
    assert collision.judge(run.capture, keys).readers == (AGW_A, AGW_B)
    del keys[AGW_B]
    assert collision.judge(run.capture, keys).readers == (AGW_A,)


def test_a_network_that_does_otherwise_is_found(monkeypatch, tmp_path):
    """Edges that end TLS although they are to refuse what can't work: seen in the capture and in their memory."""
    from workbench.lab.collision import calls

    monkeypatch.setitem(calls._EDGES, "refuse", calls._EDGES["b2bua"])
    (found,) = differences([Task("home", "home", "active-passive", "refuse")], Memory(monkeypatch), tmp_path)
    assert found[1].readers == found[2] == (AGW_A, AGW_B)


def test_the_ticket_is_the_worked_one():
    """a=key-mgmt carries the exchange whose octets are stored as vectors, from which the key follows."""
    for said, name in ((ticket.TRANSFER_INIT, "transfer-init"), (ticket.TRANSFER_RESP, "transfer-resp")):
        octets = bytes.fromhex("".join((VECTORS / f"{name}.hex").read_text().split()))
        assert said.split()[0] == "mikey" and wire.decode_base64(said.split()[1]) == octets


def test_e2ae_has_no_key_of_the_ues(tmp_path):
    """It is refused before anything runs, and says why."""
    with pytest.raises(ScenarioError, match="certificates"):
        collision.call(Task("none", "none", "active-passive", "e2ae", key="psk"), tmp_path)


# The table as a value

def test_the_text_form_is_a_table():
    """A line for each pair of NATs, a column for each exchange, sums above, and what the packets say of each cell."""
    told = []
    (table,) = collision.tables(["refuse"], ["none", "home"], lambda done, of: told.append((done, of)))
    lines = str(table).splitlines()
    assert lines[1] == "8 of 16 calls work, 8 of them end to end; in 0 the middle reads"
    assert lines[4].split() == ["none", "none", *["end", "to", "end"] * 4]
    assert lines[7].split() == ["home", "home", *["refused"] * 4]
    assert told[-1] == (16, 16)
    cell = table.cell("home", "home", "active-passive")
    assert cell.why.startswith("488 Not Acceptable Here: 399 ") and "TCP-passive" in cell.why


def test_processes_share_the_calls():
    """Two processes make the same tables as one."""
    asked = (["blind"], ["home"])
    assert collision.tables(*asked, workers=2) == collision.tables(*asked)


def test_a_cell_can_be_made_again_and_opened(tmp_path):
    """One seed makes one call, frame for frame (only the randoms of TLS are others); a cell is there to be read."""
    task = Task("home", "home", "actpass-active", "merge", seed=7)
    first, second = (collision.call(task, tmp_path / name).report for name in ("first", "second"))
    assert [(one.time, one.frames) for one in first.messages] == [(one.time, one.frames) for one in second.messages]
    assert {finding.rule for finding in first.findings} >= {"setup-modified-on-e2e-tls", "tls-alert"}

"""`workbench agw` loses its Erlang controller while OpenSSL and socat talk through it, and the next one cleans up.

Media does not need a controller (H.248.1 §11.5: contexts stay). Who comes next audits, and subtracts what is no call's.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from interop.agw_stage import Bridge, bridge, exchanged, gateway, octets, started
from interop.children import Child, Children
from interop.megaco import Megaco
from interop.tls_ends import Identity, ended, openssl_client


def cleaned(controller: Megaco, made: list[Bridge], clients: list[Child]) -> None:
    """The next controller finds the contexts by an audit, and subtracts them; both ends of each hear of it in order."""
    left = {tuple(words) for words in controller.order("audit", "*", "*", "-")}
    assert left == {(end.context, end.name) for one in made for end in (one.access, one.core)}
    for context in sorted({context for context, _ in left}):
        controller.subtract(context)
    for one, client in zip(made, clients, strict=True):
        ended(one.behind)
        assert client.ended() == 0 and "eof" not in client.text.lower()
    ((*_, none),) = controller.order("audit", "*", "*", "-")
    assert none == "411"
    assert not controller.complaints


def talk(one: Bridge, client: Child, count: int) -> None:
    """More octets each way, behind what was said before."""
    said, answered = octets(count, count), octets(count, count + 1)
    heard, back = len(one.behind.output), len(client.output)
    client.write(said)
    one.behind.write(answered)
    assert one.behind.gives(heard + count)[heard:] == said
    assert client.gives(back + count)[back:] == answered


@pytest.mark.parametrize("coding", ["compact", "binary"])
def test_the_controller_is_killed_over_tcp(programs: Children, ebin: Path, ue: Identity, coding: str):
    """The connection breaks, calls go on; the gateway calls again, with ServiceChange Disconnected."""
    first, agw = started(programs, ebin, "tcp", coding)
    made = [bridge(programs, first, ue.fingerprint, port=port) for port in (7000, 7001)]
    clients = [openssl_client(programs, one.access.port, ue, "1.3") for one in made]
    for one, client in zip(made, clients, strict=True):
        exchanged(client, one.behind, 10_000, 10_000)
    first.child.kill()
    agw.says("the controller is lost")
    talk(made[0], clients[0], 20_000)
    second = Megaco(programs, ebin, "tcp", coding)
    assert second.heard("registered") == ["disconnected"]
    talk(made[1], clients[1], 30_000)
    cleaned(second, made, clients)


def test_the_controller_is_killed_over_udp(programs: Children, ebin: Path, ue: Identity):
    """Nobody answers the Notify of an inactivity timeout (it/ito); it is repeated until the next controller is there.

    Source: TS 29.334 §5.12 (supervision over UDP), H.248.14, H.248.1 Annex D.1.2.
    """
    first, _ = started(programs, ebin)
    made = [bridge(programs, first, ue.fingerprint)]
    clients = [openssl_client(programs, made[0].access.port, ue, "1.2")]
    assert first.order("idle", 100) == [["0", "root"]]
    exchanged(clients[0], made[0].behind, 10_000, 10_000)
    assert first.heard("notified") == ["0", "root", "it/ito"]
    first.child.kill()
    second = Megaco(programs, ebin)
    second.heard("connected")
    talk(made[0], clients[0], 20_000)
    cleaned(second, made, clients)


@pytest.mark.long
def test_nobody_answers_for_long(programs: Children, ebin: Path, ue: Identity):
    """A Notify is repeated until its time is over (H.248.1 Annex D.1.5): the controller is lost. Calls go on; whoever
    is there then is registered with (Disconnected), and finds the contexts.
    """
    first, agw = started(programs, ebin)
    made = [bridge(programs, first, ue.fingerprint)]
    clients = [openssl_client(programs, made[0].access.port, ue, "1.2")]
    first.order("idle", 100)
    exchanged(clients[0], made[0].behind, 10_000, 10_000)
    first.child.kill()
    agw.says("the controller is lost", patience=120)
    talk(made[0], clients[0], 1000)
    second = Megaco(programs, ebin)
    assert second.heard("registered") == ["disconnected"]
    cleaned(second, made, clients)


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_handed_off(programs: Children, ebin: Path, ue: Identity, transport: str):
    """The first controller hands the gateway off and is killed then; the second takes it over with its contexts."""
    first, _ = started(programs, ebin, transport)
    made = [bridge(programs, first, ue.fingerprint)]
    clients = [openssl_client(programs, made[0].access.port, ue, "1.3")]
    exchanged(clients[0], made[0].behind, 1000, 1000)
    second = Megaco(programs, ebin, transport, port=2960)
    assert first.order("handoff", programs.address, 2960) == [["0", "root"]]
    assert second.heard("registered") == ["handOff"]
    first.child.kill()
    talk(made[0], clients[0], 2000)
    cleaned(second, made, clients)


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_the_gateway_is_killed(programs: Children, ebin: Path, ue: Identity, transport: str):
    """Both ends hear of it at once; the new process registers with Restart, has no contexts, and serves again."""
    controller, agw = started(programs, ebin, transport)
    made = bridge(programs, controller, ue.fingerprint)
    client = openssl_client(programs, made.access.port, ue, "1.3")
    exchanged(client, made.behind, 10_000, 10_000)
    agw.kill()
    client.ended()
    made.behind.end_input()
    made.behind.ended()
    agw = gateway(programs, transport)
    agw.says("registered with the controller")
    controller.child.until(lambda: len(controller.methods()) > 1, "second registration")
    assert controller.methods() == ["restart", "restart"]
    ((*_, none),) = controller.order("audit", "*", "*", "-")
    assert none == "411"
    made = bridge(programs, controller, ue.fingerprint)
    exchanged(openssl_client(programs, made.access.port, ue, "1.3"), made.behind, 10_000, 10_000)

"""`workbench agw` as a process, under a controller of Erlang/OTP or under `workbench alg`, and what is made of it."""

from __future__ import annotations

import json
import random
import signal
import textwrap

import msgspec
from interop.children import Child, Children
from interop.megaco import End, Megaco, described
from interop.tls_ends import listener

CORE = 7000
BEHIND = "127.0.0.1"  # where a program's connection to any address of 127/8 comes from


ACCESS, OUTSIDE, UE, PEER = 5060, 5080, 5070, 5090
"""SIP: the IMS-ALG's own ports on both sides, and those of the ends."""


class Bridge(msgspec.Struct, frozen=True):
    """A context: the UE calls its access side, a plain socat waits behind its core side."""

    access: End
    core: End
    behind: Child


def gateway(programs: Children, transport: str = "udp", coding: str = "pretty", more: str = "") -> Child:
    """Our gateway. Its controller is at port 2950 of the same address."""
    here = programs.address
    return programs.workbench("agw", "agw", textwrap.dedent(f"""
        control = "{here}:2944"
        controller = "{here}:2950"
        transport = "{transport}"
        coding = "{coding}"
        realms = {{ "access.example.net" = "{here}", "core.example.net" = "{here}" }}
        {more}
    """))


def started(
    programs: Children, ebin: object, transport: str = "udp", coding: str = "pretty",
) -> tuple[Megaco, Child]:
    """Controller and gateway, the one registered with the other."""
    controller = Megaco(programs, ebin, transport, coding)
    agw = gateway(programs, transport, coding)
    agw.says("registered with the controller")
    return controller, agw


def bridge(
    programs: Children, controller: Megaco, fingerprint: str, *, proto: str = "TCP/TLS", port: int = CORE,
    watch: str = "",
) -> Bridge:
    """A context as the e2ae procedures make it: core first, then the access side with the UE's fingerprint."""
    behind = listener(programs, port)
    plain = proto.replace("/TLS", "")
    core = controller.add("$", "core", described("$", "$", plain, "active"),
                          described(programs.address, port, plain, "passive"), watch=watch)
    access = controller.add(
        core.context, "access", described("$", "$", proto, "passive", "a=fingerprint:SHA-256 $"),
        described(BEHIND, 9, proto, "active", f"a=fingerprint:{fingerprint}"), watch=watch)
    return Bridge(access, core, behind)


def octets(count: int, seed: int) -> bytes:
    """Any octets; the same for the same seed."""
    return random.Random(seed).randbytes(count)


def exchanged(one: Child, other: Child, up: int, down: int) -> None:
    """Both say so many octets at the same time, and each hears what the other said."""
    said, answered = octets(up, 1), octets(down, 2)
    one.write(said)
    other.write(answered)
    assert other.gives(up) == said
    assert one.gives(down) == answered


def edge(programs: Children, more: str = "") -> tuple[Child, Child]:
    """Our IMS-ALG and our IMS-AGW, the one registered with the other. Calls to home2.example go to the peer's port."""
    here = programs.address
    alg = programs.workbench("alg", "alg", textwrap.dedent(f"""
        control = "{here}:2950"
        gateway = "{here}:2944"
        access = "{here}:{ACCESS}"
        core = "{here}:{OUTSIDE}"
        routes = {{ "home2.example" = "{here}:{PEER}" }}
        {more}
    """))
    alg.says(f"at {here}:2950")
    agw = gateway(programs)
    agw.says("registered with the controller")
    return alg, agw


def holds(agw: Child, contexts: int) -> None:
    """Wait until the gateway has just so many contexts, by the figures that it writes when asked (SIGUSR1)."""
    def figures() -> list[bytes]:
        return [line for line in agw.output.splitlines() if b'"event":"Figures"' in line]

    def there() -> bool:
        before = len(figures())
        agw.signal(signal.SIGUSR1)
        agw.until(lambda: len(figures()) > before, "figures")
        return json.loads(figures()[-1])["contexts"] == contexts

    agw.polls(there, f"has {contexts} contexts")

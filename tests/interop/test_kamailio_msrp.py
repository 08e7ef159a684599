"""kamailio as MSRP far end behind the core side of `workbench agw`: its 200 OK to what came in over TLS."""

from __future__ import annotations

import random
import re
from pathlib import Path

import pytest
from interop.agw_stage import BEHIND, CORE, started
from interop.children import Children
from interop.kamailio import kamailio
from interop.megaco import End, Megaco, described
from interop.tls_ends import Identity, openssl_client

UE_PATH = "msrps://ue.example.net:2855/iau39soe2843z;tcp"


def bridge(programs: Children, controller: Megaco, fingerprint: str, *, aware: bool) -> tuple[End, str]:
    """UE over TLS, kamailio behind; the path that the UE sends to."""
    here, theirs = programs.address, f"msrp://{programs.address}:{CORE}/9di4eae923wzd;tcp"
    proto, plain = ("TCP/TLS/MSRP", "TCP/MSRP") if aware else ("TCP/TLS", "TCP")
    core = controller.add("$", "core", described("$", "$", plain, "active"), described(here, CORE, plain, "passive"))
    access = controller.add(
        core.context, "access", described("$", "$", proto, "passive", "a=fingerprint:SHA-256 $"),
        described(BEHIND, 9, proto, "active", f"a=fingerprint:{fingerprint}", *([f"a=path:{UE_PATH}"] * aware)))
    if not aware:
        return access, theirs
    controller.modify(core, f"a=path:msrp://{here}:{core.port}/kjhd37s2s20w2a;tcp",
                      described(here, CORE, plain, "passive", f"a=path:{theirs}"))
    ours = f"msrps://{here}:{access.port}/jshA7weztas;tcp"
    controller.modify(access, f"a=path:{ours}")
    return access, ours


def send(number: int, to: str, body: bytes) -> bytes:
    """A SEND request with a whole message (RFC 4975 §7.1)."""
    head = (f"MSRP t{number:05d}xyz SEND\r\nTo-Path: {to}\r\nFrom-Path: {UE_PATH}\r\nMessage-ID: {number}.ue\r\n"
            f"Byte-Range: 1-{len(body)}/{len(body)}\r\nContent-Type: application/octet-stream\r\n\r\n")
    return head.encode() + body + f"\r\n-------t{number:05d}xyz$\r\n".encode()


@pytest.mark.parametrize("version", ["1.2", "1.3"])
@pytest.mark.parametrize("aware", [False, True], ids=["agnostic", "aware"])
def test_kamailio_answers(programs: Children, ebin: Path, ue: Identity, aware: bool, version: str):
    """SEND through e2ae TLS, and kamailio's 200 back to the UE; an aware gateway puts each leg's own paths in.

    Source: RFC 4975 §7.1, §7.2; TS 23.334 §5.19.1 (agnostic), §5.19.4 (aware).
    """
    far = kamailio(programs)
    controller, _ = started(programs, ebin)
    access, to = bridge(programs, controller, ue.fingerprint, aware=aware)
    client = openssl_client(programs, access.port, ue, version)
    bodies = [b"Hi, I'm Alice!\r\n", b"", random.Random(7).randbytes(2000).replace(b"\0", b"+")]
    for number, body in enumerate(bodies):
        client.write(send(number, to, body))
        client.says(rf"^MSRP t{number:05d}xyz 200 OK")
        client.says(rf"^-------t{number:05d}xyz\$")
    assert set(re.findall(r"^To-Path: (\S+)", client.text, re.MULTILINE)) == {UE_PATH}
    assert set(re.findall(r"^From-Path: (\S+)", client.text, re.MULTILINE)) == {to}
    far.says("arrived <MSRP t00000xyz SEND")
    seen = {name: far.says(rf"^{name}: (\S+)")[1].strip() for name in ("To-Path", "From-Path")}
    if aware:
        assert seen["To-Path"] == f"msrp://{programs.address}:{CORE}/9di4eae923wzd;tcp"
        assert seen["From-Path"].endswith("/kjhd37s2s20w2a;tcp")
    else:
        assert seen == {"To-Path": to, "From-Path": UE_PATH}
    assert not controller.complaints

"""What OpenSSL can ask of a session that is up, or bring along from an earlier one: `workbench agw` keeps to its check.

The certificate is checked once, against the fingerprint that the controller gave for this context (RFC 8122 §6.2);
nothing that a peer does with TLS afterwards may stand in for that check.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from interop.agw_stage import bridge, started
from interop.children import Child, Children
from interop.tls_ends import Identity, ended, openssl_client
from programs import need


def talking_client(programs: Children, port: int, own: Identity, *words: object) -> Child:
    """OpenSSL as client that says what happens and takes commands: single letters at the beginning of a line."""
    return programs.start(
        need("openssl"), "s_client", "-connect", f"{programs.address}:{port}", "-cert", own.certificate,
        "-key", own.key, *words)


@pytest.mark.parametrize("command", ["k", "K"], ids=["KeyUpdate", "KeyUpdate requested"])
def test_keys_are_updated(programs: Children, ebin: Path, ue: Identity, command: str):
    """KeyUpdate of TLS 1.3 (RFC 8446 §4.6.3), an answer asked for or not: both ends read what is said afterwards."""
    controller, _ = started(programs, ebin)
    made = bridge(programs, controller, ue.fingerprint)
    client = talking_client(programs, made.access.port, ue, "-tls1_3")
    client.write(b"before\n")
    assert made.behind.gives(7) == b"before\n"
    for line in (command, "after"):
        client.write(line.encode() + b"\n")
        client.says("KEYUPDATE")
    assert made.behind.gives(13) == b"before\nafter\n"
    made.behind.write(b"the answer\n")
    client.says("^the answer$")
    assert not controller.complaints


def test_renegotiation_is_refused(programs: Children, ebin: Path, ue: Identity):
    """A new handshake of TLS 1.2 inside the session could bring another certificate: the gateway does not begin it."""
    controller, _ = started(programs, ebin)
    made = bridge(programs, controller, ue.fingerprint)
    client = talking_client(programs, made.access.port, ue, "-tls1_2")
    client.write(b"before\n")
    assert made.behind.gives(7) == b"before\n"
    client.write(b"R\n")
    client.says("RENEGOTIATING")
    client.says("no renegotiation|alert")
    assert client.ended() != 0
    ended(made.behind)
    assert made.behind.output == b"before\n"


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_an_earlier_session_proves_nothing(
        programs: Children, ebin: Path, ue: Identity, stranger: Identity, version: str):
    """A session of one context is offered in another, where another certificate is due: a new handshake, and 42."""
    controller, _ = started(programs, ebin)
    first = bridge(programs, controller, ue.fingerprint)
    kept = programs.folder / "session.pem"
    protocol = f"-tls{version.replace('.', '_')}"
    client = talking_client(programs, first.access.port, ue, protocol, "-sess_out", kept)
    client.write(b"before\n")
    assert first.behind.gives(7) == b"before\n"
    first.behind.write(b"heard\n")
    client.says("^heard$")
    client.write(b"Q\n")
    assert client.ended() == 0
    second = bridge(programs, controller, stranger.fingerprint, port=7001)
    assert kept.exists() is (version == "1.3"), "in TLS 1.2 there is no session to keep"
    offered = ("-sess_in", kept) if kept.exists() else ()
    again = talking_client(programs, second.access.port, ue, protocol, *offered)
    again.write(b"let me in\n")
    again.says("alert bad certificate.*alert number 42")
    again.ended()
    assert "Reused, TLS" not in again.text
    ended(second.behind)
    assert second.behind.output == b""


def test_the_ue_is_killed(programs: Children, ebin: Path, ue: Identity):
    """A UE that is gone without close_notify: what it said is at the core, both ends are over, and that is notified."""
    controller, _ = started(programs, ebin)
    made = bridge(programs, controller, ue.fingerprint)
    client = openssl_client(programs, made.access.port, ue, "1.3")
    client.write(b"the last words")
    assert made.behind.gives(14) == b"the last words"
    client.kill()
    made.behind.says("socket 2 .* is at EOF|Connection reset")
    assert controller.heard("notified")[:3] == [made.access.context, made.access.name, "g/cause"]
    controller.subtract(made.access.context)
    assert not controller.complaints

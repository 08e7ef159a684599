"""`workbench agw` as a process, a controller of Erlang/OTP before it, OpenSSL and GnuTLS at its access, socat behind.

Nothing of ours but the gateway: its H.248 is read and written by megaco, its TLS is spoken to by OpenSSL and GnuTLS.
In binary the items of the provisional packages tcpbcc and tlsbsc have no numbers: no signal makes the gateway a TLS
client there, and a failure is told by g/cause. The rest of e2ae needs neither.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from interop.agw_stage import BEHIND, bridge, exchanged, started
from interop.children import Children
from interop.megaco import End, Megaco, described
from interop.tls_ends import (
    CLIENTS,
    Identity,
    connector,
    ended,
    gnutls_echo,
    openssl_client,
    openssl_server,
    server_saw,
)

CODINGS = [(transport, coding) for transport in ("udp", "tcp") for coding in ("pretty", "compact", "binary")]
PEOPLE = [(program, version) for program in CLIENTS for version in ("1.2", "1.3")]
FAR = 7001


@pytest.mark.parametrize(("transport", "coding"), CODINGS)
def test_their_controller_makes_an_e2ae_bridge(
        programs: Children, ebin: Path, ue: Identity, transport: str, coding: str):
    """Added, audited, used in both directions and subtracted; the statistics count what OpenSSL and socat sent."""
    controller, _ = started(programs, ebin, transport, coding)
    made = bridge(programs, controller, ue.fingerprint)
    assert made.access.line("m=").endswith("_TCP/TLS_*") and made.access.port != made.core.port
    client = openssl_client(programs, made.access.port, ue, "1.3")
    exchanged(client, made.behind, 10_000, 9_000)
    ((_, named, *found),) = controller.order("audit", made.access.context, made.access.name, "media,stats")
    assert named == made.access.name
    assert f"local={made.access.described}" in found and "nt/or=10000" in found
    both = [[end.context, end.name] for end in (made.core, made.access)]
    assert controller.order("audit", made.access.context, "*", "-") == both
    assert controller.order("audit", "*", "*", "-") == both
    at_core = controller.subtract(made.core.context, made.core.name)
    at_access = controller.subtract(made.access.context, made.access.name)
    assert (at_core["nt/os"], at_core["nt/or"]) == (10_000, 9_000)
    assert (at_access["nt/or"], at_access["nt/os"]) == (10_000, 9_000)
    ended(made.behind)
    assert client.ended() == 0 and "eof" not in client.text.lower()
    ((*_, none),) = controller.order("audit", "*", "*", "-")
    assert none == "411", "no context is left"
    assert not controller.complaints


@pytest.mark.parametrize(("program", "version"), PEOPLE)
def test_five_megabytes_each_way(programs: Children, ebin: Path, ue: Identity, program: str, version: str):
    """Another implementation of TLS at the access side, both versions: every octet comes out at the other end.

    gnutls-cli writes what it hears octet by octet: a megabyte takes it three seconds, and it gets less.
    """
    controller, agw = started(programs, ebin)
    made = bridge(programs, controller, ue.fingerprint, proto="TCP/TLS")
    client = CLIENTS[program](programs, made.access.port, ue, version)
    exchanged(client, made.behind, 5_000_000, 5_000_000 if program == "openssl" else 300_000)
    agw.says(rf"TLS {version} is up as server")


@pytest.mark.parametrize("version", ["1.2", "1.3"])
@pytest.mark.parametrize("coding", ["pretty", "compact", "binary"])
def test_another_key_is_refused(
        programs: Children, ebin: Path, ue: Identity, stranger: Identity, coding: str, version: str):
    """A certificate that the controller's fingerprint is not of: bad_certificate (42), Notify, and nothing at the core.

    Source: TS 33.328 §7 and RFC 8122 §6.2 (the connection is terminated), RFC 8446 §6.2.
    """
    controller, _ = started(programs, ebin, coding=coding)
    made = bridge(programs, controller, ue.fingerprint)
    client = openssl_client(programs, made.access.port, stranger, version)
    client.write(b"let me in\n")
    client.says("alert bad certificate.*alert number 42")
    assert client.ended() == 1
    context, termination, event, *_ = controller.heard("notified")
    assert (context, termination) == (made.access.context, made.access.name)
    assert event == ("tlsbsc/bncchange" if coding != "binary" else "0x0001/0x0001")
    ended(made.behind)
    assert made.behind.output == b""
    controller.subtract(made.access.context)
    assert not controller.complaints


def test_an_established_session_is_told_where_asked_for(programs: Children, ebin: Path, ue: Identity):
    """Events with `Type=Est`: megaco reads the Notify of the TLS session that OpenSSL has set up."""
    controller, _ = started(programs, ebin)
    made = bridge(programs, controller, ue.fingerprint, watch="tls=Est")
    openssl_client(programs, made.access.port, ue, "1.3")
    assert controller.heard("notified")[1:] == [made.access.name, "tlsbsc/bncchange", "type=est"]


@pytest.mark.parametrize(("program", "version"), PEOPLE)
def test_the_ue_closes(programs: Children, ebin: Path, ue: Identity, program: str, version: str):
    """close_notify of the UE: what it said is at the core, both connections end, the controller hears of it."""
    controller, _ = started(programs, ebin)
    made = bridge(programs, controller, ue.fingerprint)
    client = CLIENTS[program](programs, made.access.port, ue, version)
    client.write(b"the last words")
    assert made.behind.gives(14) == b"the last words"
    client.end_input()
    ended(made.behind)
    assert client.ended() == 0
    assert controller.heard("notified")[:3] == [made.access.context, made.access.name, "g/cause"]
    controller.subtract(made.access.context)
    assert not controller.complaints


@pytest.mark.parametrize("program", CLIENTS)
def test_the_core_closes(programs: Children, ebin: Path, ue: Identity, program: str):
    """FIN of the core: the UE gets all of it, then close_notify, so that its TLS library finds nothing cut short."""
    controller, _ = started(programs, ebin)
    made = bridge(programs, controller, ue.fingerprint)
    client = CLIENTS[program](programs, made.access.port, ue, "1.3")
    exchanged(client, made.behind, 1000, 100_000)
    made.behind.end_input()
    assert client.ended() == 0
    assert not [word for word in ("eof", "premature", "not properly terminated") if word in client.text.lower()]
    assert made.behind.ended() == 0
    assert controller.heard("notified")[:3] == [made.core.context, made.core.name, "g/cause"]


# The gateway as TLS client

@pytest.mark.parametrize("side", ["access", "core"])
@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_the_gateway_calls_openssl(
        programs: Children, ebin: Path, ue: Identity, side: str, version: str):
    """A passive UE, or TLS on the core: the server demands a certificate and gets the one that was announced."""
    controller, _ = started(programs, ebin)
    server = openssl_server(programs, FAR, ue, version)
    secured, plain = _outgoing(programs, controller, side, ue.fingerprint, FAR)
    inside = connector(programs, plain.port)
    assert server.says("-+BEGIN CERTIFICATE-+")
    inside.write(b"a line for the server\n")
    server.says("^a line for the server$")
    server.write(b"a line of the server\n")
    assert inside.gives(21) == b"a line of the server\n"
    assert secured.line("a=fingerprint:") == f"SHA-256_{server_saw(server)}"
    inside.end_input()
    assert server.ended() == 0 and inside.ended() == 0
    assert not controller.complaints


def test_the_gateway_calls_gnutls(programs: Children, ebin: Path, ue: Identity):
    """gnutls-serv as passive UE: what socat sends from the core comes back."""
    controller, _ = started(programs, ebin)
    server, port = gnutls_echo(programs, ue)
    _, plain = _outgoing(programs, controller, "access", ue.fingerprint, port)
    inside = connector(programs, plain.port)
    inside.write(b"an echo\n" * 500)
    assert inside.gives(4000) == b"an echo\n" * 500
    inside.end_input()
    assert inside.ended() == 0
    assert not controller.complaints and "certificate" in server.text.lower()


def test_a_server_with_another_key(programs: Children, ebin: Path, ue: Identity, stranger: Identity):
    """The gateway as client refuses a server whose certificate is not the announced one, and says so to both."""
    controller, _ = started(programs, ebin)
    server = openssl_server(programs, FAR, stranger, "1.3")
    secured, plain = _outgoing(programs, controller, "access", ue.fingerprint, FAR)
    inside = connector(programs, plain.port)
    inside.write(b"not for strangers")
    server.says("alert bad certificate.*alert number 42")
    assert controller.heard("notified")[1:] == [secured.name, "tlsbsc/bncchange", "type=fail"]
    inside.says("socket 2 .* is at EOF|Connection reset")
    assert b"not for strangers" not in server.output


def _outgoing(programs: Children, controller: Megaco, side: str, fingerprint: str, port: int) -> tuple[End, End]:
    """The gateway opens TCP and TLS at `side`, once somebody calls the other side; both terminations."""
    other = "core" if side == "access" else "access"
    plain = controller.add("$", other, described("$", "$", "TCP", "passive"),
                           described(BEHIND, 9, "TCP", "active"))
    secured = controller.add(
        plain.context, side, described("$", "$", "TCP/TLS", "active", "a=fingerprint:SHA-256 $"),
        described(programs.address, port, "TCP/TLS", "passive", f"a=fingerprint:{fingerprint}"))
    assert controller.order("tls", secured.context, secured.name) == [[secured.context, secured.name]]
    return secured, plain

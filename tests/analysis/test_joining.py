"""Calls joined: what belongs together, held against what the octets of stored captures say."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from capturing import write
from crafted_signalling import NAMES, asks, described, reserved, responds

from workbench.analysis.analyzing import analyze
from workbench.analysis.calls.joined_values import (
    Fax,
    FaxPage,
    Floor,
    Holding,
    Joined,
    MsrpSession,
    NatSide,
    Owner,
    Passage,
)
from workbench.analysis.report import Report
from workbench.analysis.values import Place

CAPTURES = Path(__file__).parents[2] / "captures"


@cache
def report(name: str) -> Report:
    """A stored capture's."""
    return analyze(CAPTURES / f"{name}.pcapng")


def call(name: str) -> Joined:
    """The one call of a stored capture."""
    (found,) = (one for one in report(name).joined if one.session == "call-1")
    return found


def passage(wire: str, source: str, destination: str, frame: int, protocol: str = "") -> Passage:
    """`UE A 10.0.0.10 20370` is a place."""
    return Passage(wire, place(source), place(destination), frame, protocol)


def place(said: str) -> Place:
    node, address, port = said.rsplit(" ", 2)
    return Place(address, int(port), node)


def test_tcp_merged_between_two_nats() -> None:
    """tcp-merge-both-behind-nat: INVITE in frames 21, 22, 25, 30, 31; SYN in 57, 59, 62, 34, 37."""
    joined = call("tcp-merge-both-behind-nat")
    assert [(one.call_id, one.caller, one.callee, [(at.wire, at.frame) for at in one.passages])
            for one in joined.dialogs] == [
        ("OTWQT7r8zQSIBDyL5SwlumOQ", "UE A", "IMS-ALG A", [("UE A home", 21), ("UE A access", 22)]),
        ("OJbw8qVTOUEnwp7KjFSxnMkG", "IMS-ALG A", "IMS-ALG B", [("Core", 25)]),
        ("zUkaoY3X7TEvIDWab0xLfIYh", "IMS-ALG B", "UE B", [("UE B access", 30), ("UE B home", 31)])]
    near, core, far = joined.legs
    gateway = "IMS-AGW A 198.51.100.1 40002"
    assert near.passages == (passage("UE A home", "UE A 10.0.0.10 20370", gateway, 57, "TCP/MSRP"),
                             passage("UE A access", "NAT of UE A 203.0.113.10 20370", gateway, 59, "TCP/MSRP"))
    assert near.nats == (NatSide("NAT of UE A", "TCP", place("UE A 10.0.0.10 20370"),
                                 place("NAT of UE A 203.0.113.10 20370")),)
    assert near.owners == (Owner("IMS-AGW A", 1, "ip/1/access/2", (1,), "198.51.100.1:40002"),)
    assert core.passages == (passage("Core", "IMS-AGW A 192.0.2.129 40000", "IMS-AGW B 192.0.2.139 40002", 62,
                                     "TCP/MSRP"),)
    assert [(one.gateway, one.termination, one.local) for one in core.owners] == [
        ("IMS-AGW A", "ip/1/core/1", "192.0.2.129:40000"), ("IMS-AGW B", "ip/1/core/2", "192.0.2.139:40002")]
    assert [(one.frame, one.source.node) for one in far.passages] == [(34, "UE B"), (37, "NAT of UE B")]
    assert core.nats == () and [one.outside.address for one in far.nats] == ["203.0.113.20"]
    assert [leg.dialogs for leg in joined.legs] == [(one.call_id,) for one in joined.dialogs]
    paths = {"msrp://10.0.0.10:20370/Xu3ewPyLAlISmRUN;tcp", "msrp://10.9.0.10:25045/qtiztVDWjApV2JxK;tcp"}
    assert all(set(one.paths) == paths and one.told == (True, True) for leg in joined.legs for one in leg.msrp)


def test_msrp_secured_on_one_side() -> None:
    """e2ae-msrp-terminating: SYN in frames 20 and 23; the gateway is TCP and TLS client on the access side."""
    joined = call("e2ae-msrp-terminating")
    access, core = joined.legs
    assert (access.tcp_client, access.tls_client, access.tcp_server, access.tls_server) == (
        "IMS-AGW", "IMS-AGW", "UE B", "UE B")
    assert (core.tcp_client, core.tcp_server, core.tls_client) == ("Peer A", "IMS-AGW", "")
    assert [(one.frame, one.protocol) for leg in (core, access) for one in leg.passages] == [
        (20, "TCP/MSRP"), (23, "TCP/TLS/MSRP")]
    assert [(one.context, one.termination) for leg in joined.legs for one in leg.owners] == [
        (1, "ip/1/access/1"), (1, "ip/1/core/2")]
    paths = ("msrp://192.0.2.200:22937/a4SwXeISaPfcrCH8;tcp", "msrps://203.0.113.10:25045/qtiztVDWjApV2JxK;tcp")
    assert core.msrp == (MsrpSession(paths, (True, True), 25),)
    assert [one.paths for one in access.msrp] == [paths]
    assert joined.dialogs[0].ended == pytest.approx(30.0, abs=0.02)


def test_a_gateway_that_ends_msrp_has_paths_of_its_own() -> None:
    """msrp-aware-plain: each leg has a session of its own, with the gateway's path on it."""
    access, core = call("msrp-aware-plain").legs
    assert [set(one.paths) for one in access.msrp] == [
        {"msrp://203.0.113.10:20370/Xu3ewPyLAlISmRUN;tcp", "msrp://198.51.100.1:40002/RJX64VzCtGiYJFs2;tcp"}]
    assert [set(one.paths) for one in core.msrp] == [
        {"msrp://192.0.2.129:40000/6vgp8JBjuWJRq3LE;tcp", "msrp://192.0.2.200:21714/NfBJjILYatd6xgwl;tcp"}]


def test_a_floor_and_who_holds_it() -> None:
    """e2ae-bfcp-renegotiation: Granted in frames 41 and 65, Released in 47 and 71, all for user 234."""
    (floor,) = call("e2ae-bfcp-renegotiation").floors
    assert floor == Floor(4321, 543, "Core", (
        Holding(234, 1, pytest.approx(3.015), 41, pytest.approx(4.015), 47, "Released"),
        Holding(234, 2, pytest.approx(30.015), 65, pytest.approx(31.015), 71, "Released")))


def test_a_fax_in_dtls_on_one_side() -> None:
    """t38-dtls-originating: DTLS from frame 20 on, UDPTL in clear from 30 on, one page on both wires."""
    joined = call("t38-dtls-originating")
    access, core = joined.legs
    assert [(one.frame, one.protocol) for leg in joined.legs for one in leg.passages] == [
        (20, "UDP/DTLS/UDPTL"), (30, "UDP/UDPTL")]
    assert (access.tls_client, access.tls_server, core.tls_client) == ("UE A", "IMS-AGW", "")
    assert [one.termination for leg in joined.legs for one in leg.owners] == ["ip/1/access/2", "ip/1/core/1"]
    assert [(one.wire, one.source, one.destination, one.protected) for one in joined.faxes] == [
        ("UE A access", "UE A", "IMS-AGW", True), ("Core", "IMS-AGW", "Peer B", False)]
    assert all(isinstance(one, Fax) and [(page.number, page.octets, page.missing, page.ended) for page in one.pages]
               == [(1, 1536, 0, "EOP")] for one in joined.faxes)
    assert all(isinstance(page, FaxPage) and page.since is not None for one in joined.faxes for page in one.pages)


def test_json_has_it_all() -> None:
    """`joined` and `contexts` are plain values."""
    document: dict[str, Any] = json.loads(json.dumps(report("tcp-merge-both-behind-nat").to_json()))
    joined = next(one for one in document["joined"] if one["session"] == "call-1")
    assert joined["legs"][0]["nats"][0]["outside"] == {"address": "203.0.113.10", "port": 20370, "node": "NAT of UE A"}
    assert [one["gateway"] for one in document["contexts"]] == ["IMS-AGW A", "IMS-AGW B"]
    assert document["contexts"][0]["states"][0]["terminations"][0]["streams"][0]["mode"] == "Inactive"


def test_a_call_without_media_is_joined_too(tmp_path: Path) -> None:
    """Terminations with no connection: the leg names its context and its dialogs, and has no passage."""
    frames = [asks(0.0, "INVITE", described()), *reserved(at=0.1),
              responds(0.5, 200, sdp=described("198.51.100.1 40000"))]
    joined = next(one for one in analyze(write(tmp_path / "made.pcapng", frames, names=NAMES)).joined if one.legs)
    assert [(one.termination, one.context, one.local) for leg in joined.legs for one in leg.owners] == [
        ("ip/1/access/1", 7, "198.51.100.1:40000"), ("ip/1/core/1", 7, "192.0.2.129:40002")]
    assert [leg.passages for leg in joined.legs] == [(), ()]
    assert joined.legs[0].dialogs == ("c1",) and joined.dialogs[0].ended is None

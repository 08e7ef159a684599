"""A NAT by the kernel network's own Linux behaves as docs/networks.md says, and a capture of it shows that."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
from kernel_stage import Stage, needs_namespaces
from portions import one_in_three
from programs import need

from workbench.analysis.analyzing import analyze
from workbench.analysis.pcapng import Writer
from workbench.errors import ScenarioError
from workbench.lab.topology import Behind
from workbench.net.interface import Foot, Host, Plan, Translation, Wire
from workbench.net.values import (
    AcceptStream,
    BindDatagrams,
    DatagramReceived,
    Endpoint,
    Listen,
    OpenStream,
    SendDatagram,
    SendStream,
    Stream,
    StreamData,
    StreamOffered,
    StreamOpened,
)
from workbench.nodes.nat import Behaviour

INSIDE = {4: "10.0.0.10", 6: "fd00::10"}
NAT = {4: ("10.0.0.1", "192.0.2.9"), 6: ("fd00::1", "2001:db8::9")}
FAR = {4: "192.0.2.2", 6: "2001:db8::2"}


class Home(Stage):
    """A host behind a NAT of the kernel's, and another one outside."""

    def __init__(self, version: int = 4, *, random_ports: bool = False) -> None:
        need("nft", "nftables")
        self.inside, self.outside, self.far = INSIDE[version], NAT[version][1], FAR[version]
        super().__init__(Plan(
            (Host("ue", (Foot("home", self.inside, next_hop=NAT[version][0]),)), Host("far", (Foot("net", self.far),)),
             Host("nat", (Foot("home", NAT[version][0]), Foot("net", self.outside)),
                  Translation("home", "net", random_ports))), (Wire("home"), Wire("net"))))

    def call(self, port: int) -> Endpoint:
        """The host behind the NAT opens a stream from port 5000 to that port outside; where it comes from there."""
        there = Endpoint(self.far, port)
        stream = Stream(Endpoint(self.inside, 5000), there)
        self.do("far", Listen(there))
        self.do("ue", OpenStream(stream))
        offered = self.until(StreamOffered)
        assert isinstance(offered, StreamOffered)
        self.do("far", AcceptStream(offered.stream))
        self.until(StreamOpened, "ue")
        self.do("ue", SendStream(stream, b"hello"))
        assert self.until(StreamData) == StreamData(offered.stream, b"hello")
        return offered.stream.remote

    def capture(self, path: Path) -> Path:
        """What the wires have carried, as a file."""
        with Writer(path) as writer:
            wires = {name: writer.interface(name) for name in ("home", "net")}
            writer.names({self.inside: "UE", self.outside: "NAT", self.far: "far"})
            for time, wire, packet, comment in self.packets:
                writer.packet(wires[wire], round(time * 1e9), packet, comment)
        return path


@needs_namespaces
@pytest.mark.parametrize(("random_ports", "mapping", "version"), one_in_three(
    pytest.param(*kind, version) for kind in (
        (False, "endpoint-independent or address-dependent"), (True, "address-and-port-dependent"))
    for version in (4, 6)))
def test_the_analysis_recognises_it(version, random_ports, mapping, tmp_path):
    """The capture shows the mapping that was asked for, and that it filters by address and port."""
    with Home(version, random_ports=random_ports) as stage:
        outside = [stage.call(port) for port in (80, 81)]
        stage.do("far", OpenStream(Stream(Endpoint(stage.far, 82), outside[0])))
        stage.heard()
        assert {end.host for end in outside} == {stage.outside}
        assert (outside[0] == outside[1] == Endpoint(stage.outside, 5000)) is not random_ports
        shown = {one.behaviour: one.kind for one in analyze(stage.capture(tmp_path / "a.pcapng")).nats}
        assert shown == {"mapping": mapping, "filtering": "address-and-port-dependent"}


@needs_namespaces
def test_datagrams_find_their_way_back_and_others_none():
    """UDP, in fragments too: an answer comes in, what is unsolicited is dropped without an answer."""
    with Home() as stage:
        here, there = Endpoint(stage.inside, 5000), Endpoint(stage.far, 80)
        stage.do("far", BindDatagrams(there), BindDatagrams(Endpoint(stage.far, 81)))
        stage.do("ue", BindDatagrams(here), SendDatagram(here, there, bytes(4000)))
        seen = stage.until(DatagramReceived)
        assert seen == DatagramReceived(there, Endpoint(stage.outside, 5000), bytes(4000))
        stage.do("far", SendDatagram(there, seen.remote, b"answer"),
                 SendDatagram(Endpoint(stage.far, 81), seen.remote, b"intruder"))
        before = len(stage.packets)
        assert stage.heard() == [DatagramReceived(here, there, b"answer")]
        assert [wire for _, wire, _, _ in stage.packets[before:]] == ["home"]


def test_a_nat_that_linux_does_not_have_is_refused():
    """by="kernel" with another behaviour says what Linux does; the two ways that it has are taken."""
    home = partial(Behind, "NAT", wire="home", address="10.0.0.10", inside="10.0.0.1", by="kernel")
    dependent = Behaviour.ADDRESS_AND_PORT_DEPENDENT
    assert home().translation("net") == Translation("home", "net", random_ports=False)
    assert home(mapping=dependent, preserves_ports=False).translation("net") == Translation("home", "net", True)
    for other in ({"mapping": dependent}, {"filtering": Behaviour.ENDPOINT_INDEPENDENT}, {"hairpins": True},
                  {"overloads": True}, {"unsolicited": "reset"}, {"preserves_ports": False}):
        with pytest.raises(ScenarioError, match="Linux filters by address and port"):
            home(**other).translation("net")

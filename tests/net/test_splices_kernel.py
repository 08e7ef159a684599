"""Splice on the kernel network: splice(2) between a host's sockets in its namespace, over wires that lose packets."""

from __future__ import annotations

from kernel_stage import LIMIT, Stage, needs_namespaces

from workbench.net.interface import Foot, Host, Plan, Wire
from workbench.net.values import (
    AcceptStream,
    Command,
    Endpoint,
    EndStream,
    Listen,
    Meter,
    OpenStream,
    SendStream,
    Splice,
    Stream,
    StreamClosed,
    StreamData,
    StreamEnded,
    StreamFull,
    StreamOffered,
    StreamOpened,
    StreamWritable,
)

pytestmark = needs_namespaces

CLIENT, LEFT = Endpoint("10.1.0.1", 4000), Endpoint("10.1.0.2", 5000)
RIGHT, FAR = Endpoint("10.2.0.2", 6000), Endpoint("10.2.0.3", 7000)
PLAN = Plan((Host("client", (Foot("access", CLIENT.host),)),
             Host("node", (Foot("access", LEFT.host), Foot("core", RIGHT.host))),
             Host("far", (Foot("core", FAR.host),))),
            (Wire("access", delay=0.001, loss=0.02), Wire("core", delay=0.002, loss=0.02)))
A, B = Stream(LEFT, CLIENT), Stream(RIGHT, FAR)
OTHER = {A: B, B: A}


def test_octets_and_ends_pass_through_a_lossy_network():
    """Both peers send and end: every octet arrives, the node hears of ends only, and frames say who sent them."""
    sent, meter = bytes(range(256)) * 800, Meter()
    heard: dict[str, list[object]] = {"client": [], "node": [], "far": []}

    def answer(happened: object) -> list[Command]:
        match happened:
            case StreamOffered(stream) if stream == A:
                return [OpenStream(B)]
            case StreamOpened(stream) if stream == B:
                return [AcceptStream(A)]
            case StreamOpened(stream) if stream == A:
                return [Splice(A, B, meter)]
            case StreamEnded(stream) if stream in OTHER:
                return [EndStream(OTHER[stream])]
            case StreamOffered(stream):
                return [AcceptStream(stream)]
            case StreamOpened(stream):
                return [SendStream(stream, sent), EndStream(stream)]
        return []

    with Stage(PLAN) as stage:
        stage.do("node", Listen(LEFT))
        stage.do("far", Listen(FAR))
        stage.do("client", OpenStream(Stream(CLIENT, LEFT)))
        while (arrival := stage.network.wait(stage.network.now + LIMIT)) is not None:
            heard[arrival.node].append(arrival.happened)
            stage.do(arrival.node, *answer(arrival.happened))
        comments = {why for _, _, _, why in stage.packets}
    for host in ("client", "far"):
        assert b"".join(each.data for each in heard[host] if isinstance(each, StreamData)) == sent
    spliced = heard["node"][heard["node"].index(StreamOpened(A)):]
    assert not [each for each in spliced if isinstance(each, StreamData | StreamFull | StreamWritable)]
    assert {StreamClosed(A), StreamClosed(B)} <= set(heard["node"])
    assert meter.read() == (len(sent), len(sent))
    assert "spliced by the kernel" in comments

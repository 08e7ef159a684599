"""Orders with something replaced: the gateway answers with commands, raises nothing, and goes on."""

from __future__ import annotations

import pytest
from agw_stage import MG, MGC, plain_up
from gateway_stage import ROOT_AUDIT, Full
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from test_gateway_atomicity import MEDIA, OTHERS
from test_gateway_errors import ORDERS

from workbench.net.values import DatagramReceived

PARTS = [*MEDIA, *(one for kind in OTHERS.values() for one in kind)]
WHOLE = """
Context = 1 { Topology { T1, *, Oneway, Stream = 1, *, T1, OnewayBoth }, AuditValue = * { Audit { } } }
---
Context = * { ContextAudit { Topology, Emergency, Priority = 0, ANDLgc }, W-AuditValue = * { Audit { } } }
---
Context = 1 { AuditValue = T1 { Audit { Media {
    Stream = 1 { LocalControl { Mode, ipdc/realm }, Local {
v=
m=
a=setup
}, Statistics { nt/os } }, TerminationState { Buffer } },
  Events = 1 { g/cause }, Signals { SignalList = 2 { cg/dt } }, EventBuffer { g/cause }, DigitMap = a,
  Statistics { nt/os }, Packages { g-1 } } } }
---
Context = 1 { AuditCapability = T1 { Audit { Media { Stream = 1 { LocalControl { gm/saf }, Local {
v=
} } }, Events, Signals, Statistics, Packages, EventBuffer } } }
---
Context = 1 { Modify = T1 {
  Events = 7 { g/sc { KeepActive, Embed { Signals { cg/rt { Duration = 1, NotifyCompletion = { TimeOut } } },
    Events = 8 { g/cause { ResetEventsDescriptor } } } }, adid/ipstop { dt = 1 } },
  Signals { SignalList = 3 {
    cg/dt { SignalType = Brief, NotifyCompletion = { TimeOut } }, cg/bt { Duration = 2 } } } } }
---
Context = $ { Add = ip/1/access/$ { Media { Stream = 1 {
  LocalControl { ReservedGroup = ON, ipdc/realm = {"access.example.net", "x"}, gm/saf = ON, gm/sam = "10.0.0.0/8",
    gm/spf = ON, gm/spr = [1:9] }, Local {
v=0
c=IN IP4 $
m=message $ TCP *
a=setup:passive
v=0
c=IN IP4 $
m=message $ TCP/TLS *
a=fingerprint:SHA-256 $
}, Remote {
v=0
c=IN IP4 10.20.30.40
m=message 2855 TCP *
} } } } }
---
Context = $ { Move = T1, Move = ip/1/core/2 { Media { Stream = 1 { LocalControl { Mode = Inactive } } } } }
---
Context = - { ServiceChange = ROOT { Services { Method = Graceful, Reason = 905, Delay = 1 } } }
---
Context = 1 { ServiceChange = T1 { Services { Method = Forced, Reason = 905 } } }
"""
BODIES = [
    *ORDERS.values(), *(f"Context = 1 {{ Modify = ip/1/access/1 {{ {part} }} }}" for part in PARTS),
    *(one.strip() for one in WHOLE.replace("T1", "ip/1/access/1").split("---"))]
PIECES = [
    *'$*{}=,/ 0a"\n\\;[]-', "}}", "ALL", "ROOT", "Stream = 1", "65535", "99999", "v=0\n", "a=setup:active\n", "{ }",
    "Signals", "Events", "Audit { Media }", "KeepActive,", "\u00e9", "\x01", "\x02"]


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow],
          phases=(Phase.explicit, Phase.reuse, Phase.generate))
@given(st.sampled_from(BODIES), st.data())
def test_mutilated_orders(body, data):
    """Something of a good order is replaced by something else, twice; then time passes, and the order comes again."""
    stage = Full()
    plain_up(stage)
    stage.take()
    for _ in range(2):
        at = data.draw(st.integers(0, max(0, len(body) - 1)))
        body = body[:at] + data.draw(st.sampled_from(PIECES)) + body[at + data.draw(st.integers(0, 12)):]
    for number in (2_000, 2_001):
        octets = f"MEGACO/3 [192.0.2.10]:2944\nTransaction = {number} {{ {body} }}".encode()
        stage.sees(DatagramReceived(MG, MGC, octets)).take()
        for _ in range(4):
            stage.open = []
            wakeup = stage.node.next_wakeup()
            if wakeup is not None and wakeup < stage.now + 10.0:
                stage.later(max(0.0, wakeup - stage.now))
                stage.take()
    stage.tells("Transaction = 3000 { " + ROOT_AUDIT + " }")
    assert stage.take()


@pytest.mark.parametrize("body", BODIES)
def test_the_orders_themselves(body):
    """Unmutilated, each can be read: its errors are the gateway's, not the reader's."""
    stage = Full()
    plain_up(stage)
    stage.take()
    assert stage.orders(body).error is None

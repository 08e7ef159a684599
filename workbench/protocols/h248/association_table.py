"""What the gateway's end of a control association does when: states, stimuli, effects, and what it reports.

The table is the whole truth of the order of things; `association.Association` carries the effects out. In words:

    IDLE            not started
    WAITING         a pause: restart avalanche, or before the controllers are tried again
    CONNECTING      a connection to the controller is being opened (TCP; over UDP this takes no time)
    REGISTERING     ServiceChange on ROOT has left; requests get error 505
    REGISTERED      this controller is obeyed; requests of all others get error 504
    HANDING_OFF     ordered to another controller: registering there, obeying here until that succeeds
    LEAVING         Graceful was announced: the delay runs, the controller is still obeyed
    OUT_OF_SERVICE  Forced was announced; requests get error 503

Source: H.248.1 §7.2.8, §11.2 (cold start), §11.4 (failure of a gateway), §11.5 (failure of a controller, handoff).
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

import msgspec

from workbench.protocols.h248 import machine
from workbench.protocols.h248.machine import Address
from workbench.protocols.h248.message import ErrorDescriptor


class State(StrEnum):
    """Where the gateway stands with its controllers."""

    IDLE = "idle"
    WAITING = "waiting"
    CONNECTING = "connecting"
    REGISTERING = "registering"
    REGISTERED = "registered"
    HANDING_OFF = "handing off"
    LEAVING = "leaving"
    OUT_OF_SERVICE = "out of service"


class Stimulus(StrEnum):
    """What moves it."""

    START = "start"
    TIME = "the pause or delay is over"
    CONNECTED = "the connection stands"
    ACCEPTED = "ServiceChange was accepted"
    REDIRECTED = "ServiceChange was answered with MgcIdToTry"
    OLDER_VERSION = "the controller does not know the protocol version"
    REFUSED = "ServiceChange was refused"
    LOST = "no answer, or the connection broke"
    HAND_OFF = "the controller orders HandOff"
    RESTART = "the controller orders Restart"
    GRACEFUL = "the gateway is to leave after a delay"
    CANCEL = "the gateway is to stay after all"
    FORCED = "the gateway is to leave at once"


class Effect(StrEnum):
    """What is done on the way to the next state."""

    BEGIN = "wait up to the maximum waiting delay, then try the controllers in order"
    CONNECT = "open the connection to the next controller"
    REGISTER = "send ServiceChange"
    REGISTER_OLDER = "send ServiceChange with the version below"
    OBEY = "this controller is obeyed from now on"
    REDIRECT = "go to the controller that is named"
    NEXT = "turn to the next controller, after a pause if all were tried"
    RECOVER = "pause, then this controller again (Disconnected), then the others (Failover)"
    HAND_OFF = "go to the controller that is named (HandOff), keep obeying this one"
    RETURN = "register with the former controller again (Disconnected)"
    RESTART = "register again (Restart)"
    ANNOUNCE = "send ServiceChange Graceful with the delay"
    STAY = "send ServiceChange Restart with reason 918"
    LEAVE = "send ServiceChange Forced, out of service"
    END = "out of service without a word"


_S, _X, _E = State, Stimulus, Effect

TRANSITIONS: Mapping[tuple[State, Stimulus], tuple[State, Effect]] = {
    (_S.IDLE, _X.START): (_S.WAITING, _E.BEGIN),
    (_S.OUT_OF_SERVICE, _X.START): (_S.WAITING, _E.BEGIN),

    (_S.WAITING, _X.TIME): (_S.CONNECTING, _E.CONNECT),
    (_S.WAITING, _X.FORCED): (_S.OUT_OF_SERVICE, _E.END),

    (_S.CONNECTING, _X.CONNECTED): (_S.REGISTERING, _E.REGISTER),
    (_S.CONNECTING, _X.LOST): (_S.WAITING, _E.NEXT),
    (_S.CONNECTING, _X.FORCED): (_S.OUT_OF_SERVICE, _E.END),

    (_S.REGISTERING, _X.ACCEPTED): (_S.REGISTERED, _E.OBEY),
    (_S.REGISTERING, _X.REDIRECTED): (_S.CONNECTING, _E.REDIRECT),
    (_S.REGISTERING, _X.OLDER_VERSION): (_S.REGISTERING, _E.REGISTER_OLDER),
    (_S.REGISTERING, _X.REFUSED): (_S.WAITING, _E.NEXT),
    (_S.REGISTERING, _X.LOST): (_S.WAITING, _E.NEXT),
    (_S.REGISTERING, _X.FORCED): (_S.OUT_OF_SERVICE, _E.END),

    (_S.REGISTERED, _X.LOST): (_S.WAITING, _E.RECOVER),
    (_S.REGISTERED, _X.HAND_OFF): (_S.HANDING_OFF, _E.HAND_OFF),
    (_S.REGISTERED, _X.RESTART): (_S.REGISTERING, _E.RESTART),
    (_S.REGISTERED, _X.GRACEFUL): (_S.LEAVING, _E.ANNOUNCE),
    (_S.REGISTERED, _X.FORCED): (_S.OUT_OF_SERVICE, _E.LEAVE),

    (_S.HANDING_OFF, _X.CONNECTED): (_S.HANDING_OFF, _E.REGISTER),
    (_S.HANDING_OFF, _X.ACCEPTED): (_S.REGISTERED, _E.OBEY),
    (_S.HANDING_OFF, _X.REDIRECTED): (_S.HANDING_OFF, _E.REDIRECT),
    (_S.HANDING_OFF, _X.OLDER_VERSION): (_S.HANDING_OFF, _E.REGISTER_OLDER),
    (_S.HANDING_OFF, _X.REFUSED): (_S.CONNECTING, _E.RETURN),
    (_S.HANDING_OFF, _X.LOST): (_S.CONNECTING, _E.RETURN),
    (_S.HANDING_OFF, _X.FORCED): (_S.OUT_OF_SERVICE, _E.LEAVE),

    (_S.LEAVING, _X.TIME): (_S.OUT_OF_SERVICE, _E.LEAVE),
    (_S.LEAVING, _X.CANCEL): (_S.REGISTERED, _E.STAY),
    (_S.LEAVING, _X.FORCED): (_S.OUT_OF_SERVICE, _E.LEAVE),
    (_S.LEAVING, _X.RESTART): (_S.REGISTERING, _E.RESTART),
    (_S.LEAVING, _X.LOST): (_S.OUT_OF_SERVICE, _E.END),
}
"""State and stimulus to the next state and what is done. A pair that is missing: nothing happens."""


class Registered(msgspec.Struct, frozen=True):
    """The gateway is registered.

    Args:
        controller: with whom.
        method: by which the gateway came.
        version: of the protocol, agreed.
        profile: agreed, if any.
        time: the controller's time stamp, if it sent one.
    """

    controller: Address
    method: str
    version: int
    profile: str | None = None
    time: str | None = None


class RegistrationRefused(msgspec.Struct, frozen=True):
    """A controller does not take the gateway."""

    controller: Address
    error: ErrorDescriptor


class ControlLost(msgspec.Struct, frozen=True):
    """The controller does not answer, or its connection broke. Contexts stay.

    Requests without reply are given up over UDP; over a connection they wait for a new one to the same controller.
    """

    controller: Address
    why: str


class HandOffFailed(msgspec.Struct, frozen=True):
    """The controller that was to take over did not; the gateway goes back to the former one."""

    controller: Address
    why: str


class OutOfService(msgspec.Struct, frozen=True):
    """The gateway is out of service: its contexts are over."""

    why: str


class Connect(msgspec.Struct, frozen=True):
    """Open a connection to this controller; then `connected` or `disconnected`."""

    to: Address


class Disconnect(msgspec.Struct, frozen=True):
    """Close the connection to this controller; it is not used any more.

    Args:
        orderly: what was sent there is still to arrive; otherwise the connection is dead or of no use.
    """

    to: Address
    orderly: bool = False


Event = (
    machine.Event | Registered | RegistrationRefused | ControlLost | HandOffFailed | OutOfService | Connect | Disconnect
)

"""What a person asks of a node: the vocabulary of a scenario's script."""

from __future__ import annotations

from typing import Literal

import msgspec


class Register(msgspec.Struct, frozen=True):
    """Register with the network, media plane security included if the UE has it."""


class Call(msgspec.Struct, frozen=True):
    """Invite `to` (a SIP URI) to a media session. Waits until an earlier order is done."""

    to: str


class CallOut(msgspec.Struct, frozen=True):
    """Have a conference invite `to` (SIP URIs both): for an MRFC, which does so at once."""

    to: str
    conference: str


class SendText(msgspec.Struct, frozen=True):
    """Say something in the running session; done when the other end has reported it delivered.

    Args:
        waits: False is done once it is said, so that more can be asked for at the same moment.
    """

    text: str
    waits: bool = True


class HangUp(msgspec.Struct, frozen=True):
    """Release the call once `after_heard` messages of the other end have arrived."""

    after_heard: int = 0


class SendFile(msgspec.Struct, frozen=True):
    """Send a long message of `octets` octets; done when the other end has reported it delivered.

    Its content is pseudo-random, from the node's seeded source.

    Args:
        text: it is letters and digits in lines; otherwise any octets, and lines that look like end-lines of other MSRP
            transactions (RFC 4975 §7.1: none of them ends this message).
    """

    octets: int
    kind: str = "application/octet-stream"
    text: bool = False


class ReOffer(msgspec.Struct, frozen=True):
    """Make a new offer inside the running call: re-INVITE (RFC 3261 §14, RFC 3264 §8).

    `existing` writes the same port and path and a=connection:existing. `new` writes a new port, a new session-id in
    the path and a=connection:new. RFC 6135 §4.3 gives a=connection no meaning for MSRP, RFC 4145 §5 does, and 3GPP's
    examples write it: with path and port changed together both readings agree.

    Of a fax it is the DTLS association that is `existing` or `new`: `new` writes another a=tls-id, and the same port
    (RFC 8842 §5.5); what else is to be another one stands in `port` and `certificate`, whatever a=tls-id says.

    Args:
        connection: whether the connection in place goes on.
        setup: a=setup of this offer; None: the role in place (`existing`), or what the UE always offers (`new`).
        hold: a=sendonly: the other end is asked to send no content; a later ReOffer without it goes on.
        port: of a fax: another one.
        certificate: another one; over TCP that alone asks for a new connection, whatever a=connection says (R-S6-4).
        tls_id: the same with another a=tls-id, where TLS is named by one.
        sound: a second m= line, m=audio, is offered beside the stream.
    """

    connection: Literal["existing", "new"] = "existing"
    setup: str | None = None
    hold: bool = False
    port: bool = False
    certificate: bool = False
    tls_id: bool = False
    sound: bool = False


class AnswerAnew(msgspec.Struct, frozen=True):
    """Ask for a new DTLS association of the fax in the answer to the next new offer, by an a=tls-id that is new there.

    Args:
        port, certificate: another one, too.

    Source: RFC 8842 §5.3.
    """

    port: bool = False
    certificate: bool = False


class CloseMedia(msgspec.Struct, frozen=True):
    """End the session's connection without BYE.

    Args:
        how: `fin`: in order, close_notify and FIN; `reset`: RST; `cut`: FIN without close_notify, as an attacker would;
            `notify`: close_notify alone, and TCP stays until the other end closes it; `alert`: a fatal alert, and FIN.
    """

    how: Literal["fin", "reset", "cut", "notify", "alert"] = "fin"


class SpeakClear(msgspec.Struct, frozen=True):
    """Send octets in the clear into the session's connection, although TLS is up on it."""

    octets: bytes = b"this is no TLS record\r\n"


class ConnectAgain(msgspec.Struct, frozen=True):
    """Open one more connection to where the session's connection leads, from another port.

    The session has its connection, so whoever stands there is to refuse it.
    """


class Hello(msgspec.Struct, frozen=True):
    """Ask the floor control server what it understands; done when it has answered (RFC 8855 §12.4)."""


class WatchFloor(msgspec.Struct, frozen=True):
    """Ask to hear who holds a floor and who waits for it, now and from now on (RFC 8855 §12.1).

    Args:
        floor: None: the one that the SDP names.
    """

    floor: int | None = None


class RequestFloor(msgspec.Struct, frozen=True):
    """Ask for a floor; done when the server has answered, which is not yet to have it (RFC 8855 §10.1).

    Args:
        info: for the chair to read.
        once_held: wait first until somebody has it, which one hears of after WatchFloor.
    """

    info: str = ""
    floor: int | None = None
    once_held: bool = False


class ReleaseFloor(msgspec.Struct, frozen=True):
    """Give a floor back once we hold it (RFC 8855 §10.2).

    Args:
        withdraw: whether or not we hold it yet.
        once_wanted: wait first until somebody queues for it, which one hears of after WatchFloor.
    """

    floor: int | None = None
    withdraw: bool = False
    once_wanted: bool = False


class DecideFloor(msgspec.Struct, frozen=True):
    """As chair, decide on the first request for a floor that waits for it (RFC 8855 §11.1).

    `revoke` takes the floor from who holds it.
    """

    decision: Literal["grant", "deny", "revoke"] = "grant"
    floor: int | None = None


class SwitchToFax(msgspec.Struct, frozen=True):
    """Turn a call with sound into a fax: re-INVITE with m=image in the place of m=audio (T.38 annex D).

    Done when the fax session is agreed; refused, the call goes on with sound.

    Args:
        heard: packets of the other end's sound that come first: half a second, which is as long as one CNG tone.
    """

    heard: int = 25


class SendFax(msgspec.Struct, frozen=True):
    """Say what one terminal of a recorded fax call said; done when all of it has left.

    Args:
        fax: which recording; see `protocols.t38.recorded`.
        part: the terminal; None: `caller` for who has made the call, otherwise `called`.
        waits: False is done once it has begun, so that more can be asked for in the middle of the page.
    """

    fax: str = "one_page"
    part: Literal["caller", "called"] | None = None
    waits: bool = True


Order = (Register | Call | CallOut | SendText | SendFile | ReOffer | AnswerAnew | CloseMedia | SpeakClear | ConnectAgain
         | HangUp | Hello | WatchFloor | RequestFloor | ReleaseFloor | DecideFloor | SwitchToFax | SendFax)

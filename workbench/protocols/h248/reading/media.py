"""The Media descriptor: streams with their LocalControl, Local and Remote, and the state of the termination.

Source: H.248.1 Annex B.2 (mediaDescriptor to serviceStates), §7.1.4 to §7.1.8.
"""

from __future__ import annotations

import re

from workbench.errors import PeerError
from workbench.protocols.h248.message import (
    EventBufferControl,
    Form,
    LocalControl,
    Media,
    Mode,
    Property,
    ServiceState,
    Statistics,
    StreamDescriptor,
    TerminationState,
    named,
)
from workbench.protocols.h248.reading.grammar import (
    CLOSING,
    ON_OFF,
    Broken,
    Read,
    Unexpected,
    choice,
    expect,
    listed,
    packaged,
    property_or_name,
    set_choice,
    set_number,
    values,
)
from workbench.protocols.h248.tokens import TEXT, spellings, words
from workbench.protocols.sdp import Line, SessionDescription, decode_groups

_MEDIA = words(("Stream", "LocalControl", "TerminationState", "Statistics", "Local", "Remote"))
_MODES = spellings({mode.value: mode for mode in Mode})
_STATES = spellings({state.value: state for state in ServiceState})
_BUFFERS = spellings({control.value: control for control in EventBufferControl})

_ENDING = re.compile(r"[ \t]*(?:\r\n|\n|\r)")
_LINE = re.compile(r"([A-Za-z])=([^\r\n\0]*)([\r\n]+)")
_LINES = re.compile(r"(?:[A-Za-z]=[^\r\n\0]*+[\r\n]++)*")


class _Parts:
    """The parts of a stream that were found, each at most once."""

    __slots__ = ("local", "local_control", "remote", "statistics")

    def __init__(self) -> None:
        self.local_control: LocalControl | None = None
        self.local: tuple[SessionDescription, ...] | None = None
        self.remote: tuple[SessionDescription, ...] | None = None
        self.statistics: Statistics | None = None

    def stream(self, number: int) -> StreamDescriptor:
        """The stream they are of."""
        return StreamDescriptor(number, self.local_control, self.local, self.remote, self.statistics)


def media(t: list[str], i: int) -> Read[Media]:
    """`mediaDescriptor = MediaToken LBRKT mediaParm *(COMMA mediaParm) RBRKT`; in an audit values may be missing."""
    streams: list[StreamDescriptor] = []
    implicit: _Parts | None = None
    state: TerminationState | None = None
    i = expect(t, i, "{", "mediaDescriptor")
    while True:
        word = t[i]
        name = _MEDIA.get(word) or _MEDIA.get(word.lower())
        if name == "Stream":
            stream, i = _stream(t, i + 1)
            streams.append(stream)
        elif name == "TerminationState":
            if state is not None:
                raise Unexpected(i, "TerminationState only once", "mediaDescriptor")
            state, i = _termination_state(t, i + 1)
        else:
            if implicit is None:
                implicit = _Parts()
            i = _stream_parm(t, i, name, implicit)
        if t[i] != ",":
            break
        i += 1
    if implicit is not None:
        if streams:
            raise Unexpected(i, "Stream descriptors or their parts, not both", "mediaParm")
        streams.append(implicit.stream(1))
    return Media(tuple(streams), state, implicit is not None), expect(t, i, "}", "mediaDescriptor")


def _stream(t: list[str], i: int) -> Read[StreamDescriptor]:
    """`streamDescriptor = StreamToken EQUAL StreamID LBRKT streamParm *(COMMA streamParm) RBRKT`."""
    number, i = set_number(t, i, "StreamID", 0xFFFF)
    i = expect(t, i, "{", "streamDescriptor")
    found = _Parts()
    while True:
        word = t[i]
        i = _stream_parm(t, i, _MEDIA.get(word) or _MEDIA.get(word.lower()), found)
        if t[i] != ",":
            break
        i += 1
    return found.stream(number), expect(t, i, "}", "streamDescriptor")


def _stream_parm(t: list[str], i: int, name: str | None, found: _Parts) -> int:
    """`streamParm = (localDescriptor / remoteDescriptor / localControlDescriptor / statisticsDescriptor)`."""
    if name == "LocalControl":
        if found.local_control is not None:
            raise Unexpected(i, "local control only once", "at-most-once")
        found.local_control, i = _local_control(t, i + 1)
    elif t[i] == TEXT and t[i + 1][0] in "Ll":
        if found.local is not None:
            raise Unexpected(i, "local only once", "at-most-once")
        found.local = _description(t, i + 1)
        i += 2
    elif t[i] == TEXT and t[i + 1][0] in "Rr":
        if found.remote is not None:
            raise Unexpected(i, "remote only once", "at-most-once")
        found.remote = _description(t, i + 1)
        i += 2
    elif name == "Statistics":
        if found.statistics is not None:
            raise Unexpected(i, "statistics only once", "at-most-once")
        found.statistics, i = statistics(t, i + 1)
    elif name in ("Local", "Remote"):
        i = _named_alone(t, i, name, found)
    else:
        raise Unexpected(i, "Local, Remote, LocalControl, Stream or TerminationState", "mediaParm")
    return i


def _named_alone(t: list[str], i: int, name: str, found: _Parts) -> int:
    """`indAudlocalParm`: in an audit Local and Remote may stand without a body."""
    if (found.local if name == "Local" else found.remote) is not None:
        raise Unexpected(i, f"{name.lower()} only once", "at-most-once")
    if name == "Local":
        found.local = ()
    else:
        found.remote = ()
    return i + 1


def _description(t: list[str], i: int) -> tuple[SessionDescription, ...]:
    """The SDP in a Local or Remote descriptor; blanks around it are layout."""
    token = t[i]
    if token[-1] != "}" or token[-2] == "\\":
        raise Unexpected(i, '"}" behind the session description', "octetString")
    opening = token.index("{") + 1
    text = token[opening:-1]
    body = text.lstrip(" \t\r\n")
    if not body:
        return ()
    offset = opening + len(text) - len(body)
    lines = body.rstrip(" \t\r\n")
    ending = _ENDING.match(body, len(lines))
    body = lines + (ending[0] if ending else "\r\n" if "\r\n" in lines else "\n")
    octets = body.replace("\\}", "}").encode("latin-1")
    try:
        return decode_groups(octets)
    except PeerError as error:
        if _LINES.fullmatch(body) is None:
            raise Broken(i, offset, error) from None
        return _unread(octets)


def _unread(octets: bytes) -> tuple[SessionDescription, ...]:
    """Session descriptions that are lines of the right shape but break a rule of SDP, such as a bad m= line.

    They are kept as lines without media, so that whoever executes the command can refuse it alone, and not the whole
    message (error 449 or 474).
    """
    try:
        text, encoding = octets.decode("utf-8"), "utf-8"
    except UnicodeDecodeError:
        text, encoding = octets.decode("latin-1"), "latin-1"
    groups: list[list[Line]] = []
    for kind, value, ending in _LINE.findall(text):
        if kind == "v" or not groups:
            groups.append([])
        groups[-1].append(Line(kind, value, ending))
    return tuple([SessionDescription(tuple(lines), (), "", encoding) for lines in groups])


_LOCAL_CONTROL = words(("Mode", "ReservedValue", "ReservedGroup"))


def _local_control(t: list[str], i: int) -> Read[LocalControl]:
    """`localControlDescriptor = LocalControlToken LBRKT localParm *(COMMA localParm) RBRKT`."""
    mode: Mode | None = None
    reserved: dict[str, bool] = {}
    properties: list[Property] = []
    i = expect(t, i, "{", "localControlDescriptor")
    while True:
        word = t[i]
        name = _LOCAL_CONTROL.get(word) or _LOCAL_CONTROL.get(word.lower())
        if name is None:
            item, i = property_or_name(t, i)
            properties.append(item)
        elif t[i + 1] in CLOSING:  # only in an audit
            properties.append(named(name))
            i += 1
        elif t[i + 1] == "#":  # only in an audit
            unwanted, i = choice(t, i + 2, _MODES, "a stream mode", "streamMode")
            properties.append(Property(name, (unwanted.value,), Form.DIFFERENT))
        elif name == "Mode":
            if mode is not None:
                raise Unexpected(i, "Mode only once", "localControlDescriptor")
            mode, i = set_choice(t, i + 1, _MODES, "a stream mode", "streamMode")
        else:
            if name in reserved:
                raise Unexpected(i, f"{name} only once", "localControlDescriptor")
            reserved[name], i = set_choice(t, i + 1, ON_OFF, "ON or OFF", "localParm")
        if t[i] != ",":
            break
        i += 1
    control = LocalControl(mode, reserved.get("ReservedValue"), reserved.get("ReservedGroup"), tuple(properties))
    return control, expect(t, i, "}", "localControlDescriptor")


_STATE = words(("ServiceStates", "Buffer"))


def _termination_state(t: list[str], i: int) -> Read[TerminationState]:
    """`terminationStateDescriptor = TerminationStateToken LBRKT terminationStateParm *(COMMA ...) RBRKT`."""
    state: ServiceState | None = None
    buffer: EventBufferControl | None = None
    properties: list[Property] = []
    i = expect(t, i, "{", "terminationStateDescriptor")
    while True:
        name = _STATE.get(t[i].lower())
        if name is None:
            item, i = property_or_name(t, i)
            properties.append(item)
        elif t[i + 1] in CLOSING:  # only in an audit
            properties.append(named(name))
            i += 1
        elif t[i + 1] == "#":  # only in an audit
            unwanted, i = choice(t, i + 2, _STATES, "a service state", "serviceStatesValue")
            properties.append(Property(name, (unwanted.value,), Form.DIFFERENT))
        elif name == "ServiceStates":
            if state is not None:
                raise Unexpected(i, "ServiceStates only once", "terminationStateDescriptor")
            state, i = set_choice(t, i + 1, _STATES, "a service state", "serviceStates")
        else:
            if buffer is not None:
                raise Unexpected(i, "Buffer only once", "terminationStateDescriptor")
            buffer, i = set_choice(t, i + 1, _BUFFERS, "OFF or LockStep", "eventBufferControl")
        if t[i] != ",":
            break
        i += 1
    return TerminationState(state, buffer, tuple(properties)), expect(t, i, "}", "terminationStateDescriptor")


def _statistic(t: list[str], i: int) -> Read[Property]:
    """`statisticsParameter = pkgdName [EQUAL VALUE / EQUAL LSBRKT VALUE *(COMMA VALUE) RSBRKT]`."""
    name, i = packaged(t, i, "statisticsParameter")
    if t[i] != "=":
        return named(name), i
    return values(t, i, name)


def statistics(t: list[str], i: int) -> Read[Statistics]:
    """`statisticsDescriptor = StatsToken LBRKT statisticsParameter *(COMMA statisticsParameter) RBRKT`."""
    if t[i] != "{":
        return Statistics(), i
    items, i = listed(t, i, _statistic, "statisticsDescriptor")
    return Statistics(tuple(items)), i

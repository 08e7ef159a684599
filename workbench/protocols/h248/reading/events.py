"""Events, signals and digit maps: what a gateway is to watch for and to play, and what it saw.

Source: H.248.1 Annex B.2 (eventsDescriptor to digitMapValue), §7.1.9 to §7.1.11, §7.1.14, §7.1.17.
"""

from __future__ import annotations

import re

from workbench.protocols.h248.message import (
    ALL,
    Completion,
    DigitMap,
    Embed,
    Event,
    EventBuffer,
    Events,
    NotifyBehaviour,
    ObservedEvent,
    ObservedEvents,
    Property,
    Signal,
    SignalDirection,
    SignalList,
    Signals,
    SignalType,
    named,
)
from workbench.protocols.h248.reading.grammar import (
    CLOSING,
    RELATIONS,
    Read,
    Unexpected,
    choice,
    expect,
    listed,
    once,
    packaged,
    parameter,
    set_choice,
    set_number,
)
from workbench.protocols.h248.reading.grammar import word as any_word
from workbench.protocols.h248.tokens import BLANK, TEXT, spellings, words

_SIGNAL_TYPES = spellings({kind.value: kind for kind in SignalType})
_COMPLETIONS = spellings({reason.value: reason for reason in Completion})
_DIRECTIONS = spellings({direction.value: direction for direction in SignalDirection})
_BEHAVIOURS = spellings({behaviour.value: behaviour for behaviour in NotifyBehaviour})

# --- events ---------------------------------------------------------------------------------------------------------


def _request_id(t: list[str], i: int) -> Read[int]:
    """`EQUAL RequestID`, where `*` means all."""
    if t[i + 1] == "*" and t[i] == "=":
        return ALL, i + 2
    return set_number(t, i, "RequestID")


_STREAM = words(("Stream",))


def stream_parameter(t: list[str], i: int) -> Read[int]:
    """`eventStream = StreamToken EQUAL StreamID`."""
    if t[i].lower() not in _STREAM:
        raise Unexpected(i, "Stream", "eventStream")
    return set_number(t, i + 1, "StreamID", 0xFFFF)


def events(t: list[str], i: int) -> Read[Events]:
    """`eventsDescriptor = EventsToken [EQUAL RequestID LBRKT requestedEvent *(COMMA requestedEvent) RBRKT]`."""
    if t[i] == "{":  # only in an audit
        found, i = listed(t, i, _event, "indAudeventsDescriptor")
        return Events(None, tuple(found)), i
    if t[i] != "=":
        return Events(), i
    request_id, i = _request_id(t, i)
    found, i = listed(t, i, _event, "eventsDescriptor")
    return Events(request_id, tuple(found)), i


def _event(t: list[str], i: int) -> Read[Event]:
    """`requestedEvent = pkgdName [LBRKT eventParameter *(COMMA eventParameter) RBRKT]`."""
    name, i = packaged(t, i, "requestedEvent")
    return _event_body(t, i, name, False) if t[i] == "{" else (Event(name), i)


def _embedded_event(t: list[str], i: int) -> Read[Event]:
    """`secondRequestedEvent = pkgdName [LBRKT secondEventParameter *(COMMA secondEventParameter) RBRKT]`."""
    name, i = packaged(t, i, "secondRequestedEvent")
    return _event_body(t, i, name, True) if t[i] == "{" else (Event(name), i)


_EVENT = words(("KeepActive", "Stream", "Embed", "DigitMap", "ResetEventsDescriptor", *NotifyBehaviour))
_EVENT[TEXT] = "DigitMap"
_SET = ("Stream", "DigitMap")  # the ones that have a value


def _event_body(t: list[str], i: int, name: str, embedded: bool) -> Read[Event]:
    """`LBRKT eventParameter *(COMMA eventParameter) RBRKT`."""
    found: dict[str, object] = {}
    parameters: list[Property] = []
    while True:
        i += 1
        part = _EVENT.get(t[i]) or _EVENT.get(t[i].lower())
        if part is None or t[i + 1] in RELATIONS or (t[i + 1] == "=" and part not in _SET):
            item, i = parameter(t, i)  # perhaps called like a token that stands alone
            parameters.append(item)
        else:
            i = _event_part(t, i, part, found, embedded)
        if t[i] != ",":
            break
    event = Event(name, parameters=tuple(parameters), **found)  # type: ignore[arg-type]
    return event, expect(t, i, "}", "requestedEvent")


def _event_part(t: list[str], i: int, part: str, found: dict[str, object], embedded: bool) -> int:
    """`eventParameter = (eventStream / KeepActive / eventDM / embed / notifyBehaviour / ResetEvents)`, into `found`."""
    if part == "Stream":
        once(i, found, "stream")
        found["stream"], i = set_number(t, i + 1, "StreamID", 0xFFFF)
    elif part == "KeepActive":
        once(i, found, "keep_active")
        found["keep_active"], i = True, i + 1
    elif part == "DigitMap":
        once(i, found, "digit_map")
        found["digit_map"], i = digit_map_text(t, i + 1) if t[i] == TEXT else digit_map(t, i + 1)
    elif part == "Embed":
        once(i, found, "embed")
        found["embed"], i = _embed(t, i + 1, embedded)
    elif part == "ResetEventsDescriptor":
        once(i, found, "reset_events")
        found["reset_events"], i = True, i + 1
    else:
        once(i, found, "behaviour")
        found["behaviour"] = _BEHAVIOURS[part]
        i += 1
        if part == NotifyBehaviour.REGULATED and t[i] == "{":
            if t[i + 1].lower() not in _EVENT or _EVENT[t[i + 1].lower()] != "Embed":
                raise Unexpected(i + 1, "Embed", "notifyRegulated")
            found["regulated_embed"], i = _embed(t, i + 2, embedded)
            i = expect(t, i, "}", "notifyRegulated")
    return i


_SIGNALS = words(("Signals",))
_EVENTS = words(("Events",))


def _embed(t: list[str], i: int, embedded: bool) -> Read[Embed]:
    """`EmbedToken LBRKT (signals [COMMA events] / events) RBRKT`; inside an embedded event only signals."""
    i = expect(t, i, "{", "eventParameter")
    new_signals: Signals | None = None
    new_events: Events | None = None
    if t[i].lower() in _SIGNALS:
        new_signals, i = signals(t, i + 1)
        if t[i] == ",":
            i += 1
    if new_signals is None or t[i - 1] == ",":
        if embedded or t[i].lower() not in _EVENTS:
            what, production = ("Signals", "embedSig") if embedded else ("Signals or Events", "embedFirst")
            raise Unexpected(i, what, production)
        new_events, i = _first_events(t, i + 1)
    return Embed(new_signals, new_events), expect(t, i, "}", "eventParameter")


def _first_events(t: list[str], i: int) -> Read[Events]:
    """`embedFirst = EventsToken [EQUAL RequestID LBRKT secondRequestedEvent *(COMMA secondRequestedEvent) RBRKT]`."""
    if t[i] != "=":
        return Events(), i
    request_id, i = _request_id(t, i)
    found, i = listed(t, i, _embedded_event, "embedFirst")
    return Events(request_id, tuple(found)), i


# TimeStamp = Date "T" Time ; Date = 8(DIGIT) ; Time = 8(DIGIT)
TIME = re.compile(r"\d{8}T\d{8}", re.I)


def _observed_event(t: list[str], i: int) -> Read[ObservedEvent]:
    """`observedEvent = [TimeStamp LWSP COLON] pkgdName [LBRKT observedEventParameter *(COMMA ...) RBRKT]`."""
    time: str | None = None
    if t[i + 1] == ":":
        if not TIME.fullmatch(t[i]):
            raise Unexpected(i, "a time stamp such as 20260301T10153250", "TimeStamp")
        time = t[i].upper()
        i += 2
    name, i = packaged(t, i, "observedEvent")
    if t[i] != "{":
        return ObservedEvent(name, time), i
    stream: int | None = None
    parameters: list[Property] = []
    while True:
        i += 1
        if stream is None and t[i].lower() in _STREAM and t[i + 1] not in RELATIONS:
            stream, i = stream_parameter(t, i)
        elif t[i + 1] in CLOSING:  # only in the audit of an event buffer
            item, i = any_word(t, i, "a parameter", "eventParameterName")
            parameters.append(named(item))
        else:
            given, i = parameter(t, i)
            parameters.append(given)
        if t[i] != ",":
            break
    return ObservedEvent(name, time, stream, tuple(parameters)), expect(t, i, "}", "observedEvent")


def observed_events(t: list[str], i: int) -> Read[ObservedEvents]:
    """`observedEventsDescriptor = ObservedEventsToken EQUAL RequestID LBRKT observedEvent *(COMMA ...) RBRKT`."""
    request_id, i = _request_id(t, i)
    found, i = listed(t, i, _observed_event, "observedEventsDescriptor")
    return ObservedEvents(request_id, tuple(found)), i


def event_buffer(t: list[str], i: int) -> Read[EventBuffer]:
    """`eventBufferDescriptor = EventBufferToken [LBRKT eventSpec *(COMMA eventSpec) RBRKT]`."""
    if t[i] != "{":
        return EventBuffer(), i
    found, i = listed(t, i, _observed_event, "eventBufferDescriptor")
    return EventBuffer(tuple(found)), i


# --- signals --------------------------------------------------------------------------------------------------------


def signals(t: list[str], i: int) -> Read[Signals]:
    """`signalsDescriptor = SignalsToken [LBRKT [signalParm *(COMMA signalParm)] RBRKT]`."""
    if t[i] != "{":
        return Signals(), i
    if t[i + 1] == "}":
        return Signals(), i + 2
    items, i = listed(t, i, _signal_or_list, "signalsDescriptor")
    return Signals(tuple(items)), i


_SIGNAL_LIST = words(("SignalList",))


def _signal_or_list(t: list[str], i: int) -> Read[Signal | SignalList]:
    """`signalParm = signalList / signalRequest`; `signalList = SignalListToken EQUAL signalListId LBRKT ... RBRKT`."""
    if t[i].lower() not in _SIGNAL_LIST:
        return _signal(t, i)
    list_id, i = set_number(t, i + 1, "signalListId", 0xFFFF)
    if t[i] != "{":  # only in an audit
        return SignalList(list_id, ()), i
    found, i = listed(t, i, _signal, "signalList")
    return SignalList(list_id, tuple(found)), i


_SIGNAL = words(
    (
        "Stream",
        "SignalType",
        "Duration",
        "NotifyCompletion",
        "KeepActive",
        "SPADirection",
        "SPARequestID",
        "Intersignal",
    )
)
_SIGNAL_FIELDS = {
    "Stream": "stream",
    "SignalType": "type",
    "Duration": "duration",
    "NotifyCompletion": "notify_completion",
    "KeepActive": "keep_active",
    "SPADirection": "direction",
    "SPARequestID": "request_id",
    "Intersignal": "intersignal_delay",
}


def _signal(t: list[str], i: int) -> Read[Signal]:
    """`signalRequest = signalName [LBRKT sigParameter *(COMMA sigParameter) RBRKT]`."""
    name, i = packaged(t, i, "signalRequest")
    if t[i] != "{":
        return Signal(name), i
    found: dict[str, object] = {}
    parameters: list[Property] = []
    while True:
        i += 1
        part = _SIGNAL.get(t[i]) or _SIGNAL.get(t[i].lower())
        if part is None or t[i + 1] in RELATIONS or (part == "KeepActive" and t[i + 1] == "="):
            item, i = parameter(t, i)
            parameters.append(item)
        else:
            i = _signal_part(t, i, part, found)
        if t[i] != ",":
            break
    signal = Signal(name, parameters=tuple(parameters), **found)  # type: ignore[arg-type]
    return signal, expect(t, i, "}", "signalRequest")


def _signal_part(t: list[str], i: int, part: str, found: dict[str, object]) -> int:
    """`sigParameter`, those that are not `sigOther`, into `found` under the field's name."""
    field = _SIGNAL_FIELDS[part]
    once(i, found, field)
    if part == "KeepActive":
        found[field], i = True, i + 1
    elif part == "NotifyCompletion":
        why, i = listed(t, expect(t, i + 1, "=", "notifyCompletion"), _completion, "notifyCompletion")
        found[field] = tuple(why)
    elif part == "SignalType":
        found[field], i = set_choice(t, i + 1, _SIGNAL_TYPES, "OnOff, TimeOut or Brief", "signalType")
    elif part == "SPADirection":
        found[field], i = set_choice(t, i + 1, _DIRECTIONS, "Internal, External or Both", "direction")
    elif part == "SPARequestID":
        found[field], i = _request_id(t, i + 1)
    else:
        found[field], i = set_number(t, i + 1, "sigParameter", 0xFFFF)
    return i


def _completion(t: list[str], i: int) -> Read[Completion]:
    """`notificationReason = (TimeOutToken / InterruptByEventToken / InterruptByNewSignalsDescrToken / ...)`."""
    return choice(t, i, _COMPLETIONS, "a way a signal may end", "notificationReason")


# --- digit maps -----------------------------------------------------------------------------------------------------

_TIMER = re.compile(rf"{BLANK}([TSLZ])[ \t\r\n]*:[ \t\r\n]*(\d{{1,4}})[ \t\r\n]*,", re.I)
_TIMERS = {"T": "start_timer", "S": "short_timer", "L": "long_timer", "Z": "duration_timer"}
# digitMap = (digitString / LWSP "(" LWSP digitStringList LWSP ")" LWSP)
# What a digit string means is for whoever uses it; here it is printable ASCII and blanks.
_PATTERN = re.compile(r"[ -~\t\r\n]+")
_COMMENT = re.compile(r";[^\r\n]*")


def digit_map(t: list[str], i: int) -> Read[DigitMap]:
    """`digitMapDescriptor = DigitMapToken EQUAL digitMapName`."""
    name, i = any_word(t, expect(t, i, "=", "digitMapDescriptor"), "the name of a digit map", "digitMapName")
    return DigitMap(name), i


def digit_map_text(t: list[str], i: int) -> Read[DigitMap]:
    """`digitMapDescriptor = DigitMapToken EQUAL [digitMapName] LBRKT digitMapValue RBRKT`, all in one token."""
    head, _, body = t[i].partition("{")
    if head[:1] not in ("D", "d"):
        raise Unexpected(i, "DigitMap", "digitMapDescriptor")
    if body[-1:] != "}":
        raise Unexpected(i, '"}" behind the digit map', "digitMapValue")
    found: dict[str, int] = {}
    at = 0
    while timer := _TIMER.match(body, at):
        once(i, found, _TIMERS[timer[1].upper()])
        found[_TIMERS[timer[1].upper()]] = int(timer[2])
        at = timer.end()
    name = _COMMENT.sub("", head[head.index("=") + 1 :]).strip()
    pattern = _COMMENT.sub("", body[at:-1]).strip()
    if not _PATTERN.fullmatch(pattern):
        raise Unexpected(i, "digit strings", "digitMap")
    return DigitMap(name or None, pattern, **found), i + 1

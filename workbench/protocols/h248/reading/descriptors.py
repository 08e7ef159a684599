"""The other descriptors, and which of them may stand where.

Source: H.248.1 Annex B.2 (ammParameter, ammsReply, auditDescriptor, serviceChangeDescriptor, muxDescriptor, ...).
"""

from __future__ import annotations

import re
from collections.abc import Callable

from workbench.protocols.h248.message import (
    ROOT,
    Audit,
    AuditItem,
    Descriptor,
    ErrorDescriptor,
    EventBuffer,
    Events,
    Kind,
    Media,
    Method,
    Modem,
    Mux,
    Packages,
    PackageVersion,
    Property,
    Services,
    Signals,
    Statistics,
    Token,
)
from workbench.protocols.h248.reading.events import (
    TIME,
    digit_map,
    digit_map_text,
    event_buffer,
    events,
    observed_events,
    signals,
)
from workbench.protocols.h248.reading.grammar import (
    CLOSING,
    Read,
    Unexpected,
    choice,
    expect,
    listed,
    number,
    once,
    parameter,
    property_parm,
    set_number,
    unquoted,
    value,
)
from workbench.protocols.h248.reading.grammar import word as any_word
from workbench.protocols.h248.reading.media import media, statistics
from workbench.protocols.h248.tokens import MARKS, SAFE, TEXT, spellings, words

Reader = Callable[[list[str], int], Read[Descriptor]]
"""What reads a descriptor, keyword and all."""

ERROR = words(("Error",))


def termination(t: list[str], i: int) -> Read[str]:
    """`TerminationID = "ROOT" / pathNAME / "$" / "*"`."""
    name = t[i]
    if name in MARKS:
        raise Unexpected(i, "a termination", "TerminationID")
    return (ROOT if len(name) == 4 and name.upper() == ROOT else name), i + 1


def error(t: list[str], i: int) -> Read[ErrorDescriptor]:
    """`errorDescriptor = ErrorToken EQUAL ErrorCode LBRKT [quotedString] RBRKT`."""
    code, i = set_number(t, i, "errorDescriptor", 9999)
    i = expect(t, i, "{", "errorDescriptor")
    text: str | None = None
    if t[i] == TEXT and t[i + 1][0] == '"':
        text = unquoted(t, i + 1)
        i += 2
    return ErrorDescriptor(code, text), expect(t, i, "}", "errorDescriptor")


_MUX = words(("H221", "H223", "H226", "V76", "Nx64Kservice"))


def _mux(t: list[str], i: int) -> Read[Mux]:
    """`muxDescriptor = MuxToken EQUAL MuxType terminationIDList`."""
    i = expect(t, i, "=", "muxDescriptor")
    kind, i = any_word(t, i, "a multiplex type", "MuxType")
    terminations, i = listed(t, i, termination, "muxDescriptor")
    return Mux(_MUX.get(kind.lower(), kind), tuple(terminations)), i


def _modem(t: list[str], i: int) -> Read[Modem]:
    """`modemDescriptor = ModemToken ((EQUAL modemType) / (LSBRKT modemType *(COMMA modemType) RSBRKT))
    [LBRKT propertyParm *(COMMA propertyParm) RBRKT]`."""
    types: list[str] = []
    mark = t[i]
    if mark not in ("=", "["):
        raise Unexpected(i, '"=" or "["', "modemDescriptor")
    kind, i = any_word(t, i + 1, "a modem type", "modemType")
    types.append(kind)
    if mark == "[":
        while t[i] == ",":
            kind, i = any_word(t, i + 1, "a modem type", "modemType")
            types.append(kind)
        i = expect(t, i, "]", "modemDescriptor")
    if t[i] != "{":
        return Modem(tuple(types)), i
    properties: list[Property]
    properties, i = listed(t, i, property_parm, "modemDescriptor")
    return Modem(tuple(types), tuple(properties)), i


# packagesItem = NAME "-" UINT16
_PACKAGE = re.compile(rf"({SAFE}+)-([0-9]{{1,2}})")


def _package(t: list[str], i: int) -> Read[PackageVersion]:
    """`packagesItem = NAME "-" UINT16`."""
    found = _PACKAGE.fullmatch(t[i])
    if found is None:
        raise Unexpected(i, "a package and its version, such as ipnapt-1", "packagesItem")
    return PackageVersion(found[1], int(found[2])), i + 1


def _packages(t: list[str], i: int) -> Read[Packages]:
    """`packagesDescriptor = PackagesToken LBRKT packagesItem *(COMMA packagesItem) RBRKT`."""
    items, i = listed(t, i, _package, "packagesDescriptor")
    return Packages(tuple(items)), i


# --- audit ----------------------------------------------------------------------------------------------------------

_AUDIT_ITEMS = words(
    (
        "Media",
        "Modem",
        "Mux",
        "Events",
        "EventBuffer",
        "Signals",
        "DigitMap",
        "Statistics",
        "Packages",
        "ObservedEvents",
    )
)


def _audit(t: list[str], i: int) -> Read[Audit]:
    """`auditDescriptor = AuditToken LBRKT [auditItem *(COMMA auditItem)] RBRKT`."""
    if t[i] == "{" and t[i + 1] == "}":
        return Audit(), i + 2
    items, i = listed(t, i, _audit_item, "auditDescriptor")
    return Audit(tuple(items)), i


def _audit_item(t: list[str], i: int) -> Read[AuditItem]:
    """`auditItem = (MuxToken / ModemToken / ... / indAudterminationAudit)`."""
    if t[i] == TEXT:
        asked, i = digit_map_text(t, i + 1)
        return AuditItem("DigitMap", asked), i
    name, i = choice(t, i, _AUDIT_ITEMS, "the name of a descriptor", "auditItem")
    if t[i] in CLOSING:
        return AuditItem(name), i
    if name == "DigitMap":
        asked, i = digit_map(t, i)
        return AuditItem(name, asked), i
    reader = _INDIVIDUAL.get(name)
    if reader is None:
        raise Unexpected(i, '"," or "}"', "auditItem")
    only, i = reader(t, i)
    return AuditItem(name, only), i


_Individual = Media | Events | EventBuffer | Signals | Statistics | Packages
_INDIVIDUAL: dict[str, Callable[[list[str], int], Read[_Individual]]] = {
    "Media": media,
    "Events": events,
    "EventBuffer": event_buffer,
    "Signals": signals,
    "Statistics": statistics,
    "Packages": _packages,
}


# --- ServiceChange --------------------------------------------------------------------------------------------------

_METHODS = spellings({method.value: method for method in Method})
_SERVICES = words(
    (
        "Method",
        "Reason",
        "Delay",
        "ServiceChangeAddress",
        "MgcIdToTry",
        "Profile",
        "Version",
        "ServiceChangeInc",
    )
)
_EXTENSIONS = ("X-", "X+", "x-", "x+")


def _services(t: list[str], i: int) -> Read[Services]:
    """`serviceChangeDescriptor = ServicesToken LBRKT serviceChangeParm *(COMMA serviceChangeParm) RBRKT`."""
    found: dict[str, object] = {}
    extensions: list[Property] = []
    i = expect(t, i, "{", "serviceChangeDescriptor") - 1
    while True:
        i += 1
        word = t[i]
        name = _SERVICES.get(word) or _SERVICES.get(word.lower())
        if name is not None:
            i = _service(t, i, name, found)
        elif word[:2] in _EXTENSIONS:
            item, i = parameter(t, i)
            extensions.append(item)
        elif TIME.fullmatch(word):
            once(i, found, "time")
            found["time"] = word.upper()
            i += 1
        else:
            once(i, found, "audit")
            found["audit"], i = _audit_item(t, i)
        if t[i] != ",":
            break
    services = Services(extensions=tuple(extensions), **found)  # type: ignore[arg-type]
    return services, expect(t, i, "}", "serviceChangeDescriptor")


_SERVICE_FIELDS = {
    "Method": "method",
    "Reason": "reason",
    "Delay": "delay",
    "ServiceChangeAddress": "address",
    "MgcIdToTry": "mgc_id",
    "Profile": "profile",
    "Version": "version",
    "ServiceChangeInc": "incomplete",
}
_PROFILE = re.compile(r".+/[0-9]{1,2}")


def _service(t: list[str], i: int, name: str, found: dict[str, object]) -> int:
    """`serviceChangeParm`, those with a token of their own, into `found` under the field's name."""
    field = _SERVICE_FIELDS[name]
    once(i, found, field)
    if name == "ServiceChangeInc":
        found[field] = True
        return i + 1
    i = expect(t, i + 1, "=", "serviceChangeParm")
    if name == "Method":
        if t[i][:2] in _EXTENSIONS:
            found[field], i = t[i], i + 1
        else:
            found[field], i = choice(t, i, _METHODS, "a method such as Restart", "serviceChangeMethod")
    elif name == "Reason":
        found[field], i = value(t, i)
    elif name == "Delay":
        found[field], i = number(t, i, "serviceChangeDelay")
    elif name == "Version":
        found[field], i = number(t, i, "serviceChangeVersion", 99)
    elif name == "Profile":
        if t[i] in MARKS or not _PROFILE.fullmatch(t[i]):
            raise Unexpected(i, "a profile, such as name/1", "serviceChangeProfile")
        found[field], i = t[i], i + 1
    else:
        found[field], i = _mid(t, i)
    return i


# mId = (( domainAddress / domainName ) [":" portNumber]) / mtpAddress / deviceName
MID = (
    r"\[[0-9A-Fa-f.:]{2,45}\](?::\d{1,5})?|<[A-Za-z0-9.\-]{1,253}>(?::\d{1,5})?|"
    rf"MTP\{{[0-9A-Fa-f]{{2,8}}\}}|{SAFE}{{1,64}}"
)
_MID = re.compile(MID, re.I)


def _mid(t: list[str], i: int) -> Read[str]:
    """A message identifier, or for an address the port alone, put together from its tokens."""
    start = i
    closing = {"[": "]", "<": ">"}.get(t[i])
    if closing:
        while t[i] and t[i] != closing and i < start + 20:
            i += 1
        i += 1
        if t[i] == ":":
            i += 2
    elif t[i].upper() == "MTP" and t[i + 1] == "{":
        i += 4
    else:
        i += 1
    mid = "".join(t[start:i])
    if not _MID.fullmatch(mid):
        raise Unexpected(start, "a message identifier", "mId")
    return mid, i


# --- which descriptors may stand where ------------------------------------------------------------------------------

_DESCRIPTORS: dict[str, Reader] = {
    "Media": media,
    "Mux": _mux,
    "Modem": _modem,
    "Events": events,
    "EventBuffer": event_buffer,
    "Signals": signals,
    "DigitMap": digit_map,
    "Audit": _audit,
    "Statistics": statistics,
    "Packages": _packages,
    "ObservedEvents": observed_events,
    "Services": _services,
    "Error": error,
}
_AMM = ("Media", "Mux", "Modem", "Events", "EventBuffer", "Signals", "DigitMap", "Audit", "Statistics")
_RETURNED = (*_AMM[:-2], "Statistics", "Packages", "ObservedEvents", "Error")
_BARE = ("Media", "Mux", "Modem", "DigitMap", "Packages", "ObservedEvents")


def _descriptors(*names: str, bare: bool = False) -> Reader:
    """A reader for one of these descriptors; with `bare`, of the token alone as well."""
    table = spellings({name: _DESCRIPTORS[name] for name in names})
    alone = words(_BARE) if bare else {}
    expected = ", ".join(names)
    if "DigitMap" in names:
        table[TEXT] = digit_map_text

    def read(t: list[str], i: int) -> Read[Descriptor]:
        word = t[i]
        reader = table.get(word) or table.get(word.lower())
        if reader is None:
            raise Unexpected(i, f"one of {expected}", "descriptor")
        i += 1
        if bare and t[i] in CLOSING:
            name = alone.get(word) or alone.get(word.lower())
            if name is not None:
                return Token(name), i
        return reader(t, i)

    return read


_amm = _descriptors(*_AMM)
_audit_only = _descriptors("Audit")
_returned = _descriptors(*_RETURNED, bare=True)

IN_COMMAND: dict[Kind, Reader] = {
    Kind.ADD: _amm,
    Kind.MODIFY: _amm,
    Kind.MOVE: _amm,
    Kind.SUBTRACT: _audit_only,
    Kind.AUDIT_VALUE: _audit_only,
    Kind.AUDIT_CAPABILITY: _audit_only,
    Kind.NOTIFY: _descriptors("ObservedEvents", "Error"),
    Kind.SERVICE_CHANGE: _descriptors("Services"),
}
"""What reads the descriptors of a request."""
IN_REPLY: dict[Kind, Reader] = {
    Kind.ADD: _returned,
    Kind.MODIFY: _returned,
    Kind.MOVE: _returned,
    Kind.SUBTRACT: _returned,
    Kind.AUDIT_VALUE: _returned,
    Kind.AUDIT_CAPABILITY: _returned,
    Kind.NOTIFY: _descriptors("Error"),
    Kind.SERVICE_CHANGE: _descriptors("Services", "Error"),
}
"""What reads the descriptors of a reply."""

"""The words of the text encoding: the token table, and the pattern that cuts a message into tokens.

Source: H.248.1 Annex B.2 (the ABNF's token definitions and lexical rules).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple, TypeVar

TOKENS: Mapping[str, str] = {
    "MEGACO": "!",
    "Add": "A",
    "Modify": "MF",
    "Move": "MV",
    "Subtract": "S",
    "Notify": "N",
    "AuditValue": "AV",
    "AuditCapability": "AC",
    "ServiceChange": "SC",
    "Context": "C",
    "Transaction": "T",
    "Reply": "P",
    "Pending": "PN",
    "TransactionResponseAck": "K",
    "ImmAckRequired": "IA",
    "Error": "ER",
    "Authentication": "AU",
    "Segment": "SM",
    "END": "&",
    "Media": "M",
    "Stream": "ST",
    "Local": "L",
    "Remote": "R",
    "LocalControl": "O",
    "TerminationState": "TS",
    "ServiceStates": "SI",
    "Test": "TE",
    "OutOfService": "OS",
    "InService": "IV",
    "Buffer": "BF",
    "LockStep": "SP",
    "OFF": "OFF",
    "ON": "ON",
    "Mode": "MO",
    "SendOnly": "SO",
    "ReceiveOnly": "RC",
    "SendReceive": "SR",
    "Inactive": "IN",
    "Loopback": "LB",
    "ReservedValue": "RV",
    "ReservedGroup": "RG",
    "Events": "E",
    "EventBuffer": "EB",
    "ObservedEvents": "OE",
    "KeepActive": "KA",
    "Embed": "EM",
    "DigitMap": "DM",
    "Signals": "SG",
    "SignalList": "SL",
    "SignalType": "SY",
    "OnOff": "OO",
    "TimeOut": "TO",
    "Brief": "BR",
    "Duration": "DR",
    "NotifyCompletion": "NC",
    "IntByEvent": "IBE",
    "IntBySigDescr": "IBS",
    "OtherReason": "OR",
    "Iteration": "IR",
    "SPADirection": "SPADI",
    "SPARequestID": "SPARQ",
    "Intersignal": "SPAIS",
    "Internal": "IT",
    "External": "EX",
    "Both": "B",
    "ImmediateNotify": "NBIN",
    "RegulatedNotify": "NBRN",
    "NeverNotify": "NBNN",
    "ResetEventsDescriptor": "RSE",
    "Audit": "AT",
    "ContextAudit": "CA",
    "Statistics": "SA",
    "Packages": "PG",
    "Mux": "MX",
    "Modem": "MD",
    "H221": "H221",
    "H223": "H223",
    "H226": "H226",
    "V76": "V76",
    "Nx64Kservice": "N64",
    "Topology": "TP",
    "Bothway": "BW",
    "Isolate": "IS",
    "Oneway": "OW",
    "OnewayExternal": "OWE",
    "OnewayBoth": "OWB",
    "Priority": "PR",
    "Emergency": "EG",
    "EmergencyOff": "EGO",
    "EmergencyValue": "EGV",
    "IEPSCall": "IEPS",
    "ContextAttr": "CT",
    "ContextList": "CLT",
    "ANDLgc": "ANDLgc",
    "ORLgc": "ORLgc",
    "Services": "SV",
    "Method": "MT",
    "Reason": "RE",
    "Delay": "DL",
    "ServiceChangeAddress": "AD",
    "MgcIdToTry": "MG",
    "Profile": "PF",
    "Version": "V",
    "ServiceChangeInc": "SIC",
    "Restart": "RS",
    "Graceful": "GR",
    "Forced": "FO",
    "Disconnected": "DC",
    "HandOff": "HO",
    "Failover": "FL",
    "MTP": "MTP",
    "V18": "V18",
    "V22": "V22",
    "V22b": "V22b",
    "V32": "V32",
    "V32b": "V32b",
    "V34": "V34",
    "V90": "V90",
    "V91": "V91",
    "SynchISDN": "SN",
    "Discard": "DS",
}
"""Long form to short form. Which words are tokens depends on the place; elsewhere the same letters are a name."""

_V = TypeVar("_V")


def spellings(table: Mapping[str, _V]) -> dict[str, _V]:
    """A look-up for words as they arrive, from a table keyed by long forms.

    The usual spellings are there as they stand; `word.lower()` finds every other mix of upper and lower case.
    """
    found: dict[str, _V] = {}
    for long, value in table.items():
        for word in (long, TOKENS.get(long, long)):
            found[word] = found[word.lower()] = value
    return found


def words(names: Iterable[str]) -> dict[str, str]:
    """A look-up from any spelling of these tokens to their long form."""
    return spellings({name: name for name in names})


# SafeChar = DIGIT / ALPHA / "+" / "-" / "&" / "!" / "_" / "/" / "'" / "?" / "@" / "^" / "`" / "~" / "*" / "$" / "\" /
#            "(" / ")" / "%" / "|" / "."
SAFE = r"[A-Za-z0-9+\-&!_/'?@^`~*$\\()%|.]"

# LWSP = *( WSP / COMMENT / EOL ) ; COMMENT = ";" *( SafeChar / RestChar / WSP / %x22 ) EOL
BLANK = r"(?:[ \t\r\n]+|;[^\r\n]*)*+"

# quotedString = DQUOTE *( SafeChar / RestChar / WSP ) DQUOTE; octets above 127 are let through for texts in UTF-8.
QUOTED = r'"[^"\x00-\x08\x0a-\x1f\x7f]*"'

# localDescriptor = LocalToken LBRKT octetString RBRKT ; octetString = *(nonEscapeChar)
# nonEscapeChar = ( "\}" / %x01-7C / %x7E-FF )
# The body is one token, since its blanks and semicolons mean something. A body without end takes the rest of the
# message, so that a hostile run of openings costs one pass and no more. After "=" L and R are names (terminations).
BODY = rf"(?<!=)(?<!=[ \t\r\n])(?i:Local|L|Remote|R){BLANK}\{{[^}}]*(?:(?<=\\)\}}[^}}]*)*\}}?"

# digitMapDescriptor = DigitMapToken EQUAL
#                      ( ( LBRKT digitMapValue RBRKT ) / ( digitMapName [ LBRKT digitMapValue RBRKT ] ) )
MAP = rf"(?i:DigitMap|DM){BLANK}={BLANK}{SAFE}*{BLANK}\{{[^}}]*\}}?"

_TOKEN = re.compile(rf"{BLANK}({BODY}|{MAP}|{SAFE}++|[{{}}=,:<>#\[\]]|{QUOTED}|[\s\S]|\Z)")


class Token(NamedTuple):
    """One token: octets `start` to `end`."""

    start: int
    end: int
    text: str


def cut(text: str, start: int) -> list[str]:
    """The tokens from `start` on, and empty strings that mark the end, as many as a parser looks ahead."""
    found: list[str] = _TOKEN.findall(text, start)
    found += ("", "", "")
    return found


def scan(text: str, start: int) -> Iterator[Token]:
    """The same tokens with their places, without the mark at the end (blanks and comments lie between them)."""
    for found in _TOKEN.finditer(text, start):
        if found[1]:
            yield Token(*found.span(1), found[1])


def place(text: str, start: int, index: int) -> int:
    """Where the token with that index in `cut(text, start)` begins."""
    for number, found in enumerate(_TOKEN.finditer(text, start)):
        if number == index:
            return found.start(1)
    return len(text)

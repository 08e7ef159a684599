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
# Repeated groups are not possessive here: before Python 3.11.5 those match wrongly (CPython gh-106052). What is in them
# is possessive, so there is one way to match only.
BLANK = r"(?:[ \t\r\n]++|;[^\r\n]*+)*"
_BLANK = r"[ \t\r\n]*+"  # the same without comments

# quotedString = DQUOTE *( SafeChar / RestChar / WSP ) DQUOTE; octets above 127 are let through for texts in UTF-8.
QUOTED = r'"[^"\x00-\x08\x0a-\x1f\x7f]*"'


def _bodies(blank: str) -> str:
    r"""The pattern of what is one token although it has blanks and marks in it: session descriptions and digit maps.

    localDescriptor = LocalToken LBRKT octetString RBRKT ; octetString = *(nonEscapeChar)
    nonEscapeChar = ( "\}" / %x01-7C / %x7E-FF )
    digitMapDescriptor = DigitMapToken EQUAL
                         ( ( LBRKT digitMapValue RBRKT ) / ( digitMapName [ LBRKT digitMapValue RBRKT ] ) )

    A body without end takes the rest of the message, so that a hostile run of openings costs one pass and no more.
    """
    body = rf"(?:[Ll](?:(?i:ocal))?|[Rr](?:(?i:emote))?){blank}\{{[^}}]*+(?:(?<=\\)\}}[^}}]*+)*\}}?"
    digit_map = rf"[Dd](?:[Mm]|(?i:igitMap)){blank}={blank}{SAFE}*+{blank}\{{[^}}]*+\}}?"
    return rf"{body}|{digit_map}"


# Groups: a body, but behind "=" L, R and DM are names (of terminations); a word or a mark; a quoted string or an octet
# that the grammar has no place for. Each match begins where the one before ended.
_TOKEN = re.compile(
    rf"(?<!=){BLANK}({_bodies(BLANK)})|{BLANK}(?:({SAFE}++|[{{}}=,:<>#\[\]])|({QUOTED}|[\s\S])|\Z)"
)

# What a message without comments holds besides words, marks and blanks: quoted strings, and bodies with the mark in
# front of them. Each alternative begins with one character, so that the search leaps from one such to the next.
_PIECE = rf"{_BLANK}(?:{_bodies(_BLANK)})"
_PIECES = re.compile(rf"({QUOTED}|\{{{_PIECE}|,{_PIECE})")

TEXT = ";"
"""Stands in the list of tokens in front of one that is neither a word nor a mark: a quoted string, a session
description, a digit map, or an octet that the grammar has no place for."""

MARKS = frozenset(("", TEXT, *"{}=,:<>#[]"))
"""All tokens that are not words. (The empty one is the end of the message.)"""

_END = ("", "", "", "")


class Token(NamedTuple):
    """One token: octets `start` to `end`."""

    start: int
    end: int
    text: str


# Keywords of bodies, as they are usually written. Only how soon a message is read depends on this list.
_OPENING = frozenset(("L", "R", "DM", "Local", "Remote", "DigitMap", "l", "r", "dm", "local", "remote", "digitmap"))


def cut(text: str, start: int) -> list[str]:
    """The tokens from `start` on, each text behind a `TEXT`, and empty strings at the end: as many as one looks ahead.

    This is the quick way, for messages that are nothing but tokens and blanks. Where anything else stands (comments,
    octets that the grammar does not have) the exact way, `cut_exactly`, is taken. Both give the same tokens for a
    message that the grammar takes; whoever finds that it does not has to look at the exact ones.
    """
    plain = text[start:]
    if '"' not in plain and "v=" not in plain and TEXT not in plain and plain.isascii():
        words = _apart(plain)
        if words is not None and _OPENING.isdisjoint(words):
            words.extend(_END)
            return words
    pieces = _PIECES.split(plain)
    plain = " ; ".join(pieces[::2])
    if plain.count(TEXT) != len(pieces) // 2 or '"' in plain or not plain.isascii():
        return cut_exactly(text, start)
    words = _apart(plain)
    if words is None:
        return cut_exactly(text, start)
    found: list[str] = []
    at = 0
    for piece in pieces[1::2]:
        behind = at
        at = words.index(TEXT, behind) + 1
        found += words[behind : at - 1]
        found += [TEXT, piece] if piece[0] == '"' else [piece[0], TEXT, piece[1:].lstrip(" \t\r\n")]
    found += words[at:]
    found.extend(_END)
    return found


def _apart(plain: str) -> list[str] | None:
    """Words and marks of a text in ASCII without quotation marks and comments; None if it has control characters."""
    plain = plain.replace("\n", " ").replace("\r", " ").replace("\t", " ")
    if not plain.isprintable():
        return None
    # All that is left is SafeChar, marks and blanks.
    plain = plain.replace("{", " { ").replace("}", " } ").replace(",", " , ").replace("=", " = ").replace(":", " : ")
    if "[" in plain or "]" in plain:
        plain = plain.replace("[", " [ ").replace("]", " ] ")
    if "<" in plain or ">" in plain or "#" in plain:
        plain = plain.replace("<", " < ").replace(">", " > ").replace("#", " # ")
    return plain.split()


def cut_exactly(text: str, start: int) -> list[str]:
    """The tokens as `cut` gives them, of whatever there is."""
    found: list[str] = []
    for body, simple, other in _TOKEN.findall(text, start):
        if simple:
            found.append(simple)
        elif body or other:
            found.append(TEXT)
            found.append(body or other)
    found.extend(_END)
    return found


def scan(text: str, start: int) -> Iterator[Token]:
    """The tokens with their places; blanks and comments lie between them."""
    for found in _TOKEN.finditer(text, start):
        group = found.lastindex
        if group is not None:  # else it is the end
            yield Token(*found.span(group), found[group])


def place(text: str, start: int, index: int) -> int:
    """Where the token with that index in `cut_exactly(text, start)` begins."""
    number = -1
    for found in _TOKEN.finditer(text, start):
        group = found.lastindex
        number += 1 if group == _SIMPLE else 2
        if group is not None and number >= index:
            return found.start(group)
    return len(text)


_SIMPLE = 2  # the group of words and marks

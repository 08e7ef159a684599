"""What a person tells a UE in one line of text, typed or in a script.

    register             call sip:bob@home2.example      text Hello.       file 100000
    hello                watch                floor [WORDS for the chair]          release
    grant, deny, revoke (the chair's)
    fax [one_page, one_page_v29 or one_line]          switch (a call with sound turns into a fax)
    hold, resume         hangup [after so many messages have been heard]   quit
"""

from __future__ import annotations

import re
from collections.abc import Callable

import msgspec

from workbench.errors import SettingsError
from workbench.nodes.orders import (
    Call,
    DecideFloor,
    HangUp,
    Hello,
    Order,
    Register,
    ReleaseFloor,
    ReOffer,
    RequestFloor,
    SendFax,
    SendFile,
    SendText,
    SwitchToFax,
    WatchFloor,
)
from workbench.protocols.t38 import recorded

WORDS = ("register, call URI, text, file, hold, resume, hangup, quit, hello, watch, floor, release, grant, deny, "
         "revoke, fax, switch")
_MOST_TEXT = 65_536
_MOST_FILE = 4 << 20
_MOST_INFO = 253
_ALONE = ("register", "hold", "resume", "quit", "hello", "watch", "release", "grant", "deny", "revoke", "switch")
_LONGEST = 86_400.0
_URI = re.compile(r"sips?:[^\s@<>\"]{1,255}@[\w.\[\]:-]{1,255}")


class Quit(msgspec.Struct, frozen=True):
    """End the process once what was said before is done."""


class Spoken(msgspec.Struct, frozen=True):
    """A line of a script: what is said `time` seconds after the start."""

    time: float
    order: Order | Quit


def read_line(line: str) -> Spoken:
    """A script's line: seconds and a command. Raises SettingsError."""
    seconds, _, command = line.strip().partition(" ")
    try:
        time = float(seconds)
    except ValueError:
        raise SettingsError(f"{_short(line)} does not begin with seconds, as in '1.5 hangup'") from None
    if not 0 <= time <= _LONGEST:
        raise SettingsError(f"{_short(line)}: seconds from 0 to {_LONGEST:g}")
    return Spoken(time, read_order(command))


def read_order(line: str, wrong: Callable[[str], SettingsError] = SettingsError) -> Order | Quit:
    """A command. Raises what `wrong` makes of the reason that it is none."""
    word, _, rest = line.strip().partition(" ")
    rest = rest.strip()
    match word.lower():
        case alone if alone in _ALONE and rest:
            raise wrong(f"nothing goes behind '{alone}'")
        case "register":
            return Register()
        case "call":
            if _URI.fullmatch(rest) is None:
                raise wrong(f"{_short(rest)} is not a SIP URI such as sip:bob@home2.example")
            return Call(rest)
        case "text":
            if not 0 < len(rest) <= _MOST_TEXT:
                raise wrong(f"'text' is followed by what to say, {_MOST_TEXT} characters at most")
            return SendText(rest)
        case "file":
            return SendFile(_number(rest, _MOST_FILE, "how many octets it has", wrong))
        case "hold":
            return ReOffer(hold=True)
        case "resume":
            return ReOffer()
        case "hangup":
            return HangUp(_number(rest, 1_000_000, "how many messages are heard first", wrong) if rest else 0)
        case "quit":
            return Quit()
        case "hello":
            return Hello()
        case "watch":
            return WatchFloor()
        case "floor":
            return RequestFloor(rest[:_MOST_INFO])
        case "release":
            return ReleaseFloor()
        case "grant" | "deny" | "revoke" as decision:
            return DecideFloor(decision)
        case "switch":
            return SwitchToFax()
        case "fax":
            if rest and rest not in recorded.NAMES:
                raise wrong(f"no recorded fax {_short(rest)}; there are {', '.join(recorded.NAMES)}")
            return SendFax(rest) if rest else SendFax()
    raise wrong(f"{_short(line)} is no command; there are {WORDS}")


def _number(text: str, most: int, what: str, wrong: Callable[[str], SettingsError]) -> int:
    if re.fullmatch(r"[0-9]{1,9}", text) is None or not 0 < int(text) <= most:
        raise wrong(f"{_short(text)} does not say {what}: 1 to {most}")
    return int(text)


def _short(text: str) -> str:
    shown = repr(text.strip()[:200])
    return shown if len(shown) <= 48 else f"{shown[:44]}...{shown[0]}"

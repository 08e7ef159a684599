"""Where each part of a message lies, for whoever explains octets: here in text encoding, else in `binary.layout`.

The tokens of the codec's own scanner are named by where they stand. A block (what a pair of braces encloses, with the
words in front of it) is one span with its parts as children, so that a view can fold it:

    h248.header              h248.group.transaction > .action > .command > .descriptor > .item

Names of leaves: `h248.token.<long form>`, `h248.mode.<mode>`, `h248.property.<package/item>`, likewise `event`,
`signal` and `statistic`, `h248.parameter.<name>`, `h248.value`, `h248.termination`, `h248.context`, ids and marks.
An item whose name on the wire is provisional is named by its role in the registry: `h248.event.tcp-change`.

Source: H.248.1 Annex B.2.
"""

from __future__ import annotations

import re
from itertools import takewhile

from workbench.errors import PeerError
from workbench.protocols.h248.binary import layout as binary_layout
from workbench.protocols.h248.codes import REASONS, error_meaning
from workbench.protocols.h248.coding import coding_of
from workbench.protocols.h248.message import Mode
from workbench.protocols.h248.packages import Parameter, registry
from workbench.protocols.h248.reading import AUTHENTICATION, MID, decode
from workbench.protocols.h248.tokens import BLANK, TOKENS, Token, scan, spellings
from workbench.protocols.layout import Span

_HEADER = re.compile(
    rf"({BLANK})(?:({AUTHENTICATION})({BLANK}))?(MEGACO|!)(/)(\d{{1,2}})({BLANK})({MID})(?=[ \t\r\n;]|\Z)", re.I
)
_HEADER_NAMES = {
    1: "h248.blank",
    2: "h248.header.authentication",
    6: "h248.blank",
    7: "h248.header.protocol",
    8: "h248.header.slash",
    9: "h248.header.version",
    10: "h248.blank",
    11: "h248.header.mid",
}
_WORDS = spellings({long: long for long in TOKENS})
_WORDS["emergencyofftoken"] = "EmergencyOff"
_COMMANDS = ("Add", "Modify", "Move", "Subtract", "AuditValue", "AuditCapability", "Notify", "ServiceChange")
_PREFIXED = re.compile(r"((?:O-)?(?:W-)?)(.+)", re.I)
_SPACE = re.compile(r"[ \t\r\n]+|;[^\r\n]*")
_BODY = re.compile(rf"(\w+)({BLANK})(\{{)")
_MAP = re.compile(rf"(\w+)({BLANK})(=)({BLANK})([^ \t\r\n{{]*)({BLANK})(\{{)")
_MAP_NAMES = ("token.DigitMap", "blank", "equals", "blank", "digit_map", "blank", "brace")
_TIME = re.compile(r"\d{8}T\d{8}", re.I)
_TITLES = ("h248.token.", "h248.event.", "h248.signal.", "h248.property.", "h248.statistic.")
_MARKS = {
    "{": "h248.brace",
    "}": "h248.brace",
    ",": "h248.comma",
    "=": "h248.equals",
    ":": "h248.colon",
    "[": "h248.bracket",
    "]": "h248.bracket",
    "<": "h248.relation",
    ">": "h248.relation",
    "#": "h248.relation",
}
_CONTEXTS = {"-": "NULL, the null context", "$": "CHOOSE, the gateway makes one", "*": "ALL, every context"}

# What an item of a block is when its word is no token there: block to kind of name.
_ITEMS = {
    "LocalControl": "property",
    "TerminationState": "property",
    "ContextAttr": "property",
    "ContextAudit": "property",
    "Modem": "property",
    "Events": "event",
    "ObservedEvents": "event",
    "EventBuffer": "event",
    "Signals": "signal",
    "SignalList": "signal",
    "Statistics": "statistic",
}
# Tokens inside an event or signal.
_IN_ITEMS = (
    "Stream",
    "KeepActive",
    "Embed",
    "DigitMap",
    "ResetEventsDescriptor",
    "ImmediateNotify",
    "RegulatedNotify",
    "NeverNotify",
    "SignalType",
    "Duration",
    "NotifyCompletion",
    "SPADirection",
    "SPARequestID",
    "Intersignal",
)
# What stands behind "=" of a token.
_NUMBERS = {
    "Transaction": "h248.transaction_id",
    "Reply": "h248.transaction_id",
    "Pending": "h248.transaction_id",
    "Segment": "h248.transaction_id",
    "Context": "h248.context",
    "Stream": "h248.stream_id",
    "Events": "h248.request_id",
    "ObservedEvents": "h248.request_id",
    "SPARequestID": "h248.request_id",
    "Error": "h248.error.code",
    "Priority": "h248.priority",
    "Duration": "h248.duration",
    "Intersignal": "h248.duration",
    "SignalList": "h248.signal_list_id",
    "Delay": "h248.delay",
    "Version": "h248.version",
    "Profile": "h248.profile",
    "Reason": "h248.reason",
    "ServiceChangeAddress": "h248.address",
    "MgcIdToTry": "h248.address",
    "DigitMap": "h248.digit_map",
}
# Blocks whose unknown words are simply values of one kind.
_PLAIN = {
    "TransactionResponseAck": "h248.transaction_id",
    "Packages": "h248.package",
    "Error": "h248.error.text",
    "ContextList": "h248.context",
    "Topology": "h248.termination",
    "Mux": "h248.termination",
    "Context": "h248.termination",
}


def spans(octets: bytes) -> tuple[Span, ...]:
    """Every octet of a message, in order; never raises.

    What does not decode is one span `h248.undecoded` from the first token that does not fit to the end.
    """
    octets = bytes(octets)
    if coding_of(octets) == "binary":
        return binary_layout.spans(octets)
    text = octets.decode("latin-1")
    limit = len(text)
    try:
        decode(octets, max_octets=max(len(octets), 1))
    except PeerError as error:
        limit = min(error.offset or 0, limit)
    header = _HEADER.match(text)
    if header is None or header.end() > limit:
        return (Span("h248.undecoded", 0, len(text)),) if text else ()
    return _Walk(text, header, limit).spans()


class _Block:
    """A block that is open: its token, the kind of its package's item, and the spans in it so far."""

    __slots__ = ("head", "item", "name", "parts", "word")

    def __init__(self, word: str, name: str, head: int, item: str = "") -> None:
        self.word = word  # long form of the token in front of the brace, or the kind of a packaged item
        self.item = item  # package/item
        self.name = name  # of the span that the block becomes; empty for a mere list of values
        self.head = head  # where in the parts of the block around it the words in front of the brace begin
        self.parts: list[Span] = []


class _Walk:
    """One pass over the tokens, with the open blocks as its only memory."""

    def __init__(self, text: str, header: re.Match[str], limit: int) -> None:
        self.text = text
        self.limit = limit
        self.at = header.end()
        self.blocks = [_Block("", "", 0)]
        self.blocks[0].parts.append(_header(header))
        self._new_item()

    def _new_item(self) -> None:
        """The next word begins an item of the innermost block."""
        self.word = ""  # the token or the kind of name that the item begins with
        self.item = ""  # package/item of a packaged name, or the name of a parameter
        self.behind = False  # a mark that announces a value has passed
        self.head = -1  # where its words begin in the parts of the block
        self.brackets = 0  # how many `[` of the item are open

    def spans(self) -> tuple[Span, ...]:
        """The walk itself."""
        for token in scan(self.text, self.at):
            if token.start >= self.limit:
                break
            self._gap(token.start)
            self._token(token)
            self.at = token.end
        end = len(self.text)
        if self.limit < end:
            self._gap(self.limit) if self.at < self.limit else None
            self._close_all()
            self.blocks[0].parts.append(Span("h248.undecoded", self.at, end))
        else:
            self._gap(end)
            self._close_all()
        return tuple(self.blocks[0].parts)

    def _put(self, name: str, start: int, end: int, value: str = "") -> None:
        if end > start:
            self.blocks[-1].parts.append(Span(name, start, end, value))

    def _gap(self, end: int) -> None:
        """Blanks and comments up to the next token."""
        for found in _SPACE.finditer(self.text, self.at, end):
            name = "h248.comment" if found[0].startswith(";") else "h248.blank"
            self._put(name, found.start(), found.end())
        self.at = end

    def _close_all(self) -> None:
        while len(self.blocks) > 1:
            self._close(self.at)

    def _close(self, end: int) -> None:
        block = self.blocks.pop()
        around = self.blocks[-1].parts
        if block.name:
            parts = (*around[block.head :], *block.parts)
            around[block.head :] = [Span(block.name, parts[0].start, end, _title(parts), parts)]
        else:
            around += block.parts

    def _token(self, token: Token) -> None:
        mark = _MARKS.get(token.text)
        if self.head < 0:
            self.head = len(self.blocks[-1].parts)
        if mark is None:
            if "{" in token.text:
                self._body(token)
            elif self.behind:
                self._value(token)
            else:
                self._name(token)
        elif token.text == "{":
            self._put(mark, token.start, token.end)
            self._open()
        elif token.text == "}":
            self._put(mark, token.start, token.end)
            if len(self.blocks) > 1:
                self._close(token.end)
            if len(self.blocks) == 1:
                self._new_item()
        else:
            self._put(mark, token.start, token.end)
            self._mark(token.text)

    def _mark(self, mark: str) -> None:
        if mark == "," and self.blocks[-1].word != "values" and not self.brackets:
            self._new_item()
        elif mark == "[":
            self.brackets += 1
        elif mark == "]":
            self.brackets = 0
        elif mark in "=<>#" and not self.behind:
            self.behind = True

    def _open(self) -> None:
        brace = self.blocks[-1].parts.pop()
        values = self.behind and self.word in ("property", "parameter", "statistic", "NotifyCompletion", "ContextList")
        depth = len(self.blocks)
        if values and self.word != "ContextList":
            block = _Block("values", "", self.head, self.item)
        else:
            level = {1: "transaction", 2: "action", 3: "command"}.get(depth, "descriptor")
            if self.word in ("event", "signal"):
                level = "item"
            elif depth == 3 and self.word not in _COMMANDS:
                level = "descriptor"
            block = _Block(self.word, f"h248.group.{level}", self.head, self.item)
        outer = (self.word, self.item)
        self.blocks.append(block)
        block.parts.append(brace)
        self._new_item()
        if block.word == "values":
            self.word, self.item = outer
            self.behind = True

    # --- words ---

    def _name(self, token: Token) -> None:
        """A word that begins an item, or follows in a list."""
        block = self.blocks[-1].word
        text = token.text
        if _TIME.fullmatch(text) and block in ("ObservedEvents", "Services"):
            self._put("h248.time", token.start, token.end, _time(text))
            return
        if "/" in text and block in _ITEMS:
            self._packaged(token, _ITEMS[block])
            return
        if block in ("event", "signal"):
            self._parameter(token)
            return
        if block == "Context" and len(self.blocks) > 3:  # AuditValue = Context { terminations }
            self._termination(token)
            return
        if block in _PLAIN and not (block == "Topology" and _WORDS.get(text.lower())) and block != "Context":
            self._plain(token, _PLAIN[block])
            return
        prefix, word = self._prefix(token)
        long = _WORDS.get(word) or _WORDS.get(word.lower())
        if long is None:
            kind = _ITEMS.get(block, "")
            if "/" in word and kind:
                self._packaged(token, kind)
            elif word[:2].upper() in ("X-", "X+"):
                self._put("h248.extension", token.start, token.end, word)
                self.word = "parameter"
            else:
                self._put("h248.word", token.start, token.end, word)
            return
        self._put(f"h248.token.{long}", token.start + len(prefix), token.end, _asked(prefix))
        if not self.word:
            self.word = long

    def _prefix(self, token: Token) -> tuple[str, str]:
        """`O-` and `W-` in front of a command."""
        if len(self.blocks) != 3:
            return "", token.text
        found = _PREFIXED.fullmatch(token.text)
        if found is None or not found[1] or found[2].lower() not in _WORDS:
            return "", token.text
        at = token.start
        for prefix in re.findall(r"[OWow]-", found[1]):
            self._put(f"h248.prefix.{prefix[0].upper()}", at, at + 2)
            at += 2
        return found[1], found[2]

    def _packaged(self, token: Token, kind: str) -> None:
        item = registry().lookup(token.text)
        name = item.wire_name if item is not None else token.text
        self._put(f"h248.{kind}.{registry().role(name) or name}", token.start, token.end)
        self.word = kind
        self.item = token.text

    def _parameter(self, token: Token) -> None:
        """A token or a parameter's name, inside an event or signal."""
        long = _WORDS.get(token.text) or _WORDS.get(token.text.lower())
        parameter = self._described(token.text)
        if parameter is None and long in _IN_ITEMS:
            self._put(f"h248.token.{long}", token.start, token.end)
            self.word = long
            return
        name = parameter.name if parameter is not None else token.text
        role = registry().role_of_parameter(self.blocks[-1].item, name)
        self._put(f"h248.parameter.{role or name}", token.start, token.end)
        self.word = "parameter"
        self.item = token.text

    def _described(self, name: str) -> Parameter | None:
        """What the registry says about a parameter of the event or signal we are in."""
        item = registry().lookup(self.blocks[-1].item)
        return None if item is None else item.parameter(name)

    def _plain(self, token: Token, name: str) -> None:
        text = token.text
        if name == "h248.context":
            self._put(name, token.start, token.end, _CONTEXTS.get(text, text))
        elif name == "h248.error.text":
            self._put(name, token.start, token.end)
        else:
            self._put(name, token.start, token.end, text)

    # --- values ---

    def _value(self, token: Token) -> None:
        """A word behind `=` or a relation."""
        word = self.word
        if word in _COMMANDS:
            if self.text[token.start : token.end].lower() in ("context", "c") and word.startswith("Audit"):
                self._put("h248.token.Context", token.start, token.end)
                self.word = "Context"
            else:
                self._termination(token)
        elif word in _NUMBERS:
            self._put(_NUMBERS[word], token.start, token.end, _reading(_NUMBERS[word], token.text))
        elif word in ("property", "parameter", "statistic"):
            self._put("h248.value", token.start, token.end, self._meaning(token.text))
        else:
            self._choice(token)

    def _choice(self, token: Token) -> None:
        """One of the words that a token allows."""
        long = _WORDS.get(token.text) or _WORDS.get(token.text.lower())
        if self.word == "Mode" and long in tuple(Mode):
            self._put(f"h248.mode.{long}", token.start, token.end)
        elif self.word == "Method" and long is not None:
            self._put(f"h248.method.{long}", token.start, token.end)
        elif long is not None:
            self._put(f"h248.token.{long}", token.start, token.end)
        else:
            self._put("h248.value", token.start, token.end, token.text)

    def _termination(self, token: Token) -> None:
        text = token.text
        value = {"$": "CHOOSE", "*": "ALL"}.get(text, "ROOT, the gateway itself" if text.upper() == "ROOT" else text)
        self._put("h248.termination", token.start, token.end, value)

    def _meaning(self, text: str) -> str:
        """A value as a person reads it: without quotation marks, labels with what they stand for."""
        plain = text[1:-1] if text[:1] == '"' else text
        if plain == "$":
            return "CHOOSE, the gateway picks"
        parameter = self._described(self.item) if self.word == "parameter" else None
        for label in parameter.values if parameter is not None else ():
            if label.label.lower() == plain.lower():
                return f"{plain} ({label.meaning})"
        unit = parameter.unit if parameter is not None else ""
        return f"{plain} {unit}" if unit and plain.isdecimal() else plain

    # --- tokens with a body ---

    def _body(self, token: Token) -> None:
        """Local or Remote with its session description, or a digit map."""
        outer = self.blocks[-1].parts
        head = len(outer)
        text = token.text
        opening = _BODY.match(text) or _MAP.match(text)
        if opening is None:
            self._put("h248.word", token.start, token.end)
            return
        word = _WORDS.get(opening[1].lower(), "")
        names = (f"token.{word}", "blank", "brace") if word != "DigitMap" else _MAP_NAMES
        for number, name in enumerate(names, 1):
            start, end = opening.span(number)
            self._put(f"h248.{name}", token.start + start, token.start + end)
        closing = len(text) - 1 if text[-1] == "}" else len(text)
        last = len(text[:closing].rstrip(" \t\r\n"))
        first = min(len(text) - len(text[opening.end() :].lstrip(" \t\r\n")), closing)
        last = max(first, last)
        name = "h248.digit_map.pattern" if word == "DigitMap" else "h248.sdp"
        self._put("h248.blank", token.start + opening.end(), token.start + first)
        self._put(name, token.start + first, token.start + last)
        self._put("h248.blank", token.start + last, token.start + closing)
        self._put("h248.brace", token.start + closing, token.end)
        parts = tuple(outer[head:])
        outer[head:] = [Span("h248.group.descriptor", token.start, token.end, _title(parts), parts)]


def _header(header: re.Match[str]) -> Span:
    """Everything up to the message identifier. Groups 3 to 5 are the three numbers inside group 2."""
    parts: list[Span] = []
    for number, name in _HEADER_NAMES.items():
        if header[number]:
            parts.append(Span(name, *header.span(number), header[number] if name.endswith(("mid", "version")) else ""))
    return Span("h248.header", 0, header.end(), header[11], tuple(parts))


def _title(parts: tuple[Span, ...]) -> str:
    """What a folded block shows: its token or name, and what is set with it, such as `Add ip/1/access/$`."""
    front = list(takewhile(lambda part: part.name != "h248.brace", parts))
    words = [part for part in front if part.name.startswith(_TITLES)]
    head = words[0].name.split(".", 2)[2] if words else ""
    given = next((part.value for part in front if part.value and part not in words and part.name != "h248.time"), "")
    return f"{head} {given}".strip()


def _asked(prefix: str) -> str:
    wishes = []
    if "O-" in prefix.upper():
        wishes.append("optional")
    if "W-" in prefix.upper():
        wishes.append("one merged response")
    return ", ".join(wishes)


def _time(text: str) -> str:
    """`20260301T10153250` as `2026-03-01 10:15:32.50`."""
    return f"{text[:4]}-{text[4:6]}-{text[6:8]} {text[9:11]}:{text[11:13]}:{text[13:15]}.{text[15:17]}"


def _reading(name: str, text: str) -> str:
    """A number or name as a person reads it."""
    plain = text[1:-1] if text[:1] == '"' else text
    if name == "h248.context":
        return _CONTEXTS.get(plain, plain)
    if name == "h248.error.code" and plain.isdecimal() and (meaning := error_meaning(int(plain[:4]))):
        return f"{plain} {meaning}"
    if name == "h248.reason" and plain[:3].isdecimal():
        meaning = REASONS.get(int(plain[:3]), "")
        return plain if " " in plain or not meaning else f"{plain} {meaning}"
    if name == "h248.request_id" and plain == "*":
        return "ALL"
    if name == "h248.duration" and plain.isdecimal():
        return f"{int(plain[:10]) / 100:g} s"
    if name == "h248.delay":
        return f"{plain} s"
    return plain

"""Where each field of a SIP message lies, for the explainer. Covers every octet and never raises.

The names are keys of the catalogue `sip.toml`: a header field is `sip.header.<name>` with its long name, parameters are
`sip.parameter.<name>`, values without parts `sip.value.<name>`. A body is one leaf, `sip.body`.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from workbench.protocols.layout import Span
from workbench.protocols.sip.grammar import pieces
from workbench.protocols.sip.messages import canonical

# All patterns run on octets read as Latin-1, so that places are octets.
_REQUEST = re.compile(r"([A-Za-z0-9\-.!%*_+`'~]+)( )([^ \r\n]+)( )(SIP/[0-9]+\.[0-9]+)(\r\n)", re.IGNORECASE)
_STATUS = re.compile(r"(SIP/[0-9]+\.[0-9]+)( )([0-9]{3})(?:( )([^\r\n]*))?(\r\n)", re.IGNORECASE)
_HEADER = re.compile(r"([A-Za-z0-9\-.!%*_+`'~]+)([ \t]*)(:)([^\r\n]*(?:\r\n[ \t][^\r\n]*)*)(\r\n)")
_BLANK = re.compile(r"\s*")
_WORD = re.compile(r"\S+|\s+")

# Headers that hold addresses, and what the address says there.
_ADDRESSES = frozenset({
    "from", "to", "contact", "route", "record-route", "path", "service-route", "p-associated-uri",
    "p-asserted-identity", "p-preferred-identity", "p-called-party-id", "refer-to", "referred-by", "reply-to",
})
_CREDENTIALS = frozenset({"www-authenticate", "authorization", "proxy-authenticate", "proxy-authorization"})
_AGREEMENT = frozenset({"security-client", "security-server", "security-verify"})
_TOKENS = {
    "allow": "sip.allow.method", "supported": "sip.option_tag", "require": "sip.option_tag",
    "proxy-require": "sip.option_tag", "unsupported": "sip.option_tag",
}


class _Cut:
    """Spans that are laid down one behind the other."""

    def __init__(self, text: str, at: int) -> None:
        self.text = text
        self.at = at
        self.spans: list[Span] = []

    def to(self, end: int, name: str, value: str = "", children: tuple[Span, ...] = ()) -> None:
        """A span from where the last one ended; nothing where it would be empty."""
        if end > self.at:
            self.spans.append(Span(name, self.at, end, value, children))
            self.at = end

    def blanks(self, end: int) -> None:
        """Blank octets, folded line ends among them."""
        match = _BLANK.match(self.text, self.at, end)
        assert match is not None
        self.to(match.end(), "sip.blank")

    def trimmed(self, end: int, name: str, told: bool = False) -> None:
        """Blanks, a span up to the last octet that isn't one, blanks."""
        self.blanks(end)
        content = self.text[self.at:end].rstrip()
        self.to(self.at + len(content), name, content if told else "")
        self.blanks(end)


def spans(octets: bytes) -> tuple[Span, ...]:
    """The fields of the message in a datagram.

    Args:
        octets: the datagram.

    Returns:
        Start line, header fields with their parts inside, the empty line, the body, and what lies behind it;
        `sip.undecoded` from the first line that can't be read to the end.

    Source: RFC 3261 §7 and §25.1.
    """
    text = octets.decode("latin-1")
    cut = _Cut(text, 0)
    while text.startswith("\r\n", cut.at):
        cut.to(cut.at + 2, "sip.keep_alive")
    length: int | None = None
    if _start_line(cut):
        while not text.startswith("\r\n", cut.at):
            match = _HEADER.match(text, cut.at)
            if match is None:
                break
            name = canonical(match[1])
            if name == "content-length":
                said = match[4].strip()
                length = int(said) if said.isascii() and said.isdigit() and len(said) < 9 else None
            _header(cut, match, name)
        else:
            cut.to(cut.at + 2, "sip.blank_line", "CRLF")
            end = len(text) if length is None else min(len(text), cut.at + length)
            cut.to(end, "sip.body")
            cut.to(len(text), "sip.excess")
    cut.to(len(text), "sip.undecoded")
    return tuple(cut.spans)


def _start_line(cut: _Cut) -> bool:
    match = _REQUEST.match(cut.text, cut.at)
    if match is not None:
        parts = _Cut(cut.text, cut.at)
        parts.to(match.end(1), "sip.method", match[1])
        parts.to(match.end(2), "sip.space")
        parts.to(match.end(3), "sip.request_uri")
        parts.to(match.end(4), "sip.space")
        parts.to(match.end(5), "sip.version")
        parts.to(match.end(6), "sip.line_end", "CRLF")
        cut.to(match.end(), "sip.request_line", match[1], tuple(parts.spans))
        return True
    match = _STATUS.match(cut.text, cut.at)
    if match is None:
        return False
    parts = _Cut(cut.text, cut.at)
    parts.to(match.end(1), "sip.version")
    parts.to(match.end(2), "sip.space")
    parts.to(match.end(3), "sip.status_code", match[3])
    if match[4] is not None:
        parts.to(match.end(4), "sip.space")
        parts.to(match.end(5), "sip.reason")
    parts.to(match.end(6), "sip.line_end", "CRLF")
    cut.to(match.end(), "sip.status_line", match[3], tuple(parts.spans))
    return True


def _header(cut: _Cut, match: re.Match[str], name: str) -> None:
    parts = _Cut(cut.text, cut.at)
    parts.to(match.end(1), "sip.header_name", "compact form" if len(match[1]) == 1 else "")
    parts.to(match.end(2), "sip.blank")
    parts.to(match.end(3), "sip.colon")
    parts.blanks(match.end(4))
    _value(parts, name, match.end(4))
    parts.to(match.end(4), f"sip.value.{name}")
    parts.to(match.end(), "sip.line_end", "CRLF")
    cut.to(match.end(), f"sip.header.{name}", "", tuple(parts.spans))


def _value(parts: _Cut, name: str, end: int) -> None:
    if name == "via":
        _members(parts, end, _via)
    elif name in _ADDRESSES:
        _members(parts, end, lambda p, stop: _address(p, stop, name))
    elif name in _AGREEMENT:
        _members(parts, end, lambda p, stop: _parametered(p, stop, "sip.security.mechanism", True))
    elif name in _TOKENS:
        _members(parts, end, lambda p, stop: p.trimmed(stop, _TOKENS[name], True))
    elif name in _CREDENTIALS:
        _credentials(parts, end)
    elif name == "cseq":
        _words(parts, end, ("sip.cseq.number", "sip.cseq.method"))
    elif name in ("content-type", "accept"):
        _members(parts, end, lambda p, stop: _parametered(p, stop, "sip.media_type", True))
    else:
        parts.trimmed(end, f"sip.value.{name}", True)


def _members(parts: _Cut, end: int, member: Callable[[_Cut, int], None]) -> None:
    """The members of a list, with its commas."""
    start = parts.at
    for first, last in list(pieces(parts.text[start:end], ",")):
        if first:
            parts.to(start + first, "sip.comma")
        member(parts, start + last)


def _via(parts: _Cut, end: int) -> None:
    parts.blanks(end)
    stop = _first(parts.text, ";", parts.at, end)
    blank = re.compile(r"\s").search(parts.text, parts.at, stop)
    if blank is not None:
        parts.to(blank.start(), "sip.via.protocol")
        parts.blanks(stop)
    parts.trimmed(stop, "sip.via.sent_by")
    _parameters(parts, end)


def _address(parts: _Cut, end: int, name: str) -> None:
    parts.blanks(end)
    opened = _unquoted(parts.text, "<", parts.at, end)
    closed = parts.text.find(">", opened, end) if opened is not None else -1
    if opened is not None and closed >= 0:
        parts.trimmed(opened, "sip.display_name")
        parts.to(opened + 1, "sip.angle")
        parts.to(closed, f"sip.address.{name}")
        parts.to(closed + 1, "sip.angle")
    else:
        parts.trimmed(_first(parts.text, ";", parts.at, end), f"sip.address.{name}")
    _parameters(parts, end)


def _parametered(parts: _Cut, end: int, name: str, told: bool) -> None:
    parts.trimmed(_first(parts.text, ";", parts.at, end), name, told)
    _parameters(parts, end)


def _parameters(parts: _Cut, end: int) -> None:
    """`;name=value` again and again; what stands in front of the first semicolon is not expected there."""
    start = parts.at
    for first, last in list(pieces(parts.text[start:end], ";")):
        if first:
            parts.to(start + first, "sip.semicolon")
        parts.blanks(start + last)
        content = parts.text[parts.at:start + last].rstrip()
        name, equals, value = content.partition("=")
        parts.to(parts.at + len(content), f"sip.parameter.{_key(name)}" if first else "sip.parameter.*",
                 value.strip() if equals else "")
        parts.blanks(start + last)


def _credentials(parts: _Cut, end: int) -> None:
    blank = re.compile(r"\s").search(parts.text, parts.at, end)
    parts.to(blank.start() if blank is not None else end, "sip.auth.scheme")
    parts.blanks(end)

    def member(p: _Cut, stop: int) -> None:
        p.blanks(stop)
        content = p.text[p.at:stop].rstrip()
        name, _, value = content.partition("=")
        p.to(p.at + len(content), f"sip.auth.{_key(name)}", value.strip().strip('"'))
        p.blanks(stop)

    _members(parts, end, member)


def _words(parts: _Cut, end: int, names: tuple[str, ...]) -> None:
    number = 0
    for match in list(_WORD.finditer(parts.text, parts.at, end)):
        if match[0].isspace():
            parts.to(match.end(), "sip.blank")
        else:
            parts.to(match.end(), names[min(number, len(names) - 1)], match[0])
            number += 1


def _first(text: str, letter: str, start: int, end: int) -> int:
    """Where a letter first stands between two places, else the later place."""
    found = text.find(letter, start, end)
    return end if found < 0 else found


def _unquoted(text: str, letter: str, start: int, end: int) -> int | None:
    quoted = False
    at = start
    while at < end:
        if quoted and text[at] == "\\":
            at += 1
        elif text[at] == '"':
            quoted = not quoted
        elif text[at] == letter and not quoted:
            return at
        at += 1
    return None


def _key(name: str) -> str:
    """A parameter's name as a part of a key."""
    return re.sub(r"[^a-z0-9_+-]", "_", name.strip().lower())[:40] or "unnamed"

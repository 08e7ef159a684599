"""Where the messages of a stream end, for what comes in great numbers: TLS records that nobody can read, MSRP.

Only what is beyond doubt is taken: at the first octet of anything else these stop, and the readers of `carried` go on.

Source: RFC 8446 §5.1; RFC 4975 §9.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from functools import lru_cache
from sys import intern

from workbench.errors import PeerError
from workbench.protocols.msrp import messages as msrp
from workbench.protocols.msrp import uri
from workbench.protocols.msrp import wire as msrp_wire
from workbench.protocols.tls.registry import ContentType
from workbench.protocols.tls.wire import FRAGMENT_OCTETS

_RECORD = struct.Struct("!BHH")
_PATH = rb"msrps?://[!-~]+(?: msrps?://[!-~]+)*"
_HEAD = re.compile(
    rb"MSRP (" + msrp_wire.IDENT.encode() + rb") (?:([A-Z]+)|([0-9]{3})(?: ([ -~]*))?)\r\n"
    rb"To-Path: (" + _PATH + rb")\r\nFrom-Path: (" + _PATH + rb")\r\n"
    rb"((?:[A-Za-z][A-Za-z-]*: [ -~]*\r\n)*)")
_MOST_HEAD = msrp_wire.LINE_OCTETS
_MOST_HEADERS = 100
_MOST_BODY = 1 << 20
_LAST_TYPE = re.compile(rb"content-type: [ -~]*\r\n", re.IGNORECASE)
_ENDS = tuple(flag + b"\r\n" for flag in msrp_wire.FLAGS)


def records(octets: bytes) -> list[int]:
    """Where application data records end that follow one another from the first octet on."""
    ends: list[int] = []
    unpack, size, at = _RECORD.unpack_from, len(octets), 0
    while at + 5 <= size:
        kind, version, length = unpack(octets, at)
        at += 5 + length
        if kind != ContentType.APPLICATION_DATA or version >> 8 != 3 or length > FRAGMENT_OCTETS or at > size:
            break
        ends.append(at)
    return ends


def messages(octets: bytes) -> list[int]:
    """Where MSRP messages end that follow one another from the first octet on."""
    ends: list[int] = []
    at, size = 0, len(octets)
    while at < size:
        at = _end(octets, at)
        if at < 0:
            break
        ends.append(at)
    return ends


def _end(octets: bytes, at: int) -> int:
    """Where the message that begins here ends; -1: it is not all here, or not as messages mostly are."""
    head = _HEAD.match(octets, at)
    if head is None:
        return -1
    behind = head.end()
    if behind - at > _MOST_HEAD or not (_is_path(head[5]) and _is_path(head[6])):
        return -1
    headers = head[7]
    if len(headers) > _MOST_HEADERS and headers.count(b"\n") > _MOST_HEADERS:
        return -1
    mark = msrp_wire.HYPHENS + head[1]
    if octets.startswith(mark, behind):
        end = behind + len(mark)
        flags = _ENDS if head[2] else _ENDS[:1]
        return end + 3 if octets[end : end + 3] in flags else -1
    if head[2] is None or octets[behind : behind + 2] != b"\r\n" or not _typed(headers):
        return -1
    end = octets.find(b"\r\n" + mark, behind)
    if end < 0 or end - behind - 2 > _MOST_BODY:
        return -1
    end += 2 + len(mark)
    return end + 3 if octets[end : end + 3] in _ENDS else -1


def _typed(headers: bytes) -> bool:
    """A body needs Content-Type, as the last header."""
    last = headers.rfind(b"\n", 0, -1) + 1
    return _LAST_TYPE.fullmatch(headers, last) is not None


@lru_cache(maxsize=4096)
def _path(octets: bytes) -> uri.Path:
    try:
        return uri.decode_path(octets.decode("ascii"))
    except PeerError:
        return ()


def _is_path(octets: bytes) -> bool:
    return bool(_path(octets))


# A message that `messages` has found, up to its body, with the headers of SEND as they mostly are or as they may be.
_SAID = re.compile(
    r"MSRP ([^ ]+) (?:([A-Z]+)|([0-9]{3})[^\r]*)\r\nTo-Path: ([^\r]*)\r\nFrom-Path: [^\r]*\r\n"
    r"(?:Message-ID: ([!-~]+)\r\nByte-Range: ([!-~]+)\r\n(?:Content-Type: [!-~]+\r\n)?(?=[\r-])"
    r"|((?:[A-Za-z][A-Za-z-]*: [^\r]*\r\n)*))")
_ID, _RANGE, _FAILURE = (re.compile(rf"(?:\A|\n){name}: +([ -~]*)\r", re.IGNORECASE)
                         for name in ("Message-ID", "Byte-Range", "Failure-Report"))
_TEXT_FLAGS = {flag.value: flag for flag in msrp.Flag}

Said = tuple[str, str, int, uri.Path, str, str, str, msrp.Flag, int]


def chunks(octets: bytes, ends: list[int]) -> Iterator[Said]:
    """What each message that `messages` has found says.

    Returns:
        Transaction, method, status, To-Path, Message-ID, Byte-Range, Failure-Report, flag, and the body's octets; of a
        response only the first four count.
    """
    at, text, match = 0, octets.decode("latin-1"), _SAID.match
    for end in ends:
        head = match(text, at)
        assert head is not None
        transaction, method, status, to_path, number, part, headers = head.groups()
        size = max(0, end - _AROUND_BODY - len(transaction) - head.end())
        failure = ""
        if headers:
            number, part, failure = (_field(headers, one) for one in (_ID, _RANGE, _FAILURE))
        yield (transaction, method or "", int(status or 0), _to(to_path), intern(number or ""), part or "", failure,
               _TEXT_FLAGS[text[end - 3]], size)
        at = end


_AROUND_BODY = 4 + len(msrp_wire.HYPHENS) + 3


@lru_cache(maxsize=4096)
def _to(text: str) -> uri.Path:
    return _path(text.encode("ascii"))


def _field(headers: str, pattern: re.Pattern[str]) -> str:
    """The value of the first header with this name; empty without one."""
    found = pattern.search(headers)
    return "" if found is None else found[1]


def message(octets: bytes) -> msrp.Message:
    """The message whose end `messages` has found."""
    head = _HEAD.match(octets)
    assert head is not None
    headers = tuple(msrp.Header(*line.split(": ", 1)) for line in head[7].decode("ascii").split("\r\n")[:-1])
    headers = tuple(msrp.Header(one.name, one.value.lstrip(" ")) for one in headers)
    transaction, to_path, from_path = head[1].decode("ascii"), _path(head[5]), _path(head[6])
    if head[3]:
        comment = (head[4] or b"").decode("ascii")
        return msrp.Response(transaction, int(head[3]), comment, to_path, from_path, headers)
    body: bytes | None = None
    tail = len(msrp_wire.HYPHENS) + len(transaction) + 3
    if len(octets) - head.end() > tail:
        body = octets[head.end() + 2 : max(len(octets) - tail - 2, head.end() + 2)]
    flag = msrp.Flag(octets[-3:-2].decode("ascii"))
    return msrp.Request(transaction, head[2].decode("ascii"), to_path, from_path, headers, body, flag)

"""Timestamps of MIKEY: which second they mean, and how a person writes it (RFC 3830 §6.6, RFC 6043 §6.3)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from workbench.protocols.mikey.registry import TimestampType

_EPOCH = datetime(1900, 1, 1, tzinfo=UTC)
_ERA = 1 << 32
UNIX_EPOCH = 2_208_988_800
"""Seconds from 1900 to 1970."""


def seconds(kind: int, value: int) -> float | None:
    """Seconds since 1900 that a timestamp means; None for a counter and for a type that is not known.

    The number of seconds starts anew in February 2036. A first bit of 0 means after that, so years up to 2104 have
    one meaning (RFC 6043 §6.3).
    """
    if kind in (TimestampType.NTP_UTC, TimestampType.NTP):
        whole, part = value >> 32, (value & 0xFFFFFFFF) / _ERA
    elif kind == TimestampType.NTP_UTC_32:
        whole, part = value, 0.0
    else:
        return None
    return whole + (0 if whole & 0x80000000 else _ERA) + part


def stamp(kind: int, since_1900: float) -> int:
    """The value of a timestamp of that type for a second since 1900, or for a count."""
    if kind in (TimestampType.NTP_UTC, TimestampType.NTP):
        return int(since_1900 * _ERA) & 0xFFFFFFFFFFFFFFFF
    return int(since_1900) & 0xFFFFFFFF


def moment(since_1900: float) -> datetime:
    """A second since 1900 as date and time in UTC."""
    return _EPOCH + timedelta(seconds=since_1900)


def text(kind: int, value: int) -> str:
    """`2014-05-29 12:00:00 UTC`; a counter as its number."""
    since_1900 = seconds(kind, value)
    if since_1900 is None:
        return str(value)
    when = moment(since_1900)
    told = when.strftime("%Y-%m-%d %H:%M:%S")
    tail = f".{when.microsecond // 1000:03d}" if when.microsecond else ""
    return f"{told}{tail}{' UTC' if kind != TimestampType.NTP else ''}"

"""IFP and UDPTL packets as frozen values, and T.38's code points.

A value of an extensible enumeration is counted on behind the root: `Indicator.V8_ANSAM` is 16, the first extension
value behind 16 root values (0 to 15).

Source: T.38 §7 and annex A (2002 edition of the ASN.1 module).
"""

from __future__ import annotations

import enum

import msgspec


class Indicator(enum.IntEnum):
    """A signal that starts or ends on the line (t30-indicator)."""

    NO_SIGNAL = 0
    CNG = 1
    CED = 2
    V21_PREAMBLE = 3
    V27_2400_TRAINING = 4
    V27_4800_TRAINING = 5
    V29_7200_TRAINING = 6
    V29_9600_TRAINING = 7
    V17_7200_SHORT_TRAINING = 8
    V17_7200_LONG_TRAINING = 9
    V17_9600_SHORT_TRAINING = 10
    V17_9600_LONG_TRAINING = 11
    V17_12000_SHORT_TRAINING = 12
    V17_12000_LONG_TRAINING = 13
    V17_14400_SHORT_TRAINING = 14
    V17_14400_LONG_TRAINING = 15
    V8_ANSAM = 16
    V8_SIGNAL = 17
    V34_CNTL_CHANNEL_1200 = 18
    V34_PRI_CHANNEL = 19
    V34_CC_RETRAIN = 20
    V33_12000_TRAINING = 21
    V33_14400_TRAINING = 22


class DataType(enum.IntEnum):
    """The modem that data is sent with (t30-data)."""

    V21 = 0
    V27_2400 = 1
    V27_4800 = 2
    V29_7200 = 3
    V29_9600 = 4
    V17_7200 = 5
    V17_9600 = 6
    V17_12000 = 7
    V17_14400 = 8
    V8 = 9
    V34_PRI_RATE = 10
    V34_CC_1200 = 11
    V34_PRI_CH = 12
    V33_12000 = 13
    V33_14400 = 14


class FieldType(enum.IntEnum):
    """What an element of the data field is (field-type)."""

    HDLC_DATA = 0
    HDLC_SIG_END = 1
    HDLC_FCS_OK = 2
    HDLC_FCS_BAD = 3
    HDLC_FCS_OK_SIG_END = 4
    HDLC_FCS_BAD_SIG_END = 5
    T4_NON_ECM_DATA = 6
    T4_NON_ECM_SIG_END = 7
    CM_MESSAGE = 8
    JM_MESSAGE = 9
    CI_MESSAGE = 10
    V34RATE = 11


INDICATOR_ROOT, DATA_ROOT, FIELD_ROOT = 16, 9, 8
"""How many values of each enumeration are in its root."""


def _written(name: str) -> str:
    return "-".join("CC" if word == "CC" else word.lower() for word in name.split("_"))


INDICATOR_NAMES: dict[int, str] = {one: _written(one.name) for one in Indicator}
"""Indicator to its name in the ASN.1 module."""
DATA_NAMES: dict[int, str] = {one: _written(one.name) for one in DataType}
"""Data type to its name in the ASN.1 module."""
FIELD_NAMES: dict[int, str] = {
    FieldType.HDLC_DATA: "hdlc-data", FieldType.HDLC_SIG_END: "hdlc-sig-end", FieldType.HDLC_FCS_OK: "hdlc-fcs-OK",
    FieldType.HDLC_FCS_BAD: "hdlc-fcs-BAD", FieldType.HDLC_FCS_OK_SIG_END: "hdlc-fcs-OK-sig-end",
    FieldType.HDLC_FCS_BAD_SIG_END: "hdlc-fcs-BAD-sig-end", FieldType.T4_NON_ECM_DATA: "t4-non-ecm-data",
    FieldType.T4_NON_ECM_SIG_END: "t4-non-ecm-sig-end", FieldType.CM_MESSAGE: "cm-message",
    FieldType.JM_MESSAGE: "jm-message", FieldType.CI_MESSAGE: "ci-message", FieldType.V34RATE: "v34rate",
}
"""Field type to its name in the ASN.1 module."""


class Field(msgspec.Struct, frozen=True):
    """An element of the data field: its type, and octets or none (1 to 65535 where there are any)."""

    kind: int
    octets: bytes | None = None


class IfpPacket(msgspec.Struct, frozen=True):
    """One IFP packet: an indicator, or data of one modem.

    Args:
        indicator: a t30-indicator; None where it is data.
        data: a t30-data type; None where it is an indicator.
        fields: the data field; None where it is absent.

    Source: T.38 §7, annex A.
    """

    indicator: int | None = None
    data: int | None = None
    fields: tuple[Field, ...] | None = None

    def __str__(self) -> str:
        if self.indicator is not None:
            return INDICATOR_NAMES.get(self.indicator, f"indicator {self.indicator}")
        name = DATA_NAMES.get(self.data or 0, f"data type {self.data}")
        kinds = [FIELD_NAMES.get(one.kind, f"field {one.kind}") for one in self.fields or ()]
        return f"{name} {' '.join(kinds)}".rstrip()


class Fec(msgspec.Struct, frozen=True):
    """Forward error correction in a UDPTL packet.

    Entry `m` of `E` in the packet with sequence number `n` and span `S` is the XOR of the IFP packets `n - S*E + m`,
    `n - S*E + m + E`, ... (`S` of them), each filled up with zeros to the longest.

    Source: T.38 §9 and annex C, as deployed receivers read it; the annex itself was not read.
    """

    span: int
    entries: tuple[bytes, ...]

    def members(self, sequence: int, entry: int) -> range:
        """The sequence numbers (not yet wrapped) that an entry of the packet with this number is made of."""
        count = len(self.entries)
        return range(sequence - self.span * count + entry, sequence, count)


class UdptlPacket(msgspec.Struct, frozen=True):
    """One UDPTL packet.

    Args:
        sequence: 16 bits, one more each packet.
        primary: the IFP packet that it is about.
        secondary: former IFP packets, newest first: entry `k` (from 1) belongs to `sequence - k`.
        fec: in place of them; None where there is none.

    Source: T.38 §9, annex A.
    """

    sequence: int
    primary: bytes
    secondary: tuple[bytes, ...] = ()
    fec: Fec | None = None


def indication(indicator: int) -> IfpPacket:
    """An indicator without data."""
    return IfpPacket(indicator=indicator)


def data(kind: int, *fields: Field) -> IfpPacket:
    """Data of one modem."""
    return IfpPacket(data=kind, fields=fields)

"""IFP and UDPTL packets with what they say: from the ASN.1 module by hand, checked with two PER compilers."""

from __future__ import annotations

from workbench.protocols.t38.messages import (
    DataType,
    Fec,
    Field,
    FieldType,
    IfpPacket,
    Indicator,
    UdptlPacket,
    data,
    indication,
)

HDLC = FieldType.HDLC_DATA
DIS_START = bytes.fromhex("ffc80100ee")

IFP: dict[str, tuple[str, IfpPacket]] = {
    "cng": ("02", indication(Indicator.CNG)),
    "ced": ("04", indication(Indicator.CED)),
    "v21 preamble": ("06", indication(Indicator.V21_PREAMBLE)),
    "no signal": ("00", indication(Indicator.NO_SIGNAL)),
    "ansam": ("2000", indication(Indicator.V8_ANSAM)),
    "v33 14400": ("2180", indication(Indicator.V33_14400_TRAINING)),
    "v21 data": ("c0 01 80 0004 ffc80100ee", data(DataType.V21, Field(HDLC, DIS_START))),
    "v21 data and end": ("c0 02 80 0000 f8 20", data(
        DataType.V21, Field(HDLC, b"\xf8"), Field(FieldType.HDLC_FCS_OK_SIG_END))),
    "v29 t4": ("c8 01 b0 0002 00014d", data(
        DataType.V29_9600, Field(FieldType.T4_NON_ECM_DATA, bytes.fromhex("00014d")))),
    "v29 t4 end": ("c8 01 b8 0001 014d", data(
        DataType.V29_9600, Field(FieldType.T4_NON_ECM_SIG_END, bytes.fromhex("014d")))),
    "v17 200 octets": ("d0 01 80 00c7" + "55" * 200, data(DataType.V17_14400, Field(HDLC, b"\x55" * 200))),
    "v8 cm": ("e000 01 c000 0000 11", data(DataType.V8, Field(FieldType.CM_MESSAGE, b"\x11"))),
    "v8 jm": ("e000 01 c080 0000 11", data(DataType.V8, Field(FieldType.JM_MESSAGE, b"\x11"))),
    "v34 rate": ("e040 01 c180 0000 01", data(DataType.V34_PRI_RATE, Field(FieldType.V34RATE, b"\x01"))),
    "two without data": ("c0 02 10 40", data(
        DataType.V21, Field(FieldType.HDLC_FCS_OK), Field(FieldType.HDLC_SIG_END))),
    "no fields": ("40", IfpPacket(data=DataType.V21)),
    "empty fields": ("c0 00", data(DataType.V21)),
}

IFP_0: dict[str, tuple[str, IfpPacket]] = {
    "dis end": ("c0 02 80 00 02 ff c8 f5 40", data(
        DataType.V21, Field(HDLC, bytes.fromhex("ffc8f5")), Field(FieldType.HDLC_FCS_OK_SIG_END))),
    "two without data": ("c0 02 21", data(
        DataType.V21, Field(FieldType.HDLC_FCS_OK), Field(FieldType.HDLC_SIG_END))),
    "t4": ("c8 01 f0 0001 014d", data(
        DataType.V29_9600, Field(FieldType.T4_NON_ECM_SIG_END, bytes.fromhex("014d")))),
    "cng": ("02", indication(Indicator.CNG)),
}
"""The same in version 0, where field-type has no extension bit."""

_DIS = bytes.fromhex("c001800004ffc80100ee")
_END = bytes.fromhex("c002800000f820")

UDPTL: dict[str, tuple[str, UdptlPacket]] = {
    "first": ("0000 01 02 00 00", UdptlPacket(0, b"\x02")),
    "one before": ("0001 01 04 00 01 01 02", UdptlPacket(1, b"\x04", (b"\x02",))),
    "two before": ("0002 01 06 00 02 01 04 01 02", UdptlPacket(2, b"\x06", (b"\x04", b"\x02"))),
    "data": ("0003 0a c001800004ffc80100ee 00 02 01 06 01 04", UdptlPacket(3, _DIS, (b"\x06", b"\x04"))),
    "end": ("0004 07 c002800000f820 00 02 0a c001800004ffc80100ee 01 06", UdptlPacket(4, _END, (_DIS, b"\x06"))),
    "silence": ("0005 01 00 00 02 07 c002800000f820 0a c001800004ffc80100ee", UdptlPacket(5, b"\x00", (_END, _DIS))),
    "last number": ("ffff 01 02 00 00", UdptlPacket(0xFFFF, b"\x02")),
    "long": ("0007 80cd d0018000c7" + "55" * 200 + " 00 00", UdptlPacket(7, bytes.fromhex(
        "d0018000c7" + "55" * 200))),
    "fec": ("000e 07 c801b80001014d 80 01 02 02 08 0000000002a6014d 0a 00000000071aaaeb16cd", UdptlPacket(
        14, bytes.fromhex("c801b80001014d"), (), Fec(2, (
            bytes.fromhex("0000000002a6014d"), bytes.fromhex("00000000071aaaeb16cd"))))),
    "fec without entries": ("0000 01 02 80 01 00 00", UdptlPacket(0, b"\x02", (), Fec(0, ()))),
}

FEC_CALL = [bytes.fromhex(one) for one in (
    "c801b0000200014d", "c801b000039aa84d1b", "c801b00000a6", "c801b000048002a60dcd", "c801b80001014d")]
"""IFP packets 10 to 14 of the worked FEC example; the UDPTL packet of the last one is `UDPTL["fec"]`."""

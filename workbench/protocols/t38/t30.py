"""T.30 in T.38: HDLC frames put together from the elements of IFP packets, and what a frame is called.

An octet in T.38 has the bit that is sent first as its most significant one, so a control field reads as T.30 prints it.

Source: T.30 §5.3 (frames, facsimile control field), T.4 annex A (ECM frames). The tables are general knowledge: the
recommendations themselves were not read.
"""

from __future__ import annotations

import msgspec

from workbench.protocols.t38.messages import FieldType, IfpPacket

ADDRESS = 0xFF
CONTROLS = {0xC0: "more frames follow", 0xC8: "the last frame"}
"""Control field to its meaning (T.30 §5.3.5)."""

# The first bit, X, says who sends: 1 who received the last identification signal. It is left out in the key.
_WITH_X = {
    0x41: "DCS", 0x42: "TSI", 0x44: "NSS", 0x43: "SUB", 0x45: "SID", 0x46: "TSA", 0x47: "IRA", 0x48: "CTC",
    0x21: "CFR", 0x22: "FTT", 0x23: "CTR", 0x24: "CSA", 0x71: "EOM", 0x72: "MPS", 0x74: "EOP", 0x79: "PRI-EOM",
    0x7A: "PRI-MPS", 0x7C: "PRI-EOP", 0x78: "EOS", 0x7D: "PPS", 0x73: "EOR", 0x76: "RR", 0x31: "MCF", 0x33: "RTP",
    0x32: "RTN", 0x35: "PIP", 0x34: "PIN", 0x3D: "PPR", 0x37: "RNR", 0x38: "ERR", 0x3F: "FDM", 0x5F: "DCN",
    0x58: "CRP", 0x53: "FNV", 0x57: "TNR", 0x56: "TR", 0x36: "PID",
}
_WHOLE = {
    0x01: "DIS", 0x02: "CSI", 0x04: "NSF", 0x81: "DTC", 0x82: "CIG", 0x84: "NSC", 0x83: "PWD", 0x85: "SEP",
    0x86: "PSA", 0x87: "CIA", 0x88: "ISP", 0x60: "FCD", 0x61: "RCP",
}
_POST_PAGE = {0x00: "NULL", 0x71: "EOM", 0x72: "MPS", 0x74: "EOP", 0x78: "EOS", 0x79: "PRI-EOM", 0x7A: "PRI-MPS",
              0x7C: "PRI-EOP"}

MEANINGS = {
    "DIS": "what the called terminal can do", "DTC": "what a terminal that wants to receive can do",
    "CSI": "the called terminal's number", "CIG": "the number of who wants to receive", "NSF": "maker's facilities",
    "NSC": "maker's facilities, wanted", "NSS": "maker's facilities, chosen", "PWD": "password",
    "SEP": "document wanted", "DCS": "what the sender has chosen", "TSI": "the sender's number",
    "SUB": "subaddress", "SID": "sender identification", "CFR": "ready to receive", "FTT": "training failed",
    "EOM": "end of page, back to the beginning", "MPS": "end of page, more follow", "EOP": "end of the last page",
    "PPS": "end of a part of a page", "MCF": "page received", "RTP": "page received, train again",
    "RTN": "page not received, train again", "PPR": "these frames again", "RR": "are you ready?",
    "RNR": "not ready yet", "CTC": "I go on correcting", "CTR": "go on", "EOR": "I give the part up",
    "ERR": "given up", "DCN": "disconnect", "CRP": "say it again", "FCD": "a piece of the page",
    "RCP": "back to control",
}
"""A frame's name to what it says."""

_MODEMS = {
    0b0000: "V.27ter 2400", 0b0100: "V.27ter 4800", 0b1000: "V.29 9600", 0b1100: "V.29 7200", 0b0001: "V.17 14400",
    0b0101: "V.17 12000", 0b1001: "V.17 9600", 0b1101: "V.17 7200",
}
MOST_FRAME_OCTETS = 4096
"""The longest frame that is put together; ECM frames have some 260."""


class Frame(msgspec.Struct, frozen=True):
    """An HDLC frame, without flags and FCS.

    Args:
        octets: address, control field, facsimile control field and what belongs to it.
        whole: the FCS was right; None: it never came.
    """

    octets: bytes
    whole: bool | None = True

    @property
    def name(self) -> str:
        """Such as `DCS`, `PPS-EOP`, `FCD`; empty where it is no T.30 frame."""
        return frame_name(self.octets)

    @property
    def says(self) -> str:
        """What its content says, in words; empty where it has none, or none that is read here."""
        return content_of(self.octets)


def frame_name(octets: bytes) -> str:
    """The name of a frame that starts at its address field; empty where it is none (T.30 §5.3.6)."""
    if len(octets) < 3 or octets[0] != ADDRESS or octets[1] not in CONTROLS:
        return ""
    code = octets[2]
    name = _WHOLE.get(code) or _WITH_X.get(code & 0x7F, "")
    if name == "PPS" and len(octets) > 3:
        name = f"PPS-{_POST_PAGE.get(octets[3] & 0x7F, hex(octets[3]))}"
    return name


def content_of(octets: bytes) -> str:
    """What stands behind the facsimile control field, in words."""
    name, content = frame_name(octets), octets[3:]
    if name in ("CSI", "TSI", "CIG"):
        return number_of(content)
    if name == "DCS":
        return _chosen(content)
    if name == "FCD" and content:
        return f"frame {turned(content[0])}, {len(content) - 1} octets"
    if name.startswith("PPS-") and len(content) >= 4:
        page, block, frames = (turned(octet) for octet in content[1:4])
        return f"page {page}, part {block}, {frames + 1} frames"
    return ""


def number_of(content: bytes) -> str:
    """The number in a CSI, TSI or CIG: 20 characters, the last one first, each with its last bit first."""
    return bytes(turned(octet) for octet in reversed(content)).decode("ascii", "replace").strip()


def turned(octet: int) -> int:
    """An octet with its bits in the other order."""
    return int(f"{octet:08b}"[::-1], 2)


def has_bit(content: bytes, number: int) -> bool:
    """Bit of a DIS or DCS, counted from 1 as T.30 table 2 does."""
    place = (number - 1) // 8
    return place < len(content) and bool(content[place] >> (7 - (number - 1) % 8) & 1)


def _chosen(content: bytes) -> str:
    if len(content) < 3:
        return ""
    code = sum(has_bit(content, number) << shift for number, shift in ((11, 3), (12, 2), (13, 1), (14, 0)))
    # Bits 11 to 14 are printed in this order; V.17 has bit 14 set.
    words = [_MODEMS.get(code, "an unknown modem"), "fine" if has_bit(content, 15) else "standard resolution"]
    if has_bit(content, 31):
        words.append("MMR")
    else:
        words.append("MR" if has_bit(content, 16) else "MH")
    return ", ".join([*words, "error correction mode"] if has_bit(content, 27) else words)


class FrameReader:
    """Puts frames together from IFP packets in order, for one direction. What it holds is bounded.

    A frame may come octet by octet, and its end in a packet of its own.
    """

    def __init__(self) -> None:
        self._octets = bytearray()
        self._torn = False

    @property
    def held(self) -> int:
        """Octets of an unfinished frame."""
        return len(self._octets)

    def lose(self) -> None:
        """Packets are missing here: what is held is given up, and what comes next may be the rest of a frame."""
        self._octets.clear()
        self._torn = True

    def receive(self, packet: IfpPacket) -> list[Frame]:
        """The frames that a packet completes; with an indicator, what was left of one before it."""
        if packet.indicator is not None:
            return self._end(None)
        found: list[Frame] = []
        for field in packet.fields or ():
            if field.octets is not None and field.kind <= FieldType.HDLC_FCS_BAD_SIG_END:
                self._octets += field.octets[: MOST_FRAME_OCTETS - len(self._octets)]
            match field.kind:
                case FieldType.HDLC_FCS_OK | FieldType.HDLC_FCS_OK_SIG_END:
                    found += self._end(True)
                case FieldType.HDLC_FCS_BAD | FieldType.HDLC_FCS_BAD_SIG_END:
                    found += self._end(False)
                case FieldType.HDLC_SIG_END:
                    found += self._end(None)
        return found

    def _end(self, whole: bool | None) -> list[Frame]:
        octets, torn = bytes(self._octets), self._torn
        self._octets.clear()
        self._torn = False
        if torn and not frame_name(octets):
            whole = False
        return [Frame(octets, whole)] if octets else []

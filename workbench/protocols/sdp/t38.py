"""T.38 streams in SDP: what their attributes say, and what answers an offer.

Equipment writes the names in many cases and flags with `:0` or `:1`; both are understood (`Media.attribute` compares
T.38 names without case). Which attributes are negotiated and which declared stands in T.38 annex D, as general
knowledge has it: the annex itself was not read.

Source: T.38 annex D, RFC 7345 §4.
"""

from __future__ import annotations

import enum

import msgspec

from workbench.errors import MalformedMessageError
from workbench.protocols.sdp.model import Media
from workbench.protocols.sdp.rules import Rule, layers

_CLAUSE = "T.38 annex D"


class RateManagement(enum.StrEnum):
    """How the training check is handled: made at each end, or carried through. UDP needs it carried (T.38 annex D)."""

    LOCAL = "localTCF"
    TRANSFERRED = "transferredTCF"


class ErrorCorrection(enum.StrEnum):
    """What UDPTL adds against loss (T.38 §9)."""

    NONE = "t38UDPNoEC"
    REDUNDANCY = "t38UDPRedundancy"
    FEC = "t38UDPFEC"


_STRENGTH = tuple(ErrorCorrection)


class T38Stream(msgspec.Struct, frozen=True):
    """What a side says of its T.38 stream. None: it does not say.

    Args:
        version: of T.38, 0 to 3: negotiated, an answer is not above its offer.
        bit_rate: the highest, in bit/s: declared.
        fill_bit_removal, mmr, jbig: transcodings that it can do: negotiated.
        rate_management: negotiated; the only one that has to be there.
        max_buffer, max_datagram, max_ifp: octets that it can take: declared.
        error_correction: negotiated.
        depth: of redundancy, least and most: negotiated.
        fec_span: the most IFP packets in one FEC entry that it can take: declared.
        modem: `t38G3FaxOnly` or `t38G3AndV34G3`.
        vendor: T38VendorInfo as written.
    """

    version: int = 0
    bit_rate: int | None = None
    fill_bit_removal: bool = False
    mmr: bool = False
    jbig: bool = False
    rate_management: RateManagement | None = None
    max_buffer: int | None = None
    max_datagram: int | None = None
    max_ifp: int | None = None
    error_correction: ErrorCorrection | None = None
    depth: tuple[int, int] | None = None
    fec_span: int | None = None
    modem: str = ""
    vendor: str = ""

    @classmethod
    def of(cls, media: Media) -> T38Stream:
        """Read the attributes of a stream.

        Raises:
            MalformedMessageError: one of them can't be read.
        """
        rate, correction = (_word(media, name) for name in ("T38FaxRateManagement", "T38FaxUdpEC"))
        return cls(
            _number(media, "T38FaxVersion") or 0, _number(media, "T38MaxBitRate"),
            _flag(media, "T38FaxFillBitRemoval"), _flag(media, "T38FaxTranscodingMMR"),
            _flag(media, "T38FaxTranscodingJBIG"),
            RateManagement(_one_of("T38FaxRateManagement", rate, tuple(RateManagement))) if rate else None,
            _number(media, "T38FaxMaxBuffer"), _number(media, "T38FaxMaxDatagram"), _number(media, "T38FaxMaxIFP"),
            ErrorCorrection(_one_of("T38FaxUdpEC", correction, tuple(ErrorCorrection))) if correction else None,
            _depth(media), _number(media, "T38FaxUdpFECMaxSpan"), _word(media, "T38ModemType"),
            _word(media, "T38VendorInfo"))

    def written(self, media: Media) -> Media:
        """The stream with these attributes in place of what it said before, names as T.38 writes them."""
        depth = None if self.depth is None else f"{self.depth[0]} {self.depth[1]}"
        said: tuple[tuple[str, object], ...] = (
            ("T38FaxVersion", self.version), ("T38MaxBitRate", self.bit_rate),
            ("T38FaxFillBitRemoval", self.fill_bit_removal), ("T38FaxTranscodingMMR", self.mmr),
            ("T38FaxTranscodingJBIG", self.jbig), ("T38FaxRateManagement", self.rate_management),
            ("T38FaxMaxBuffer", self.max_buffer), ("T38FaxMaxDatagram", self.max_datagram),
            ("T38FaxMaxIFP", self.max_ifp), ("T38FaxUdpEC", self.error_correction), ("T38FaxUdpECDepth", depth),
            ("T38FaxUdpFECMaxSpan", self.fec_span), ("T38ModemType", self.modem), ("T38VendorInfo", self.vendor))
        for name, _ in said:
            media = media.without_attribute(name)
        for name, value in said:
            if value is True:
                media = media.and_attribute(name)
            elif value is not None and value is not False and value != "":
                media = media.and_attribute(name, str(value))
        return media

    def answer(self, ours: T38Stream) -> T38Stream:
        """What answers this offer, by one who could do `ours`: the negotiated ones are the most that both can do."""
        lowest = min(self.error_correction or ErrorCorrection.NONE, ours.error_correction or ErrorCorrection.NONE,
                     key=_STRENGTH.index)
        return msgspec.structs.replace(
            ours, version=min(self.version, ours.version), rate_management=self.rate_management,
            fill_bit_removal=self.fill_bit_removal and ours.fill_bit_removal, mmr=self.mmr and ours.mmr,
            jbig=self.jbig and ours.jbig, error_correction=None if self.error_correction is None else lowest,
            depth=None if self.depth is None or ours.depth is None else _common_depth(self.depth, ours.depth),
            modem=self.modem if self.modem == ours.modem else "")


def _common_depth(a: tuple[int, int], b: tuple[int, int]) -> tuple[int, int]:
    most = min(a[1], b[1])
    return min(max(a[0], b[0]), most), most


# Attributes

def _word(media: Media, name: str) -> str:
    return (media.attribute(name) or "").strip(" ")


def _number(media: Media, name: str) -> int | None:
    value = media.attribute(name)
    if value is None:
        return None
    digits = value.strip(" ")
    if not digits.isascii() or not digits.isdigit() or len(digits) > 9:
        raise MalformedMessageError(f"a={name} is not a number", clause=_CLAUSE)
    return int(digits)


def _flag(media: Media, name: str) -> bool:
    """A flag is there or not; old equipment writes `:0` behind one that is not meant."""
    value = media.attribute(name)
    return value is not None and value.strip(" ") != "0"


def _one_of(name: str, word: str, words: tuple[str, ...]) -> str:
    """A word as T.38 writes it, in whatever case it came."""
    for one in words:
        if one.casefold() == word.casefold():
            return one
    raise MalformedMessageError(f"a={name} is not {' or '.join(words)}", clause=_CLAUSE)


def _depth(media: Media) -> tuple[int, int] | None:
    words = _word(media, "T38FaxUdpECDepth").split()
    if not words:
        return None
    if len(words) > 2 or not all(word.isascii() and word.isdigit() and len(word) < 6 for word in words):
        raise MalformedMessageError("a=T38FaxUdpECDepth is not least and most", clause=_CLAUSE)
    return int(words[0]), int(words[-1])


# The rules' conditions; each takes (offer, answer), or a section twice

def _said(media: Media) -> T38Stream | None:
    if layers(media).application not in ("udptl", "t38"):
        return None
    try:
        return T38Stream.of(media)
    except MalformedMessageError:
        return None


def _unreadable(_: Media, media: Media) -> str | None:
    if layers(media).application not in ("udptl", "t38"):
        return None
    try:
        T38Stream.of(media)
    except MalformedMessageError as error:
        return error.what
    return None


def _local_over_udp(_: Media, media: Media) -> str | None:
    said = _said(media)
    local = said is not None and said.rate_management is RateManagement.LOCAL and layers(media).carrier == "udp"
    return f"localTCF with {media.proto}" if local else None


def _higher_version(offer: Media, answer: Media) -> str | None:
    a, b = _said(offer), _said(answer)
    higher = a is not None and b is not None and b.version > a.version
    return f"T.38 version {b.version} answers {a.version}" if higher and a and b else None


def _other_rate(offer: Media, answer: Media) -> str | None:
    a, b = _said(offer), _said(answer)
    if a is None or b is None or None in (a.rate_management, b.rate_management):
        return None
    return None if a.rate_management is b.rate_management else f"{b.rate_management} answers {a.rate_management}"


def _stronger_correction(offer: Media, answer: Media) -> str | None:
    a, b = _said(offer), _said(answer)
    if a is None or b is None or a.error_correction is None or b.error_correction is None:
        return None
    stronger = _STRENGTH.index(b.error_correction) > _STRENGTH.index(a.error_correction)
    return f"{b.error_correction} answers {a.error_correction}" if stronger else None


def _new_flag(offer: Media, answer: Media) -> str | None:
    names = ("T38FaxFillBitRemoval", "T38FaxTranscodingMMR", "T38FaxTranscodingJBIG")
    if _said(offer) is None or _said(answer) is None:
        return None
    new = [name for name in names if _flag(answer, name) and not _flag(offer, name)]
    return f"{', '.join(new)} in the answer, not in the offer" if new else None


BOTH_RULES = (
    Rule("t38-attributes", _CLAUSE, _unreadable),
    Rule("t38-rate-management-udp", "T.38 annex D", _local_over_udp),
)
"""Rules on one T.38 stream, offered or answered."""

ANSWER_RULES = (
    Rule("t38-version-answer", _CLAUSE, _higher_version),
    Rule("t38-rate-management-answer", _CLAUSE, _other_rate),
    Rule("t38-error-correction-answer", _CLAUSE, _stronger_correction),
    Rule("t38-flags-answer", _CLAUSE, _new_flag),
)
"""Rules on an accepted T.38 stream."""

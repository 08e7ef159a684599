"""H.248 as a scapy layer, in text and binary, over UDP, TCP (behind `TPKT`) and SCTP (payload protocol 7).

The layer reads and writes with this package's codecs, so a packet of scapy's and the message tree are two views of one
thing:

    from workbench.scapy_layers.h248 import H248, TPKT
    tree = packet[H248].message                                     # from scapy to the tree
    IP(dst="192.0.2.20") / UDP() / H248(message=tree)               # and back
    packet[H248].mid = "[192.0.2.99]:2944"                          # or field by field

Octets that came in leave unchanged until a field is set. Importing this module binds the layers to ports 2944 and 2945.

Source: H.248.1 §8.3, Annex D; RFC 1006 §6.
"""

from __future__ import annotations

from typing import Any

from workbench.analysis import summaries
from workbench.errors import PeerError, WorkbenchError
from workbench.protocols.h248 import coding
from workbench.protocols.h248.message import ErrorDescriptor, Message, Pending, Reply, Request
from workbench.protocols.h248.recognise import looks_like_text
from workbench.protocols.h248.tpkt import HEADER_OCTETS
from workbench.protocols.h248.transport import BINARY_PORT, SCTP_PAYLOAD_PROTOCOL, TEXT_PORT

try:
    from scapy.fields import ByteField, Field, ShortField
    from scapy.layers.inet import TCP, UDP
    from scapy.layers.sctp import SCTPChunkData
    from scapy.packet import Packet, bind_bottom_up, bind_layers, bind_top_down
except ImportError as error:
    raise WorkbenchError(f"scapy is missing ({error}): pip install workbench[analysis]") from None

__all__ = ["H248", "TPKT"]


class _Value(Field):  # type: ignore[type-arg]
    """A field that holds a value of the tree as it is; `H248` itself reads and writes the octets."""

    def __init__(self, name: str, default: Any) -> None:
        super().__init__(name, default, "s")

    def any2i(self, pkt: Packet | None, x: Any) -> Any:
        """What the user sets."""
        return x

    def i2repr(self, pkt: Packet | None, x: Any) -> str:
        """A line, or the lines of the transactions as long text."""
        if self.name != "transactions" or not x:
            return str(x)
        try:
            whole = coding.encode(Message(3, "[0.0.0.0]", tuple(x)), "pretty").decode("utf-8", "replace")
        except WorkbenchError:
            return str(x)
        return "\n" + whole.partition("\n")[2].replace("\r", "").rstrip()

    def i2h(self, pkt: Packet | None, x: Any) -> Any:
        """As it is."""
        return x


class H248(Packet):
    """An H.248 message.

    Args (fields):
        coding: `pretty`, `compact` or `binary`: how the message is written; of one that came in, how it was written
            (long and short text are both taken for `pretty` or `compact` by their first token).
        version, mid, transactions, authentication: as in `Message`.
        error_descriptor: instead of transactions, why a message could not be read.
        problem: why octets are no H.248; they are the layer's payload then.

    `message=tree` sets all but `coding` at once.
    """

    name = "H.248"
    fields_desc = [
        _Value("coding", "pretty"), _Value("version", 2), _Value("mid", "[127.0.0.1]:2944"),
        _Value("transactions", ()), _Value("error_descriptor", None), _Value("authentication", None),
        _Value("problem", ""),
    ]

    def __init__(self, _pkt: bytes = b"", *args: Any, message: Message | None = None, **fields: Any) -> None:
        if message is not None:
            fields = {**_fields_of(message), **fields}
        super().__init__(_pkt, *args, **fields)

    @property
    def message(self) -> Message:
        """The message tree."""
        error: ErrorDescriptor | None = self.error_descriptor
        return Message(self.version, self.mid, tuple(self.transactions), error, self.authentication)

    def do_dissect(self, s: bytes) -> bytes:
        """Read the octets; what does not decode is left for the payload."""
        octets = bytes(s)
        how = coding.coding_of(octets)
        if looks_like_text(octets) and b"MEGACO" not in octets[:200].upper():
            how = "compact"
        found: dict[str, Any] = {"coding": how}
        rest = b""
        try:
            found |= _fields_of(coding.decode(octets, how))
        except PeerError as error:
            found["problem"] = str(error)
            rest = octets
        self.fields.update(found)
        self.raw_packet_cache = b"" if rest else octets
        self.raw_packet_cache_fields = {}
        self.explicit = 1
        return rest

    def self_build(self) -> bytes:
        """The octets that came in, or those of the fields. Raises LocalProtocolError for what no octets can say."""
        if self.raw_packet_cache is not None:
            return self.raw_packet_cache
        return b"" if self.problem else coding.encode(self.message, self.coding)

    def mysummary(self) -> str:
        """`H.248 Add ip/1/access/$ in $ [1001]`."""
        return f"H.248 {self.problem or summaries.of_h248(self.message)}"

    def _ids(self, *kinds: type[Request | Reply | Pending]) -> list[int]:
        return sorted(item.id for item in self.transactions if isinstance(item, kinds))

    def hashret(self) -> bytes:
        """Equal for a request and its reply."""
        return b"".join(number.to_bytes(4, "big") for number in self._ids(Request, Reply, Pending))

    def answers(self, other: Packet) -> int:
        """Whether this replies to the other message, as `sr1` asks."""
        if not isinstance(other, H248):
            return 0
        return int(bool(set(self._ids(Reply, Pending)) & set(other._ids(Request))))


def _fields_of(message: Message) -> dict[str, Any]:
    return {"version": message.version, "mid": message.mid, "transactions": message.body,
            "error_descriptor": message.error, "authentication": message.authentication}


class TPKT(Packet):
    """The four octets in front of a message on TCP; `length` is counted when it is left out.

    With `session=TCPSession` scapy puts messages together that TCP cut, and takes apart those that share a segment.
    """

    name = "TPKT"
    fields_desc = [ByteField("version", 3), ByteField("reserved", 0), ShortField("length", None)]

    def post_build(self, pkt: bytes, pay: bytes) -> bytes:
        """Count the length."""
        if self.length is None:
            pkt = pkt[:2] + (HEADER_OCTETS + len(pay)).to_bytes(2, "big")
        return pkt + pay

    def extract_padding(self, s: bytes) -> tuple[bytes, bytes]:
        """The message, and what follows it."""
        size = max((self.length or 0) - HEADER_OCTETS, 0)
        return s[:size], s[size:]

    @classmethod
    def tcp_reassemble(cls, data: bytes, metadata: dict[str, Any], session: dict[str, Any]) -> Packet | None:
        """For `TCPSession`: a packet once its length is there."""
        size = int.from_bytes(data[2:4], "big")
        return None if len(data) < HEADER_OCTETS or len(data) < size else cls(data)


bind_layers(TPKT, H248)
for _port in (BINARY_PORT, TEXT_PORT):
    for _below, _layer in ((UDP, H248), (TCP, TPKT)):
        bind_bottom_up(_below, _layer, sport=_port)
        bind_bottom_up(_below, _layer, dport=_port)
        bind_top_down(_below, _layer, sport=_port, dport=_port)
bind_layers(SCTPChunkData, H248, proto_id=SCTP_PAYLOAD_PROTOCOL)

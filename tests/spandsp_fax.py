"""spandsp's T.38 fax terminals through ctypes: complete T.30 ends that give and take IFP packets, without UDPTL."""

from __future__ import annotations

import ctypes
import ctypes.util
import struct
from collections.abc import Callable, Sequence
from pathlib import Path

_SAMPLES = 160          # 20 ms at 8000 a second: how time is told to a terminal
TICK = _SAMPLES / 8000
V27TER, V29, V17 = 1, 2, 4
MH, MR, MMR = 2, 4, 8
WIDTH = 1728            # of an A4 line at 204 dots an inch (T.4 §2.1)

_TRANSMIT = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.POINTER(ctypes.c_ubyte), ctypes.c_int, ctypes.c_int)
_ENDED = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int)


def library() -> ctypes.CDLL | None:
    """libspandsp, or None where it is not installed."""
    name = ctypes.util.find_library("spandsp")
    if name is None:
        return None
    found = ctypes.CDLL(name)
    for function, result, *arguments in (
        ("t38_terminal_init", ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int, _TRANSMIT, ctypes.c_void_p),
        ("t38_terminal_get_t30_state", ctypes.c_void_p, ctypes.c_void_p),
        ("t38_terminal_get_t38_core_state", ctypes.c_void_p, ctypes.c_void_p),
        ("t38_terminal_send_timeout", ctypes.c_int, ctypes.c_void_p, ctypes.c_int),
        ("t38_terminal_free", ctypes.c_int, ctypes.c_void_p),
        ("t38_core_rx_ifp_packet", ctypes.c_int, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int, ctypes.c_uint16),
        ("t38_core_send_indicator", ctypes.c_int, ctypes.c_void_p, ctypes.c_int),
        ("t38_core_send_data", ctypes.c_int, ctypes.c_void_p, ctypes.c_int, ctypes.c_int, ctypes.c_char_p,
         ctypes.c_int, ctypes.c_int),
        ("t38_set_t38_version", None, ctypes.c_void_p, ctypes.c_int),
        ("t30_set_tx_file", None, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int, ctypes.c_int),
        ("t30_set_rx_file", None, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int),
        ("t30_set_tx_ident", ctypes.c_int, ctypes.c_void_p, ctypes.c_char_p),
        ("t30_set_ecm_capability", ctypes.c_int, ctypes.c_void_p, ctypes.c_int),
        ("t30_set_supported_modems", ctypes.c_int, ctypes.c_void_p, ctypes.c_int),
        ("t30_set_supported_compressions", ctypes.c_int, ctypes.c_void_p, ctypes.c_int),
        ("t30_set_phase_e_handler", None, ctypes.c_void_p, _ENDED, ctypes.c_void_p),
    ):
        named = getattr(found, function)
        named.restype, named.argtypes = result, arguments
    return found


class FaxEnd:
    """A fax terminal.

    Args:
        spandsp: the library.
        calling: it calls, and sends `page`; else it answers, and writes what it receives to `page`.
        page: a TIFF file.
        ident: the number that it tells.
        modems: V27TER, V29 and V17, added.
        ecm: with error correction mode.
        version: T38FaxVersion.
        codings: MH, MR and MMR, added.
        transmit: takes each IFP packet that leaves, and how often it should be sent.
    """

    def __init__(
        self, spandsp: ctypes.CDLL, calling: bool, page: Path, ident: str, transmit: Callable[[bytes, int], None], *,
        modems: int = V27TER | V29 | V17, ecm: bool = True, version: int = 0,
        codings: int | None = None,
    ) -> None:
        self.result: int | None = None
        """How the call ended: 0 is well; None: it has not."""
        self.finished = False
        self._spandsp = spandsp
        self._sequence = 0
        self._kept = (
            _TRANSMIT(lambda core, user, octets, size, count: transmit(bytes(octets[:size]), count) or 0),
            _ENDED(self._ended))
        self._state = spandsp.t38_terminal_init(None, calling, self._kept[0], None)
        self._core = spandsp.t38_terminal_get_t38_core_state(self._state)
        t30 = spandsp.t38_terminal_get_t30_state(self._state)
        spandsp.t38_set_t38_version(self._core, version)
        spandsp.t30_set_tx_ident(t30, ident.encode())
        spandsp.t30_set_ecm_capability(t30, ecm)
        spandsp.t30_set_supported_modems(t30, modems)
        if codings is not None:
            spandsp.t30_set_supported_compressions(t30, codings)
        spandsp.t30_set_phase_e_handler(t30, self._kept[1], None)
        if calling:
            spandsp.t30_set_tx_file(t30, str(page).encode(), -1, -1)
        else:
            spandsp.t30_set_rx_file(t30, str(page).encode(), -1)

    def receive(self, ifp: bytes, sequence: int | None = None) -> None:
        """Take an IFP packet; without a sequence number it follows the one before."""
        number = self._sequence if sequence is None else sequence
        self._sequence = (number + 1) & 0xFFFF
        self._spandsp.t38_core_rx_ifp_packet(self._core, ifp, len(ifp), number)

    def signal(self, indicator: int) -> bool:
        """Have an indicator sent, out of turn; False: the terminal does not know it in this version."""
        return self._spandsp.t38_core_send_indicator(self._core, indicator) >= 0

    def data(self, kind: int, field: int, octets: bytes) -> bool:
        """Have data of one field sent, out of turn; False: the terminal does not know it in this version."""
        return self._spandsp.t38_core_send_data(self._core, kind, field, octets, len(octets), 0) >= 0

    def tick(self) -> None:
        """20 ms pass."""
        if self._spandsp.t38_terminal_send_timeout(self._state, _SAMPLES):
            self.finished = True

    def close(self) -> None:
        """Give the terminal back."""
        self._spandsp.t38_terminal_free(self._state)

    def _ended(self, t30: int, user: int, result: int) -> None:
        self.result = result


def write_tiff(path: Path, lines: Sequence[int], *, resolution: int = 98) -> None:
    """A black and white page of `WIDTH` dots a line, as spandsp sends it; each line is a number, first dot first."""
    rows = b"".join(line.to_bytes(WIDTH // 8, "big") for line in lines)
    entries = [
        (256, 4, 1, WIDTH), (257, 4, 1, len(lines)), (258, 3, 1, 1), (259, 3, 1, 1), (262, 3, 1, 0), (266, 3, 1, 1),
        (273, 4, 1, 8), (277, 3, 1, 1), (278, 4, 1, len(lines)), (279, 4, 1, len(rows)), (282, 5, 1, 8 + len(rows)),
        (283, 5, 1, 16 + len(rows)), (296, 3, 1, 2),
    ]
    forms = {3: "<HHIHxx", 4: "<HHII", 5: "<HHII"}   # SHORT, LONG, RATIONAL
    rows_of = b"".join(struct.pack(forms[kind], tag, kind, count, value) for tag, kind, count, value in entries)
    directory = struct.pack("<H", len(entries)) + rows_of + bytes(4)
    rationals = struct.pack("<IIII", 204, 1, resolution, 1)
    path.write_bytes(b"II*\0" + struct.pack("<I", 24 + len(rows)) + rows + rationals + directory)


def read_tiff(path: Path) -> list[int]:
    """The lines of a page that spandsp wrote, by libtiff, which spandsp needs too. Raises OSError: it can't be read."""
    tiff = ctypes.CDLL(ctypes.util.find_library("tiff"))
    tiff.TIFFOpen.restype = ctypes.c_void_p
    for function, *arguments in (
        ("TIFFOpen", ctypes.c_char_p, ctypes.c_char_p),
        ("TIFFGetField", ctypes.c_void_p, ctypes.c_uint32, ctypes.c_void_p),
        ("TIFFReadScanline", ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint32, ctypes.c_uint16),
        ("TIFFClose", ctypes.c_void_p),
    ):
        getattr(tiff, function).argtypes = arguments
    opened = tiff.TIFFOpen(str(path).encode(), b"r")
    if not opened:
        raise OSError(f"{path} is no TIFF file")
    count = ctypes.c_uint32()
    tiff.TIFFGetField(opened, 257, ctypes.byref(count))
    line = (ctypes.c_ubyte * (WIDTH // 8))()
    found = []
    for number in range(count.value):
        if tiff.TIFFReadScanline(opened, line, number, 0) < 0:
            break
        found.append(int.from_bytes(bytes(line), "big"))
    tiff.TIFFClose(opened)
    return found

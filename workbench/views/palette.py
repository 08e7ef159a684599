"""Colours for light and dark, with the contrast that WCAG asks for (a test computes it), and text escaping."""

from __future__ import annotations

import html
import re

# Light and dark values of each colour. Text colours stand on `paper` or `panel` with a contrast of 4.5 or more.
COLOURS: dict[str, tuple[str, str]] = {
    "paper": ("#ffffff", "#14171c"),
    "panel": ("#f5f6f8", "#1d2128"),
    "ink": ("#1b1f27", "#e8eaee"),
    "quiet": ("#596171", "#a2abba"),
    "line": ("#cfd4dc", "#3a414d"),
    "accent": ("#0b57c2", "#7db4ff"),
    "chosen": ("#e3edfc", "#203350"),
    "good": ("#14692f", "#6bd08c"),
    "bad": ("#b3261e", "#ff9a92"),
    "unsure": ("#7d5700", "#e3b341"),
    "sip": ("#0b57c2", "#7db4ff"),
    "h248": ("#7a3bb5", "#cba4f5"),
    "tcp": ("#596171", "#a2abba"),
    "tls": ("#14692f", "#6bd08c"),
    "msrp": ("#a04300", "#f5a66b"),
    "other": ("#4a4f5a", "#b9bfca"),
}

TEXT_COLOURS = ("ink", "quiet", "accent", "good", "bad", "unsure", "sip", "h248", "tcp", "tls", "msrp", "other")
GROUNDS = ("paper", "panel", "chosen")

_OF_PROTOCOL = {"SIP": "sip", "HTTP": "sip", "H.248": "h248", "TCP": "tcp", "SCTP": "tcp", "ICMP": "tcp", "STUN": "tcp",
                "TLS": "tls", "DTLS": "tls", "MSRP": "msrp", "BFCP": "msrp", "UDPTL": "msrp", "RTP": "msrp"}


def colour_of(protocol: str) -> str:
    """Name of the colour that stands for a protocol."""
    return _OF_PROTOCOL.get(protocol, "other")


def variables(theme: int) -> str:
    """The colours as CSS custom properties; `theme` 0 is light, 1 is dark."""
    return "".join(f"--wb-{name}:{pair[theme]};" for name, pair in COLOURS.items())


def themed(selector: str) -> str:
    """CSS that gives `selector` its colours: by the system's preference, or by JupyterLab's theme if any."""
    return (
        f"{selector}{{{variables(0)}color-scheme:light}}"
        f"@media (prefers-color-scheme:dark){{{selector}{{{variables(1)}color-scheme:dark}}}}"
        f"body[data-jp-theme-light=true] {selector}{{{variables(0)}color-scheme:light}}"
        f"body[data-jp-theme-light=false] {selector}{{{variables(1)}color-scheme:dark}}"
        f"@media print{{{selector}{{{variables(0)}color-scheme:light}}}}"
    )


def contrast(one: str, other: str) -> float:
    """Contrast ratio of two `#rrggbb` colours, 1 to 21 (WCAG 2.2, relative luminance)."""
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float:
    channels = [int(colour[at:at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


# What steers a terminal, breaks lines, turns the reading direction, hides itself, or is no character: C0, DEL and C1
# controls, bidirectional controls, line separators, tags and other invisible marks, surrogates, noncharacters.
_STEERING = re.compile("[\x00-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f"
                       "\ud800-\udfff\ufeff\ufff9-\ufffb\ufffe\uffff\U000e0000-\U000e0fff]")


def escape(text: object) -> str:
    """Text from a capture, made safe for HTML and SVG: markup escaped, control characters shown as pictures."""
    return html.escape(plain(text), quote=True)


def figure_text(text: object) -> str:
    """Text for a plotly figure, which reads some HTML, and TeX between dollar signs as H.248 has them."""
    return escape(text).replace("$", "&#36;")


def plain(text: object) -> str:
    """Text from a capture for a terminal: no control characters, no escape sequences, no turned reading direction."""
    return _STEERING.sub(_shown, str(text))


def _shown(found: re.Match[str]) -> str:
    """A picture of a C0 control; a mark for what has no place in a report."""
    code = ord(found[0])
    return chr(0x2400 + code) if code < 0x20 else "\N{REPLACEMENT CHARACTER}"

"""sipp as SIP end: scenarios as lists of steps, and the program that plays them."""

from __future__ import annotations

import re
from pathlib import Path
from xml.sax.saxutils import quoteattr

from interop.children import Child, Children
from programs import need

_HEAD = """Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=z9hG4bK[pid].[call_number].{branch};rport
Max-Forwards: 70
From: <{caller}>;tag=[pid]c[call_number]
To: <{callee}>[peer_tag_param]
Call-ID: [call_id]
CSeq: {number} {method}
"""
_INSIDE = """[last_Via:]
[last_From:]
[last_To:];tag=[pid]s[call_number]
[last_Call-ID:]
[last_CSeq:]
"""
_CONTACT = "Contact: <sip:[local_ip]:[local_port]>\n"


class Caller:
    """What a UAC says.

    Args:
        caller, callee: SIP URIs.
        more: further header lines of every INVITE.
    """

    def __init__(self, caller: str, callee: str, more: str = "") -> None:
        self._caller, self._callee, self._more = caller, callee, more

    def request(self, method: str, number: int, sdp: str = "", more: str = "", uri: str = "", **how: str) -> str:
        """A request; within a dialog `uri` is `[next_url]`."""
        extra = _CONTACT + (self._more if method == "INVITE" else "") + more
        return self._said(method, uri or self._callee, number, extra, sdp, retrans="500", **how)

    def invite(self, sdp: str, more: str = "") -> str:
        """The INVITE that begins a call."""
        return self.request("INVITE", 1, sdp, more)

    def ack(self, number: int = 1) -> str:
        """ACK of a 2xx."""
        return self._said("ACK", "[next_url]", number, "[routes]\n")

    def ack_failure(self, number: int = 1) -> str:
        """ACK of a failure: in the INVITE's own transaction."""
        return self._said("ACK", self._callee, number, branch=f"{number}INVITE")

    def cancel(self) -> str:
        """CANCEL of the first INVITE: in its transaction, and without a tag in To."""
        said = self._said("CANCEL", self._callee, 1, branch="1INVITE", retrans="500")
        return said.replace("[peer_tag_param]", "")

    def _said(
        self, method: str, uri: str, number: int, more: str = "", sdp: str = "", branch: str = "", **how: str,
    ) -> str:
        head = _HEAD.format(caller=self._caller, callee=self._callee, number=number, method=method,
                            branch=branch or f"{number}{method}")
        return _send(f"{method} {uri} SIP/2.0\n{head}{more}{_body(sdp)}", **how)


def reply(status: int, reason: str, sdp: str = "", more: str = "", *, inside: bool = False, **how: str) -> str:
    """A response to what came last; `inside` a dialog its To has our tag already."""
    head = _INSIDE.replace(";tag=[pid]s[call_number]", "") if inside else _INSIDE
    return _send(f"SIP/2.0 {status} {reason}\n{head}{_CONTACT}{more}{_body(sdp)}", **how)


def terminated() -> str:
    """487 to the INVITE that the CANCEL in between was for."""
    return reply(487, "Request Terminated").replace("[last_CSeq:]", "CSeq: 1 INVITE")


def is_called() -> str:
    """Wait for an INVITE, and remember who it is from, for `hangs_up`."""
    return ('<recv request="INVITE" rrs="true"><action><ereg regexp=".*" search_in="hdr" header="From:" '
            'assign_to="peer"/></action></recv>')


def hangs_up(callee: str) -> str:
    """BYE of the one who was called."""
    return _send("BYE [next_url] SIP/2.0\nVia: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch];rport\n"
                 f"Max-Forwards: 70\nFrom: <{callee}>;tag=[pid]s[call_number]\nTo:[$peer]\nCall-ID: [call_id]\n"
                 f"CSeq: 1 BYE\n{_body('')}", retrans="500")


def hears(request: str = "", *, response: int = 0, checks: dict[str, str] | None = None, **how: str) -> str:
    """Wait for a request or a response, and look at it.

    Args:
        checks: header name with colon, or `body`, to a regular expression that has to be found there.
    """
    if request == "INVITE" or response == 200:
        how.setdefault("rrs", "true")  # what [next_url] and [routes] are made from
    what = f"request={quoteattr(request)}" if request else f'response="{response}"'
    attributes = "".join(f" {name}={quoteattr(value)}" for name, value in how.items())
    actions = "".join(
        f'<ereg regexp={quoteattr(pattern)} search_in="{"body" if where == "body" else "hdr"}" '
        + ("" if where == "body" else f"header={quoteattr(where)} ") + f'check_it="true" assign_to="c{number}"/>'
        for number, (where, pattern) in enumerate((checks or {}).items()))
    return f"<recv {what}{attributes}>" + (f"<action>{actions}</action>" if actions else "") + "</recv>"


def rings() -> list[str]:
    """Provisional responses, wherever they come."""
    return [hears(response=100, optional="true"), hears(response=180, optional="true")]


def plays(programs: Children, name: str, port: int, *steps: str, to: int = 0) -> Child:
    """Start sipp with these steps at a port; `to` is where a UAC calls (a UAS has none)."""
    # sipp takes a variable that nothing refers to for a mistake.
    used = "".join(f'<Reference variables="c{n}"/>' for n in range(9) if any(f'"c{n}"' in one for one in steps))
    file = programs.folder / f"{name}.xml"
    file.write_text(f'<?xml version="1.0" encoding="ISO-8859-1"?>\n<scenario name="{name}">\n'
                    + "\n".join(steps) + f"\n{used}\n</scenario>\n")
    remote = (f"{programs.address}:{to}",) if to else ()
    child = programs.start(
        need("sipp", "sip-tester"), *remote, "-sf", file, "-i", programs.address, "-p", port, "-m", "1", "-nostdin",
        "-recv_timeout", "20000", "-timeout", "40", "-timeout_error", "-trace_msg", "-message_file",
        programs.folder / f"{name}.messages", "-trace_err", "-error_file", programs.folder / f"{name}.errors")
    if not to:
        child.receives(programs.address, port)
    return child


def played(child: Child, programs: Children, name: str) -> str:
    """Wait for its end; the messages that it sent and received. It fails where sipp heard something else."""
    status = child.ended()
    messages = _text(programs.folder / f"{name}.messages")
    assert status == 0, f"{_text(programs.folder / f'{name}.errors')[-1500:]}\n{messages[-2500:]}"
    return messages


def told(programs: Children, name: str, pattern: str) -> re.Match[str]:
    """Wait until this can be found in the messages that have passed at a sipp."""
    child = next(one for one in programs.running if str(programs.folder / f"{name}.xml") in one.words)
    found: list[re.Match[str]] = []

    def there() -> bool:
        found.extend(re.finditer(pattern, _text(programs.folder / f"{name}.messages")))
        return bool(found)

    child.polls(there, f"has {pattern}")
    return found[0]


def _text(file: Path) -> str:
    return file.read_text(errors="replace") if file.exists() else ""


def _send(text: str, **how: str) -> str:
    attributes = "".join(f" {name}={quoteattr(value)}" for name, value in how.items())
    return f"<send{attributes}><![CDATA[\n\n{text}\n\n]]></send>"


def _body(sdp: str) -> str:
    if not sdp:
        return "Content-Length: 0\n\n"
    return f"Content-Type: application/sdp\nContent-Length: [len]\n\n{sdp.strip()}\n"


def bfcp(setup: str, port: int = 9, host: str = "[local_ip]") -> str:
    """An offer of BFCP over TCP by a floor participant (RFC 8856 §5)."""
    return "\n".join([
        "v=0", f"o=sipp 53655765 2353687637 IN IP[local_ip_type] {host}", "s=-", f"c=IN IP[local_ip_type] {host}",
        "t=0 0", f"m=application {port} TCP/BFCP *", f"a=setup:{setup}", "a=connection:new", "a=floorctrl:c-only"])


def msrp(port: int, setup: str, *more: str, proto: str = "TCP/MSRP", host: str = "[local_ip]") -> str:
    """A description of an MSRP session with CEMA."""
    scheme = "msrps" if "TLS" in proto else "msrp"
    lines = ["v=0", f"o=sipp 53655765 2353687637 IN IP[local_ip_type] {host}", "s=-",
             f"c=IN IP[local_ip_type] {host}", "t=0 0", f"m=message {port} {proto} *", f"a=setup:{setup}",
             "a=accept-types:text/plain", f"a=path:{scheme}://{host}:{port if port > 9 else 2855}/s111271a9;tcp",
             "a=msrp-cema", *more]
    return "\n".join(lines)

"""Words of the protocols: what stays in a text. Whatever is not here is somebody's, and is replaced."""

from __future__ import annotations

import re
import tomllib
from functools import cache
from importlib import resources
from typing import Any

_SIP = """
sip sips tel urn udp tcp tls sctp ws wss ack bye cancel info invite message notify options prack publish refer
register subscribe update accept contact encoding language alert allow events also authentication authorization call
content disposition length type cseq date error event expires from in reply to max forwards mime version min se
organization priority proxy authenticate require rack reason record route referred by replaces retry after rseq server
session id subject supported timer timestamp unsupported user agent via warning www path service join identity privacy
p asserted preferred associated uri called party access network charging function addresses vector visited security
client verify early media feature caps geolocation history recv answer mode target dialog trigger consent resource
share add subscription state etag if match body digest md5 akav1 akav2 sha algorithm auth int qop nc nonce cnonce
response realm opaque username stale domain true false lr ob rport received branch tag maddr ttl transport method q
expires application sdp text plain html xml pidf multipart mixed related message cpim octet stream image jpeg png
mediasec msrp msrps bfcp udptl dtls mgmt key sdes ike ipsec 3gpp man sec agree none header critical replaces 100rel
norefersub outbound gruu precondition tdialog histinfo resource-priority path pref alerting full active terminated
pending phone ip handling optional required render icon attachment utf 8 cid en
trying ringing forwarded queued progress ok accepted no notification multiple choices moved permanently temporarily
use alternative bad request unauthorized payment forbidden not found allowed acceptable timeout conflict gone
entity too large unsupported long extension interval brief session small anonymity disallowed temporarily unavailable
call transaction does exist loop detected many hops address incomplete ambiguous busy here terminated undecipherable
agreement internal implemented gateway service out of everywhere decline anywhere unwanted failed dependency
initiated by cause q.850 status completed elsewhere normal clearing
utran eutran geran wlan ieee fdd tdd ran nr ethernet xdsl dslam network provided np
icsi ref urn ims mmtel oma
"""
_SDP = """
v o s i u e p c b t r z k a m in ip4 ip6 as rs rr tias ct message application image audio video text data rtp avp
savp avpf savpf tcp udp tls dtls sctp msrp bfcp udptl t38 wb webrtc datachannel setup active passive actpass holdconn
connection new existing path accept types wrapped max size cema sendrecv sendonly recvonly inactive rtpmap fmtp ptime
maxptime mid group bundle fingerprint sha md5 md2 1 224 256 384 512 floorctrl floorid confid userid mstrm m stream
c s only bfcpver id crypto inline key mgmt mikey candidate host srflx prflx relay raddr typ rport ice ufrag pwd lite
options rtcp mux fb nack ccm fir pli ssrc msid label content slides main sup line 3ge2ae requested applied file
selector transfer chatroom name icon disposition attachment render curr des conf qos local remote e2e mandatory none
optional send recv tls fmtp pcmu pcma telephone event amr wb evs opus g722 h264 vp8
t38faxversion t38maxbitrate t38faxratemanagement t38faxmaxbuffer t38faxmaxdatagram t38faxudpec t38faxfillbitremoval
t38faxtranscodingmmr t38faxtranscodingjbig t38faxmaxifp transferredtcf localtcf t38udpredundancy t38udpfec
sessmatch t38udpnoec t38vendorinfo ietf srtp plain octet stream cpim iscomposing
"""
_MSRP = """
msrp send report auth response byte range status failure success yes no partial from path message use min max expires
"""
_H248 = """
megaco authentication au reply p pending pn transaction t transactionresponseack k error er context c topology tp
priority pr emergency eg ieps iepscall prio add a modify mf move mv subtract s auditvalue av auditcap auditcapability
ac notify n servicechange sc w o root media m stream st local l remote r localcontrol o mode mo sendonly so
receiveonly rc sendreceive sr inactive in loopback lb reservedvalue rv reservedgroup rg events e signals sg
eventbuffer eb digitmap dm audit at statistics sa observedevents oe packages pg modem md mux mx services sv
servicestates si inservice iv outofservice os test te buffer bf off on lockstep sp terminationstate ts
signallist sl duration dr signaltype sy brief br onoff oo timeout to notifycompletion nc keepactive ka iteration
interruptbyevent ibe interruptbynewsignaldescr ibs otherreason or restart rs forced fo graceful gr disconnected dc
handoff ho failover fl reason re method mt version v profile pf delay dl mgcid mgcidtotry mg timestamp ip bothway
bw oneway ow isolate is external ex embed em contextattr ct contextlist cl immediateackrequired ia andauditselect nd
all segment segmentationcomplete sm end null address serviceaddress ad serviceaction network ipv4 ipv6 both
resetevents regulated notifybehaviour notifyimmediate notifyregulated never nbnb
profilename access core border ip cold boot warm mgc directed change impending failure transmission commissioning
termination restored taken out service media capability registered normal removal capabilities level expired
administratively congestion test true false est rel fail
"""
_SHORT = re.compile(r"[A-Za-z0-9]+")
METHODS = frozenset(("INVITE", "ACK", "BYE", "CANCEL", "OPTIONS", "REGISTER", "PRACK", "SUBSCRIBE", "NOTIFY", "PUBLISH",
                     "INFO", "REFER", "MESSAGE", "UPDATE"))


@cache
def known() -> frozenset[str]:
    """All words that stay, in lower case: those above and the names in the packages of H.248."""
    found = {word for text in (_SIP, _SDP, _MSRP, _H248) for word in _SHORT.findall(text.lower())}
    for entry in resources.files("workbench.protocols.h248.packages").iterdir():
        if entry.name.endswith(".toml"):
            _collect(tomllib.loads(entry.read_text(encoding="utf-8")), found)
    return frozenset(found)


def _collect(node: Any, found: set[str]) -> None:
    """The keys, and what stands for a name; never the prose."""
    if isinstance(node, dict):
        for name, value in node.items():
            found.update(word.lower() for word in _SHORT.findall(name))
            if isinstance(value, str) and (name in ("name", "label") or "/" in value) and " " not in value:
                found.update(word.lower() for word in _SHORT.findall(value))
            _collect(value, found)
    elif isinstance(node, list):
        for one in node:
            _collect(one, found)

"""T.38 in SDP: attributes as equipment writes them, what answers an offer, and the rules on both (T.38 annex D)."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sdp_vectors import T38

from workbench.errors import MalformedMessageError
from workbench.protocols import sdp
from workbench.protocols.sdp import ErrorCorrection, RateManagement, T38Stream

NONE, REDUNDANCY, FEC = ErrorCorrection
FULL = T38Stream(
    3, 33600, True, True, True, RateManagement.TRANSFERRED, 1800, 400, 320, FEC, (1, 3), 4, "t38G3AndV34G3", "181 0 1")


def stream(*attributes, proto="udptl"):
    """A T.38 stream."""
    text = "\r\n".join(("v=0", f"m=image 5000 {proto} t38", *attributes)) + "\r\n"
    return sdp.decode(text.encode()).media[0]


def names(violations):
    assert all(violation.clause and violation.what for violation in violations)
    return {violation.rule for violation in violations}


def test_what_a_stream_says():
    """The stored description, with a name in another case."""
    said = T38Stream.of(sdp.decode(T38).media[0])
    assert (said.version, said.error_correction, said.depth) == (0, REDUNDANCY, (0, 1))


def test_what_is_written_is_read_again():
    """Every attribute once, in the spelling of T.38, in place of what stood there in another."""
    media = FULL.written(stream("a=t38faxversion:0", "a=T38FaxUdpEc:t38UDPRedundancy", "a=ptime:20"))
    assert T38Stream.of(media) == FULL
    assert media.attributes("t38FAXversion") == ("3",) and media.lines[0].value == "ptime:20"
    assert "T38FaxFillBitRemoval" in [line.value for line in media.lines]
    assert T38Stream.of(T38Stream().written(media)) == T38Stream()


@pytest.mark.parametrize(("value", "set_"), [("", True), (":1", True), (":0", False), (": 0", False)])
def test_flags_of_old_equipment(value, set_):
    """`:0` behind a flag means that it is not there."""
    assert T38Stream.of(stream(f"a=T38FaxFillBitRemoval{value}")).fill_bit_removal == set_


def test_words_in_any_case():
    said = T38Stream.of(stream("a=T38FaxUdpEC:T38UDPredundancy", "a=T38FaxRateManagement:TransferredTCF"))
    assert (said.error_correction, said.rate_management) == (REDUNDANCY, RateManagement.TRANSFERRED)


@pytest.mark.parametrize("attribute", [
    "T38FaxVersion:x", "T38MaxBitRate:-1", "T38FaxMaxDatagram:", "T38FaxUdpEC:both", "T38FaxRateManagement:none",
    "T38FaxUdpECDepth:1 2 3", "T38FaxUdpECDepth:a", "T38FaxMaxBuffer:1e3"])
def test_what_can_not_be_read_is_said(attribute):
    with pytest.raises(MalformedMessageError) as caught:
        T38Stream.of(stream(f"a={attribute}"))
    assert caught.value.clause == "T.38 annex D"
    assert names(sdp.check_offer(stream(f"a={attribute}"))) == {"t38-attributes"}


@given(st.text(max_size=20), st.sampled_from(["T38FaxVersion", "T38FaxUdpEC", "T38FaxUdpECDepth", "T38MaxBitRate"]))
def test_garbage_is_refused_with_the_one_error(text, name):
    media = stream().and_attribute(name, text)
    sdp.check_answer(media, media)
    try:
        T38Stream.of(media)
    except MalformedMessageError as error:
        assert error.clause


@pytest.mark.parametrize(("offered", "ours"), list(itertools.product(ErrorCorrection, ErrorCorrection)))
@pytest.mark.parametrize(("theirs", "mine"), [(0, 3), (3, 0), (2, 2)])
def test_an_answer_of_ours_is_legal(offered, ours, theirs, mine):
    """T.38 annex D: version, flags, rate management and error correction are the most that both can do."""
    offer = T38Stream(theirs, 14400, True, True, False, RateManagement.TRANSFERRED, error_correction=offered,
                      depth=(0, 4))
    can = T38Stream(mine, 9600, True, False, True, None, 200, 400, error_correction=ours, depth=(1, 3))
    answer = offer.answer(can)
    assert not sdp.check_answer(offer.written(stream()), answer.written(stream()))
    assert (answer.version, answer.bit_rate, answer.max_datagram) == (min(theirs, mine), 9600, 400)
    assert (answer.fill_bit_removal, answer.mmr, answer.jbig, answer.depth) == (True, False, False, (1, 3))
    assert list(ErrorCorrection).index(answer.error_correction) == min(
        list(ErrorCorrection).index(offered), list(ErrorCorrection).index(ours))


def test_an_offer_that_says_nothing_is_answered_with_nothing_more():
    answer = T38Stream().answer(FULL)
    assert (answer.version, answer.error_correction, answer.depth, answer.modem) == (0, None, None, "")
    assert not sdp.check_answer(stream(), answer.written(stream()))


@pytest.mark.parametrize(("offer", "answer", "rule"), [
    ("T38FaxVersion:0", "T38FaxVersion:2", "t38-version-answer"),
    ("T38FaxUdpEC:t38UDPRedundancy", "T38FaxUdpEC:t38UDPFEC", "t38-error-correction-answer"),
    ("T38FaxVersion:0", "T38FaxTranscodingMMR", "t38-flags-answer"),
    ("T38FaxRateManagement:transferredTCF", "T38FaxRateManagement:localTCF", "t38-rate-management-answer"),
])
def test_each_rule_on_answers_can_break(offer, answer, rule):
    assert rule in names(sdp.check_answer(stream(f"a={offer}"), stream(f"a={answer}")))
    assert not sdp.check_answer(stream(f"a={offer}"), stream(f"a={offer}"))


def test_the_training_check_is_carried_over_udp():
    """T.38 annex D: localTCF belongs to TCP."""
    local = "a=T38FaxRateManagement:localTCF"
    assert names(sdp.check_offer(stream(local))) == {"t38-rate-management-udp"}
    assert not sdp.check_offer(stream(local, proto="TCP/TPTL"))
    assert "localTCF with UDP/TLS/UDPTL" in [one.what for one in sdp.check_offer(stream(local, proto="UDP/TLS/UDPTL"))]

"""What the analyser can't keep or should not be taken for whole, it says."""

from __future__ import annotations

from workbench import analyze, scenarios
from workbench.analysis import drafts


def test_a_twin_says_that_it_is_one(tmp_path):
    """The decrypted twin shows clear MSRP on a TLS leg; the report tells why."""
    run = scenarios.get("e2ae-msrp-originating").run(out=tmp_path)
    assert run.report.notes == []
    assert any("decrypted twin" in note for note in analyze(run.twin).notes)


def test_payload_that_is_not_kept_is_named(tmp_path, monkeypatch):
    """Above the limit of a connection nothing more is kept, not even a later small piece, and a note says so."""
    run = scenarios.get("e2ae-msrp-originating").run(out=tmp_path)
    (call,) = [session for session in run.report.sessions if session.kind == "msrp"]
    whole = run.report.payload(call.legs[0], sender="UE A")
    monkeypatch.setattr(drafts, "MOST_CONTENT_OCTETS", 400)
    report = analyze(run.capture)
    (call,) = [session for session in report.sessions if session.kind == "msrp"]
    kept = report.payload(call.legs[0], sender="UE A")
    assert 0 < len(kept) < len(whole) and whole.startswith(kept)
    assert sum("is kept up to 400 octets" in note for note in report.notes) == 2


def test_an_outside_key_log_explains_as_much_as_an_inside_one(tmp_path):
    """With the secrets in a file of their own, reading and explaining show the same as with the block inside."""
    from workbench.analysis.explain import explain_frame
    from workbench.analysis.pcapng import Reader, Writer, scan

    run = scenarios.get("e2ae-msrp-originating").run(out=tmp_path)
    names, secrets = scan(run.capture)
    bare, keys = tmp_path / "bare.pcapng", tmp_path / "keys.txt"
    keys.write_bytes(secrets if isinstance(secrets, bytes) else secrets.encode())
    with Reader(run.capture) as reader, Writer(bare) as writer:
        writer.names(names)
        ids = {}
        for packet in reader:
            wire = ids.get(packet.wire)
            if wire is None:
                wire = ids[packet.wire] = writer.interface(packet.wire, packet.link)
            writer.packet(wire, packet.time_ns, packet.octets, packet.comment)
    with_file, without = analyze(bare, keylog=keys), analyze(bare)
    said = [(m.protocol, m.summary) for m in run.report.messages]
    assert [(m.protocol, m.summary) for m in with_file.messages] == said
    assert [(m.protocol, m.summary) for m in without.messages] != said
    frame = next(m.frames[0] for m in with_file.messages if m.protocol == "MSRP" and m.protected)
    assert len(explain_frame(with_file, frame).layers) == len(explain_frame(run.report, frame).layers) > 0
    assert "CLIENT" not in repr(with_file) and "CLIENT" not in repr(with_file.keylog)

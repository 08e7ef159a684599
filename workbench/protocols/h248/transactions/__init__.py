"""The parts of the transaction machine `h248.machine`: requests of ours, replies to the peer's, segments, time."""

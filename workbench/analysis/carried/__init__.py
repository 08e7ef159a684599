"""What frames carry: streams and datagrams told apart by content, each protocol read to its messages."""

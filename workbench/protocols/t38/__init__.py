"""T.38 fax over IP: IFP packets in aligned PER, UDPTL with redundancy and FEC, and the T.30 frames inside."""

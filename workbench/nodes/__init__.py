"""UE, IMS-ALG, IMS-AGW, NAT and peers: happenings in, commands out."""

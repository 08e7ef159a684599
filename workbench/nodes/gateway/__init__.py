"""A media gateway under H.248 control: the core that IMS-AGW, TrGW and MRFP share.

`settings` values; `describing` SDP to settings and back; `bearer` one stream endpoint with its TCP and TLS;
`contexts` who is connected to whom; `control` commands in, replies out; `core` the node around them.
"""

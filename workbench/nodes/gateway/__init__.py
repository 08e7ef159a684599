"""A media gateway under H.248 control: the core that IMS-AGW, TrGW and MRFP share.

    profiles     what each kind of gateway knows, one file each; `settings` the values it is read into
    core         the node: control association on one side, connections on the other
    control      commands in, replies out: what is carried out, in which order, and with which error it is refused
    planning     what a command will make of a termination, before anything is changed; `vocabulary` what names mean,
                 `addresses` realms and ports, `names` TerminationIDs, `describing` SDP to settings and back
    contexts     terminations and their streams, small; `topology` who hears whom
    bearer       one stream endpoint with its TCP and TLS
    watching     events from arming to notification; `reporting` what tells of what happened at a bearer,
                 `playing` signals and their completion, `congestion` how full the gateway is, `agenda` who wakes next
    auditing     what is, and what could be
"""

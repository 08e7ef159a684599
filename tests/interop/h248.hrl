%% Terms of megaco's message tree that controllers and gateways here build and read.

-define(NO, asn1_NOVALUE).
-define(CHOOSE, 16#FFFFFFFE).

-record('PropertyParm', {name, value, extraInfo = ?NO}).
-record('StreamParms', {localControlDescriptor = ?NO, localDescriptor = ?NO, remoteDescriptor = ?NO}).
-record('LocalControlDescriptor', {streamMode = ?NO, reserveValue = ?NO, reserveGroup = ?NO, propertyParms = []}).
-record('CommandRequest', {command, optional = ?NO, wildcardReturn = ?NO}).
-record('ActionRequest', {contextId, contextRequest = ?NO, contextAttrAuditReq = ?NO, commandRequests}).
-record('ActionReply', {contextId, errorDescriptor = ?NO, contextReply = ?NO, commandReply = []}).

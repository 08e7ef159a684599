%% A media gateway controller or a media gateway made of Erlang/OTP's megaco application: its user interface, its
%% transaction handling, its transports and its codecs. One line on standard output for each thing that happens.
%%
%%   erl -noshell -pa DIR -run h248_peer main controller TRANSPORT CODING PORT ...
%%
%% TRANSPORT is udp or tcp (TPKT); CODING is pretty, compact or binary. In binary, messages go to the ASN.1 codec as
%% they are (`native`), since megaco's own names for packages do not know hangterm, ipdc or tcpbcc.
-module(h248_peer).
-export([main/1]).
-export([handle_connect/3, handle_disconnect/4, handle_syntax_error/4, handle_message_error/4,
         handle_trans_request/4, handle_trans_long_request/4, handle_trans_reply/5, handle_trans_ack/5,
         handle_unexpected_trans/4, handle_trans_request_abort/5]).

-define(NO, asn1_NOVALUE).
-define(CHOOSE, 16#FFFFFFFE).
-define(PATIENCE, 15000).

-record('PropertyParm', {name, value, extraInfo = ?NO}).
-record('StreamParms', {localControlDescriptor = ?NO, localDescriptor = ?NO, remoteDescriptor = ?NO}).
-record('LocalControlDescriptor', {streamMode = ?NO, reserveValue = ?NO, reserveGroup = ?NO, propertyParms = []}).
-record('CommandRequest', {command, optional = ?NO, wildcardReturn = ?NO}).
-record('ActionRequest', {contextId, contextRequest = ?NO, contextAttrAuditReq = ?NO, commandRequests}).
-record('ActionReply', {contextId, errorDescriptor = ?NO, contextReply = ?NO, commandReply = []}).

%% --- what is run ---

main([Role, Transport, Coding | Rest]) ->
    try
        ok = megaco:start(),
        run(list_to_atom(Role), list_to_atom(Transport), list_to_atom(Coding), [number(Word) || Word <- Rest])
    catch Class:Reason:Stack ->
        say("failed", [io_lib:format("~0tp ~0tp ~0tp", [Class, Reason, Stack])])
    end,
    halt(0).

number(Word) ->
    try list_to_integer(Word) catch error:badarg -> Word end.

run(controller, Transport, Coding, [Port, Addressed, Dead]) ->
    Handle = user(Port, Transport, Coding),
    ok = listen(Transport, Port, Handle),
    say("listening", [Port]),
    Connection = registration_of(),
    put(coding, Coding),
    control(Connection, Addressed, Dead),
    say("done", []),
    % What was acknowledged last is on its way still.
    receive never -> ok after 100 -> ok end;

run(gateway, Transport, Coding, [Own, Controller]) ->
    Handle = user(Own, Transport, Coding),
    put(coding, Coding),
    {ok, Preliminary} = connect(Transport, Own, Controller, Handle),
    report("ServiceChange", megaco:call(Preliminary, [registration()], options())),
    % The reply has told the controller's identifier, by which the connection is known from here on.
    [Connection] = megaco:user_info(mid(Own), connections),
    serve(Connection).

registration_of() ->
    receive
        {registered, Connection, Method, Profile} ->
            say("registered", [Method, Profile]),
            Connection
    after ?PATIENCE -> exit("nobody registered")
    end.

user(Port, Transport, Coding) ->
    Mid = mid(Port),
    % Nothing is repeated within a test: a peer that is slow on a busy machine is not taken for one that is gone.
    ok = megaco:start_user(Mid, [{user_mod, ?MODULE}, {user_args, [{self(), Coding}]}, {protocol_version, 2},
                                 {request_timer, {megaco_incr_timer, 2000, 2, 0, 4}}, {request_keep_alive_timeout, plain}]),
    {megaco_receive_handle, Mid, _, _, _, _} = megaco:user_info(Mid, receive_handle),
    {Module, Configuration} = codec(Coding),
    {megaco_receive_handle, Mid, Module, Configuration, send_module(Transport), 2}.

mid(Port) -> {ip4Address, {'IP4Address', [127, 0, 0, 1], Port}}.

codec(pretty) -> {megaco_pretty_text_encoder, []};
codec(compact) -> {megaco_compact_text_encoder, []};
codec(binary) -> {megaco_ber_encoder, [native]}.

send_module(udp) -> megaco_udp;
send_module(tcp) -> megaco_tcp.

listen(udp, Port, Handle) ->
    {ok, Pid} = megaco_udp:start_transport(),
    {ok, _, _} = megaco_udp:open(Pid, [{port, Port}, {receive_handle, Handle}, {udp_options, [{ip, {127, 0, 0, 1}}]}]),
    ok;
listen(tcp, Port, Handle) ->
    {ok, Pid} = megaco_tcp:start_transport(),
    megaco_tcp:listen(Pid, [{port, Port}, {receive_handle, Handle}, {tcp_options, [{ip, {127, 0, 0, 1}}, {reuseaddr, true}]}]).

connect(udp, Own, Controller, Handle) ->
    {ok, Pid} = megaco_udp:start_transport(),
    {ok, Socket, Control} =
        megaco_udp:open(Pid, [{port, Own}, {receive_handle, Handle}, {udp_options, [{ip, {127, 0, 0, 1}}]}]),
    megaco:connect(Handle, preliminary_mid, megaco_udp:create_send_handle(Socket, {127, 0, 0, 1}, Controller), Control);
connect(tcp, Own, Controller, Handle) ->
    {ok, Pid} = megaco_tcp:start_transport(),
    {ok, Send, Control} =
        megaco_tcp:connect(Pid, [{host, {127, 0, 0, 1}}, {port, Controller}, {receive_handle, Handle},
                                 {tcp_options, [{ip, {127, 0, 0, 1}}, {port, Own}, {reuseaddr, true}]}]),
    megaco:connect(Handle, preliminary_mid, Send, Control).

options() -> [{request_timer, {megaco_incr_timer, 2000, 2, 0, 3}}].

say(What, Words) ->
    Line = lists:join(" ", [What | [word(Word) || Word <- Words]]),
    io:put_chars([re:replace(Line, "\n", " ", [global, {return, list}]), "\n"]).

word(Word) when is_integer(Word) -> integer_to_list(Word);
word(Word) when is_atom(Word) -> atom_to_list(Word);
word(Word) -> Word.

%% --- the controller ---

%% ServiceChange is in; now Add and Add, Modify, Notify, AuditValue, Subtract. With `Addressed` 2 each Add has a
%% transaction of its own. `Dead` is a port where nobody listens.
control(Connection, Addressed, Dead) ->
    Access = add(access, "access.example.net", passive, 2001),
    Core = add(core, "core.example.net", passive, 2002),
    Added =
        case Addressed of
            1 -> call(Connection, "Add", ?CHOOSE, [Access, Core]);
            2 ->
                [#'ActionReply'{contextId = New}] = First = call(Connection, "Add", ?CHOOSE, [Access]),
                First ++ call(Connection, "Add", New, [Core])
        end,
    Context = (hd(Added))#'ActionReply'.contextId,
    [One, Two] = [Termination || #'ActionReply'{commandReply = Replies} <- Added,
                                 {addReply, {'AmmsReply', [Termination], _}} <- Replies],
    call(Connection, "Modify", Context, [modify(One, 2011, Dead)]),
    receive {notified, Event} -> say("notified", [Event]) after ?PATIENCE -> exit("no Notify") end,
    call(Connection, "AuditValue", Context, [audit(Two, [mediaToken, packagesToken])]),
    call(Connection, "AuditValue", 0, [audit(root(), [])]),
    call(Connection, "Subtract", Context, [subtract(One, ?NO, ?NO)]),
    call(Connection, "Subtract", Context, [subtract(all(), {'AuditDescriptor', ?NO, ?NO}, 'NULL')]),
    call(Connection, "Modify", Context, [modify(Two, 2012, Dead)]).

call(Connection, What, Context, Commands) ->
    call(Connection, What, Context, Commands, 40).

%% An order may overtake our reply to ServiceChange; the gateway then refuses it (505), and is asked again.
call(Connection, What, Context, Commands, Tries) ->
    Request = #'ActionRequest'{contextId = Context, commandRequests = Commands},
    case megaco:call(Connection, [Request], options()) of
        {_, {error, {'ErrorDescriptor', 505, _}}} when Tries > 0 ->
            receive never -> ok after 50 -> ok end,
            call(Connection, What, Context, Commands, Tries - 1);
        Answer -> report(What, Answer)
    end.

report(What, {_Version, {ok, Replies}}) ->
    [report_action(What, Reply) || Reply <- Replies],
    Replies;
report(What, {_Version, {error, {'ErrorDescriptor', Code, _}}}) ->
    say(What, ["refused", Code]),
    [];
report(What, Other) ->
    exit({What, Other}).

report_action(What, #'ActionReply'{contextId = Context, errorDescriptor = {'ErrorDescriptor', Code, _}}) ->
    say(What, [Context, "error", Code]);
report_action(What, #'ActionReply'{contextId = Context, commandReply = Commands}) ->
    [say(What, [Context | described(Command)]) || Command <- Commands].

described({auditValueReply, {auditResult, {'AuditResult', Termination, Found}}}) -> described(Termination, Found);
described({auditValueReply, {auditResultTermList, {'TerminationAuditResult', [Termination], Found}}}) ->
    described(Termination, Found);
described({serviceChangeReply, {'ServiceChangeReply', [Termination], {serviceChangeResParms, _}}}) ->
    [shown(Termination)];
described({_, {'AmmsReply', [Termination], Found}}) -> described(Termination, Found).

described(Termination, ?NO) -> [shown(Termination)];
described(Termination, Found) -> [shown(Termination) | [found(One) || One <- Found]].

found({mediaDescriptor, {'MediaDescriptor', _, {multiStream, [{'StreamDescriptor', Number, Parms} | _]}}}) ->
    ["stream=", integer_to_list(Number), sides(Parms)];
found({mediaDescriptor, {'MediaDescriptor', _, {oneStream, Parms}}}) -> ["stream=-", sides(Parms)];
found({errorDescriptor, {'ErrorDescriptor', Code, _}}) -> ["error=", integer_to_list(Code)];
found({statisticsDescriptor, Items}) -> ["statistics=", integer_to_list(length(Items))];
found({packagesDescriptor, Items}) -> ["packages=", integer_to_list(length(Items))];
found({auditReturnItem, Item}) -> ["item=", atom_to_list(Item)];
found({Kind, _}) -> atom_to_list(Kind);
found(Kind) when is_atom(Kind) -> atom_to_list(Kind).

sides(#'StreamParms'{localDescriptor = Local, remoteDescriptor = Remote}) ->
    [[" local=", sdp(Local)], [" remote=", sdp(Remote)]].

sdp(?NO) -> "-";
sdp({'LocalRemoteDescriptor', Groups}) ->
    lists:join("|", [[sdp_letter(Name), "=", re:replace(unwrapped(Value), " ", "_", [global, {return, list}])]
                     || Group <- Groups, #'PropertyParm'{name = Name, value = [Value | _]} <- Group]).

shown({megaco_term_id, _, Parts}) -> lists:append(lists:join("/", Parts));
shown({'TerminationID', [], Octets}) -> lists:flatten(["0x", [io_lib:format("~2.16.0B", [Octet]) || Octet <- Octets]]);
shown({'TerminationID', [_ | _], _}) -> "*".

%% --- the gateway ---

registration() ->
    Parms = {'ServiceChangeParm', restart, ?NO, 2, {'ServiceChangeProfile', "profilename", 1}, reason("901 Cold Boot"),
             ?NO, ?NO, ?NO, ?NO, ?NO},
    Registration = native_profile(Parms),
    Command = #'CommandRequest'{command = {serviceChangeReq, {'ServiceChangeRequest', [root()], Registration}}},
    #'ActionRequest'{contextId = 0, commandRequests = [Command]}.

native_profile(Parms) ->
    case get(coding) of
        binary -> setelement(5, Parms, {'ServiceChangeProfile', "profilename/1"});
        _ -> Parms
    end.

reason(Text) -> [string(Text)].

%% Requests come through the callbacks, and are answered there. After the first Modify an event is notified.
serve(Connection) ->
    receive
        {modified, Context, Termination, Request} ->
            Event = event("g/cause", [0, 1, 0, 1], [], fun(Name, Stream, _, Parameters) ->
                {'ObservedEvent', Name, Stream, Parameters, {'TimeNotation', "20260301", "10153250"}} end,
                [{"Generalcause", [0, 1], enumeration("FT", 3)}]),
            Observed = {'ObservedEventsDescriptor', Request, [Event]},
            Command = #'CommandRequest'{command = {notifyReq, {'NotifyRequest', [Termination], Observed, ?NO}}},
            Action = #'ActionRequest'{contextId = Context, commandRequests = [Command]},
            case megaco:call(Connection, [Action], options()) of
                {_, {ok, [#'ActionReply'{contextId = Context, commandReply = [{notifyReply, _}]}]}} ->
                    say("notified", [Context, shown(Termination)]);
                Other -> exit({"Notify", Other})
            end,
            serve(Connection);
        {empty, _} ->
            receive never -> ok after 300 -> ok end,
            say("done", [])
    after ?PATIENCE -> exit("nothing was ordered")
    end.

answer(Context, Commands, {Main, Coding}) ->
    put(coding, Coding),
    Number = case Context of ?CHOOSE -> erlang:unique_integer([positive, monotonic]) + 100; _ -> Context end,
    Answers = [answer_one(Number, Command, Main) || #'CommandRequest'{command = Command} <- Commands],
    #'ActionReply'{contextId = Number, commandReply = Answers}.

answer_one(Context, {addReq, {'AmmRequest', [_], Descriptors}}, _) ->
    Termination = made(erlang:unique_integer([positive, monotonic])),
    say("Add", [Context, shown(Termination) | [found(One) || One <- Descriptors]]),
    {addReply, {'AmmsReply', [Termination], [{mediaDescriptor, filled(Media)} || {mediaDescriptor, Media} <- Descriptors]}};
answer_one(Context, {modReq, {'AmmRequest', [Termination], Descriptors}}, Main) ->
    say("Modify", [Context, shown(Termination) | [found(One) || One <- Descriptors]]),
    [Main ! {modified, Context, Termination, Request}
     || {eventsDescriptor, {'EventsDescriptor', Request, _}} <- Descriptors, Context =/= 0],
    {modReply, {'AmmsReply', [Termination], ?NO}};
answer_one(Context, {subtractReq, {'SubtractRequest', [Termination], Audit}}, Main) ->
    say("Subtract", [Context, shown(Termination), case Audit of ?NO -> "statistics"; _ -> "nothing" end]),
    case shown(Termination) of "*" -> Main ! {empty, Context}; _ -> ok end,
    {subtractReply, {'AmmsReply', [Termination], ?NO}};
answer_one(Context, {auditValueRequest, {'AuditRequest', Termination, _}}, _) ->
    say("AuditValue", [Context, shown(Termination)]),
    {auditValueReply, {auditResult, {'AuditResult', Termination, []}}};
answer_one(Context, {notifyReq, {'NotifyRequest', [Termination], {'ObservedEventsDescriptor', Request, Events}, _}}, Main) ->
    [{'ObservedEvent', Name, _, _, _} | _] = Events,
    Main ! {notified, io_lib:format("~w ~s ~w ~s", [Context, shown(Termination), Request, item(Name)])},
    {notifyReply, {'NotifyReply', [Termination], ?NO}};
answer_one(_, {serviceChangeReq, {'ServiceChangeRequest', [Termination], Parms}}, _) ->
    Result = {'ServiceChangeResParm', ?NO, ?NO, element(4, Parms), element(5, Parms), ?NO},
    {serviceChangeReply, {'ServiceChangeReply', [Termination], {serviceChangeResParms, Result}}}.

%% Local with an address and a port where CHOOSE stood.
filled({'MediaDescriptor', _, {multiStream, Streams}}) ->
    {'MediaDescriptor', ?NO, {multiStream, [{'StreamDescriptor', Number, filled(Parms)}
                                            || {'StreamDescriptor', Number, Parms} <- Streams]}};
filled({'MediaDescriptor', _, {oneStream, Parms}}) -> {'MediaDescriptor', ?NO, {oneStream, filled(Parms)}};
filled(#'StreamParms'{localDescriptor = {'LocalRemoteDescriptor', Groups}}) ->
    Port = integer_to_list(40000 + 2 * (erlang:unique_integer([positive, monotonic]) rem 1000)),
    Filled = [[One#'PropertyParm'{value = [string(given(sdp_letter(Name), unwrapped(Value), Port))]}
               || One = #'PropertyParm'{name = Name, value = [Value | _]} <- Group] || Group <- Groups],
    #'StreamParms'{localDescriptor = {'LocalRemoteDescriptor', Filled}}.

given("c", Value, _) -> re:replace(Value, "\\$", "127.0.0.1", [{return, list}]);
given("m", Value, Port) -> re:replace(Value, "\\$", Port, [{return, list}]);
given("a", Value, _) ->
    re:replace(Value, "fingerprint:SHA-256 \\$", ["fingerprint:SHA-256 " | lists:join(":", lists:duplicate(32, "AB"))],
               [{return, list}]);
given(_, Value, _) -> Value.

%% --- words of the protocol, in text and in binary ---

root() -> case get(coding) of binary -> {'TerminationID', [], lists:duplicate(8, 255)}; _ -> {megaco_term_id, false, ["root"]} end.

%% Binary: the wildcard octet says ALL or CHOOSE, this level and below, from bit 31 on (H.248.1 Annex A).
all() -> case get(coding) of binary -> {'TerminationID', [[16#DF]], [0, 0, 0, 0]}; _ -> {megaco_term_id, true, ["*"]} end.

choose(Side) ->
    case get(coding) of
        binary -> {'TerminationID', [[16#5F]], [0, 0, 0, 0]};
        _ -> {megaco_term_id, true, ["ip", "1", atom_to_list(Side), "$"]}
    end.

made(Number) ->
    case get(coding) of
        binary -> {'TerminationID', [], [16#20, 0, Number div 256 rem 256, Number rem 256]};
        _ -> {megaco_term_id, false, ["ip", "1", "made", integer_to_list(Number)]}
    end.

add(Side, Realm, Setup, Request) ->
    Control = #'LocalControlDescriptor'{streamMode = inactive, propertyParms =
        [#'PropertyParm'{name = name("ipdc/realm", [0, 16#9D, 0, 1]), value = [string(Realm)]}]},
    Parms = #'StreamParms'{localControlDescriptor = Control, localDescriptor = sdp_of("$", "$", Setup)},
    amm(addReq, choose(Side), [media(Parms), events(Request, [])]).

%% The gateway is to open TCP to a port where nobody listens. In text its failure is an event of tcpbcc; in binary
%% nobody knows the numbers of that package's items, and the heartbeat is what is heard.
modify(Termination, Request, Dead) ->
    Remote = sdp_of("127.0.0.1", integer_to_list(Dead), passive),
    Control = #'LocalControlDescriptor'{streamMode = sendRecv},
    Parms = #'StreamParms'{localControlDescriptor = Control, localDescriptor = sdp_of("$", "$", active), remoteDescriptor = Remote},
    {Watched, Signals} = case get(coding) of
        binary -> {[heartbeat()], []};
        _ -> {[], [{signalsDescriptor, [{signal, {'Signal', "tcpbcc/EstBNC", 1, ?NO, ?NO, ?NO, ?NO, []}}]}]}
    end,
    amm(modReq, Termination, [media(Parms), events(Request, Watched) | Signals]).

amm(Kind, Termination, Descriptors) -> #'CommandRequest'{command = {Kind, {'AmmRequest', [Termination], Descriptors}}}.

media(Parms) -> {mediaDescriptor, {'MediaDescriptor', ?NO, {multiStream, [{'StreamDescriptor', 1, Parms}]}}}.

events(Request, Watched) ->
    Cause = event("g/cause", [0, 1, 0, 1], ?NO, fun asked/4, []),
    Tcp = case get(coding) of
        binary -> [];
        _ -> [{'RequestedEvent', "tcpbcc/BNCChange", 1, ?NO, []}]
    end,
    {eventsDescriptor, {'EventsDescriptor', Request, Watched ++ [Cause | Tcp]}}.

heartbeat() -> event("hangterm/thb", [0, 16#98, 0, 1], ?NO, fun asked/4, [{"timerx", [0, 1], integer(1)}]).

asked(Name, Stream, Action, Parameters) -> {'RequestedEvent', Name, Stream, Action, Parameters}.

event(Text, Octets, Action, Make, Parameters) ->
    Make(name(Text, Octets), ?NO, Action,
         [{'EventParameter', name(Name, Id), [Value], ?NO} || {Name, Id, Value} <- Parameters]).

audit(Termination, Tokens) ->
    #'CommandRequest'{command = {auditValueRequest, {'AuditRequest', Termination, {'AuditDescriptor', tokens(Tokens), ?NO}}}}.

tokens([]) -> ?NO;
tokens(Tokens) -> Tokens.

subtract(Termination, Audit, Wildcard) ->
    #'CommandRequest'{command = {subtractReq, {'SubtractRequest', [Termination], Audit}}, wildcardReturn = Wildcard}.

sdp_of(Host, Port, Setup) ->
    Lines = [{"v", "0"}, {"c", "IN IP4 " ++ Host}, {"m", "message " ++ Port ++ " TCP/MSRP *"},
             {"a", "setup:" ++ atom_to_list(Setup)}],
    {'LocalRemoteDescriptor', [[#'PropertyParm'{name = sdp_name(Letter), value = [string(Value)]} || {Letter, Value} <- Lines]]}.

sdp_name(Letter) ->
    case get(coding) of
        binary -> [0, 0, 16#B0, proplists:get_value(Letter, sdp_numbers())];
        _ -> Letter
    end.

sdp_letter([0, 0, 16#B0, Number]) -> {Letter, _} = lists:keyfind(Number, 2, sdp_numbers()), Letter;
sdp_letter(Letter) -> Letter.

sdp_numbers() ->
    lists:zip(["v", "o", "s", "i", "u", "e", "p", "c", "b", "z", "k", "a", "t", "r", "m"], lists:seq(1, 15)).

name(Text, Octets) -> case get(coding) of binary -> Octets; _ -> Text end.

item([A, B, C, D]) when A < 32 -> io_lib:format("0x~2.16.0B~2.16.0B/0x~2.16.0B~2.16.0B", [A, B, C, D]);
item(Text) -> Text.

%% Values of properties and parameters: their text, or their BER encoding inside the octet string (H.248.1 Annex A).
integer(Number) -> case get(coding) of binary -> [2, 1, Number]; _ -> integer_to_list(Number) end.

enumeration(Label, Number) -> case get(coding) of binary -> [10, 1, Number]; _ -> Label end.

string(Text) ->
    case get(coding) of
        binary when length(Text) < 128 -> [22, length(Text) | Text];
        binary -> [22, 16#81, length(Text) | Text];
        _ -> Text
    end.

unwrapped(Value) ->
    case {get(coding), Value} of
        {binary, [22, 16#81, _ | Text]} -> Text;
        {binary, [22, _ | Text]} -> Text;
        _ -> Value
    end.

%% --- callbacks of the megaco user ---

handle_connect(_, _, _) -> ok.

handle_disconnect(_, _, _, _) -> ok.

handle_syntax_error(_, _, Error, _) ->
    say("syntax", [io_lib:format("~0tp", [Error])]),
    reply.

handle_message_error(_, _, Error, _) ->
    say("message", [io_lib:format("~0tp", [Error])]),
    no_reply.

handle_trans_request(Connection, _, Actions, {Main, _} = Args) ->
    try
        Replies = [answer(Context, Commands, Args)
                   || #'ActionRequest'{contextId = Context, commandRequests = Commands} <- Actions],
        [Main ! {registered, Connection, element(2, Parms), profile(element(5, Parms))}
         || #'ActionRequest'{commandRequests = Commands} <- Actions,
            #'CommandRequest'{command = {serviceChangeReq, {_, _, Parms}}} <- Commands],
        {discard_ack, Replies}
    catch Class:Reason:Stack ->
        say("failed", [io_lib:format("~0tp ~0tp ~0tp", [Class, Reason, Stack])]),
        {discard_ack, {'ErrorDescriptor', 500, "a test has failed"}}
    end.

profile({'ServiceChangeProfile', Name, Version}) -> [Name, "/", integer_to_list(Version)];
profile({'ServiceChangeProfile', Name}) -> Name;
profile(_) -> "-".

handle_trans_long_request(_, _, _, _) -> {discard_ack, {'ErrorDescriptor', 501, "not implemented"}}.

handle_trans_reply(_, _, _, _, _) -> ok.

handle_trans_ack(_, _, _, _, _) -> ok.

handle_unexpected_trans(_, _, Transaction, _) ->
    say("unexpected", [io_lib:format("~0tp", [Transaction])]),
    ok.

handle_trans_request_abort(_, _, _, _, _) -> ok.

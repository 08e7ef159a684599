%% A media gateway controller or a media gateway made of Erlang/OTP's megaco application: its user interface, its
%% transaction handling, its transports and its codecs. One line on standard output for each thing that happens.
%%
%%   erl -noshell -pa DIR -run h248_peer main controller TRANSPORT CODING PORT ...
-module(h248_peer).
-export([main/1]).
-export([handle_connect/3, handle_disconnect/4, handle_syntax_error/4, handle_message_error/4,
         handle_trans_request/4, handle_trans_long_request/4, handle_trans_reply/5, handle_trans_ack/5,
         handle_unexpected_trans/4, handle_trans_request_abort/5]).

-include("h248.hrl").

-import(h248_stack, [say/2]).
-import(h248_words, [root/0, all/0, choose/1, made/1, amm/3, media/1, event/5, audit/2, subtract/3, sdp_name/1,
                     sdp_letter/1, name/2, item/1, integer/1, enumeration/2, string/1, unwrapped/1, described/1,
                     found/1, shown/1]).

-define(HOST, {127, 0, 0, 1}).
-define(PATIENCE, 15000).

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
    Handle = h248_stack:user(?MODULE, ?HOST, Port, Transport, Coding),
    ok = h248_stack:listen(Transport, ?HOST, Port, Handle),
    say("listening", [Port]),
    Connection = registration_of(),
    put(coding, Coding),
    control(Connection, Addressed, Dead),
    say("done", []),
    % What was acknowledged last is on its way still.
    receive never -> ok after 100 -> ok end;

run(gateway, Transport, Coding, [Own, Controller]) ->
    Handle = h248_stack:user(?MODULE, ?HOST, Own, Transport, Coding),
    put(coding, Coding),
    {ok, Preliminary} = h248_stack:connect(Transport, ?HOST, Own, Controller, Handle),
    report("ServiceChange", megaco:call(Preliminary, [registration()], options())),
    % The reply has told the controller's identifier, by which the connection is known from here on.
    [Connection] = megaco:user_info(h248_stack:mid(?HOST, Own), connections),
    serve(Connection).

registration_of() ->
    receive
        {registered, Connection, Method, Profile} ->
            say("registered", [Method, Profile]),
            Connection
    after ?PATIENCE -> exit("nobody registered")
    end.

options() -> [{request_timer, {megaco_incr_timer, 2000, 2, 0, 3}}].

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

events(Request, Watched) ->
    Cause = event("g/cause", [0, 1, 0, 1], ?NO, fun h248_words:asked/4, []),
    Tcp = case get(coding) of
        binary -> [];
        _ -> [{'RequestedEvent', "tcpbcc/BNCChange", 1, ?NO, []}]
    end,
    {eventsDescriptor, {'EventsDescriptor', Request, Watched ++ [Cause | Tcp]}}.

heartbeat() -> event("hangterm/thb", [0, 16#98, 0, 1], ?NO, fun h248_words:asked/4, [{"timerx", [0, 1], integer(1)}]).

sdp_of(Host, Port, Setup) ->
    Lines = [{"v", "0"}, {"c", "IN IP4 " ++ Host}, {"m", "message " ++ Port ++ " TCP/MSRP *"},
             {"a", "setup:" ++ atom_to_list(Setup)}],
    {'LocalRemoteDescriptor', [[#'PropertyParm'{name = sdp_name(Letter), value = [string(Value)]} || {Letter, Value} <- Lines]]}.

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

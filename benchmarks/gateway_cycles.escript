#!/usr/bin/env escript
%%! +sbwt none
%% A megaco controller that drives gateways through cycles of Add, Add, Modify, Subtract, and a megaco gateway to be driven.
%%
%%   gateway_cycles.escript controller PORT
%%       In: one line a round, "GATEWAY_PORT CYCLES WORKERS". Out: "up GATEWAY_PORT" when one registers, and for each
%%       round the nanoseconds that it took, or "failed" and why.
%%   gateway_cycles.escript gateway PORT CONTROLLER_PORT
%%
%% Short text over UDP on loopback. A worker does one cycle after the other; several workers run at a time.
-module(gateway_cycles).
-mode(compile).
-export([main/1]).
-export([handle_connect/2, handle_disconnect/3, handle_syntax_error/3, handle_message_error/3, handle_trans_request/3,
         handle_trans_long_request/3, handle_trans_reply/4, handle_trans_ack/4, handle_unexpected_trans/3,
         handle_trans_request_abort/4]).

-define(NO, asn1_NOVALUE).
-define(CHOOSE, 16#FFFFFFFE).

main(["controller", Port]) ->
    register(driver, self()),
    ok = start(list_to_integer(Port)),
    spawn_link(fun read/0),
    rounds();
main(["gateway", Port, Controller]) ->
    Own = list_to_integer(Port),
    ets:new(contexts, [named_table, public, {write_concurrency, true}]),
    ok = start(Own),
    [{Socket, Control, Handle}] = ets:lookup_element(setup, all, 2),
    Send = megaco_udp:create_send_handle(Socket, {127, 0, 0, 1}, list_to_integer(Controller)),
    {ok, Connection} = megaco:connect(Handle, preliminary_mid, Send, Control),
    Parms = {'ServiceChangeParm', restart, ?NO, 2, {'ServiceChangeProfile', "profilename", 1}, ["901 Cold Boot"],
             ?NO, ?NO, ?NO, ?NO, ?NO},
    Command = command({serviceChangeReq, {'ServiceChangeRequest', [{megaco_term_id, false, ["root"]}], Parms}}),
    {_, {ok, _}} = megaco:call(Connection, [{'ActionRequest', 0, ?NO, ?NO, [Command]}], []),
    io:get_line("").

start(Port) ->
    ok = megaco:start(),
    Mid = {ip4Address, {'IP4Address', [127, 0, 0, 1], Port}},
    ok = megaco:start_user(Mid, [{user_mod, ?MODULE}, {protocol_version, 2}]),
    Handle = {megaco_receive_handle, Mid, megaco_compact_text_encoder, scanner(), megaco_udp, 2},
    {ok, Pid} = megaco_udp:start_transport(),
    {ok, Socket, Control} = megaco_udp:open(Pid, [{port, Port}, {receive_handle, Handle},
        {udp_options, [{ip, {127, 0, 0, 1}}, {recbuf, 4000000}, {sndbuf, 4000000}]}]),
    ets:new(setup, [named_table, public]),
    ets:insert(setup, {all, [{Socket, Control, Handle}]}),
    ok.

%% The scanner that is written in C, where it is there.
scanner() ->
    case (catch megaco_flex_scanner_handler:start_link()) of
        {ok, _, Scanner} -> [Scanner];
        {ok, Pid} when is_pid(Pid) -> [];
        _ -> []
    end.

%% --- the controller ---

read() ->
    case io:get_line("") of
        eof -> driver ! over;
        Line ->
            driver ! {round, [list_to_integer(Word) || Word <- string:lexemes(Line, " \n")]},
            read()
    end.

rounds() ->
    receive
        {up, Connection, Port} ->
            put(Port, Connection),
            io:format("up ~p~n", [Port]),
            rounds();
        {round, [Port, Cycles, Workers]} ->
            Each = Cycles div Workers,
            Connection = get(Port),
            Self = self(),
            Began = erlang:monotonic_time(nanosecond),
            Pids = [spawn(fun() -> Self ! {worker, self(), catch work(Connection, Each)} end) || _ <- lists:seq(1, Workers)],
            Outcomes = [receive {worker, Pid, Outcome} -> Outcome end || Pid <- Pids],
            Took = erlang:monotonic_time(nanosecond) - Began,
            case [Outcome || Outcome <- Outcomes, Outcome =/= ok] of
                [] -> io:format("~p~n", [Took]);
                [First | _] -> io:format("failed ~0tp~n", [First])
            end,
            rounds();
        over -> ok
    end.

work(_, 0) -> ok;
work(Connection, Left) ->
    [{addReply, {'AmmsReply', [One], _}}] = Added = call(Connection, ?CHOOSE, [add("access", "access.example.net")]),
    Context = get(context),
    [{addReply, {'AmmsReply', [_], _}}] = call(Connection, Context, [add("core", "core.example.net")]),
    [{addReply, {_, _, [{mediaDescriptor, {_, _, {multiStream, [{_, 1, {_, _, Local, _}}]}}}]}}] = Added,
    [{modReply, _}] = call(Connection, Context, [modify(One, Local)]),
    [{subtractReply, _}] = call(Connection, Context, [subtract()]),
    work(Connection, Left - 1).

call(Connection, Context, Commands) ->
    case megaco:call(Connection, [{'ActionRequest', Context, ?NO, ?NO, Commands}], []) of
        {_, {ok, [{'ActionReply', Number, ?NO, ?NO, Replies}]}} ->
            put(context, Number),
            Replies;
        Other -> throw(Other)
    end.

command(Command) -> {'CommandRequest', Command, ?NO, ?NO}.

add(Side, Realm) ->
    Control = {'LocalControlDescriptor', inactive, ?NO, ?NO, [{'PropertyParm', "ipdc/realm", [Realm], ?NO}]},
    Local = sdp(["0", "IN IP4 $", "message $ TCP/MSRP *", "setup:active"]),
    Events = {'EventsDescriptor', 2001, [{'RequestedEvent', "g/cause", ?NO, ?NO, []},
        {'RequestedEvent', "hangterm/thb", ?NO, ?NO, [{'EventParameter', "timerx", ["600"], ?NO}]}]},
    command({addReq, {'AmmRequest', [{megaco_term_id, true, ["ip", "1", Side, "$"]}],
                      [media({'StreamParms', Control, Local, ?NO}), {eventsDescriptor, Events}]}}).

modify(Termination, Local) ->
    Control = {'LocalControlDescriptor', sendRecv, ?NO, ?NO, []},
    Remote = sdp(["0", "IN IP4 127.0.0.1", "message 9 TCP/MSRP *", "setup:passive"]),
    command({modReq, {'AmmRequest', [Termination], [media({'StreamParms', Control, Local, Remote})]}}).

subtract() ->
    Subtract = {'SubtractRequest', [{megaco_term_id, true, ["*"]}], {'AuditDescriptor', ?NO, ?NO}},
    {'CommandRequest', {subtractReq, Subtract}, ?NO, 'NULL'}.

media(Parms) -> {mediaDescriptor, {'MediaDescriptor', ?NO, {multiStream, [{'StreamDescriptor', 1, Parms}]}}}.

sdp(Values) ->
    {'LocalRemoteDescriptor', [[{'PropertyParm', Letter, [Value], ?NO} || {Letter, Value} <- lists:zip(["v", "c", "m", "a"], Values)]]}.

%% --- the gateway: contexts and terminations in a table, addresses and ports given out ---

obey(?CHOOSE, Commands) -> obey(erlang:unique_integer([positive]) rem 16#FFFFFFF0 + 1, Commands);
obey(Context, Commands) -> {'ActionReply', Context, ?NO, ?NO, [obey_one(Context, Command) || {_, Command, _, _} <- Commands]}.

obey_one(Context, {addReq, {'AmmRequest', [{megaco_term_id, true, Parts}], Descriptors}}) ->
    Number = erlang:unique_integer([positive]),
    Termination = {megaco_term_id, false, lists:droplast(Parts) ++ [integer_to_list(Number)]},
    [{mediaDescriptor, {_, _, {multiStream, [{_, Stream, {_, Control, Local, Remote}}]}}} | _] = Descriptors,
    Filled = filled(Local, integer_to_list(40000 + 2 * (Number rem 5000))),
    Before = case ets:lookup(contexts, Context) of [{_, There}] -> There; [] -> [] end,
    ets:insert(contexts, {Context, [{Termination, Control, Filled, Remote} | Before]}),
    {addReply, {'AmmsReply', [Termination], [media_of(Stream, Filled)]}};
obey_one(Context, {modReq, {'AmmRequest', [Termination], [{mediaDescriptor, {_, _, {multiStream, [{_, _, Parms}]}}} | _]}}) ->
    [{_, There}] = ets:lookup(contexts, Context),
    {'StreamParms', Control, Local, Remote} = Parms,
    true = lists:keymember(Termination, 1, There),
    ets:insert(contexts, {Context, lists:keystore(Termination, 1, There, {Termination, Control, Local, Remote})}),
    {modReply, {'AmmsReply', [Termination], ?NO}};
obey_one(Context, {subtractReq, {'SubtractRequest', [Termination], _}}) ->
    [_] = ets:take(contexts, Context),
    {subtractReply, {'AmmsReply', [Termination], ?NO}};
obey_one(_, {serviceChangeReq, {'ServiceChangeRequest', [Termination], Parms}}) ->
    Result = {'ServiceChangeResParm', ?NO, ?NO, element(4, Parms), element(5, Parms), ?NO},
    {serviceChangeReply, {'ServiceChangeReply', [Termination], {serviceChangeResParms, Result}}}.

media_of(Stream, Local) ->
    {mediaDescriptor, {'MediaDescriptor', ?NO, {multiStream, [{'StreamDescriptor', Stream, {'StreamParms', ?NO, Local, ?NO}}]}}}.

filled({'LocalRemoteDescriptor', [Group]}, Port) ->
    {'LocalRemoteDescriptor', [[{'PropertyParm', Letter, [given(Letter, Value, Port)], Extra}
                                || {'PropertyParm', Letter, [Value], Extra} <- Group]]}.

given("c", _, _) -> "IN IP4 127.0.0.1";
given("m", Value, Port) -> [Media, _ | Rest] = string:lexemes(Value, " "), lists:append(lists:join(" ", [Media, Port | Rest]));
given(_, Value, _) -> Value.

%% --- callbacks of the megaco user ---

handle_connect(_, _) -> ok.
handle_disconnect(_, _, _) -> ok.
handle_syntax_error(_, _, Error) -> io:format("failed ~0tp~n", [Error]), reply.
handle_message_error(_, _, Error) -> io:format("failed ~0tp~n", [Error]), no_reply.

handle_trans_request(Connection, _, Actions) ->
    Replies = [obey(Context, Commands) || {'ActionRequest', Context, _, _, Commands} <- Actions],
    case {whereis(driver), Actions} of
        {Pid, [{_, 0, _, _, [{_, {serviceChangeReq, _}, _, _}]}]} when is_pid(Pid) ->
            {megaco_conn_handle, _, {ip4Address, {'IP4Address', _, Port}}} = Connection,
            driver ! {up, Connection, Port};
        _ -> ok
    end,
    {discard_ack, Replies}.

handle_trans_long_request(_, _, _) -> {discard_ack, {'ErrorDescriptor', 501, "not implemented"}}.
handle_trans_reply(_, _, _, _) -> ok.
handle_trans_ack(_, _, _, _) -> ok.
handle_unexpected_trans(_, _, _) -> ok.
handle_trans_request_abort(_, _, _, _) -> ok.

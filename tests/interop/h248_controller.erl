%% A media gateway controller made of Erlang/OTP's megaco application, ordered about by lines on standard input.
%%
%%   erl -noshell -pa DIR -run h248_controller main TRANSPORT CODING ADDRESS PORT
%%
%%   N add CONTEXT SIDE MODE LOCAL REMOTE WATCH          CONTEXT is a number, or $ for a new one; SIDE: access or core
%%   N modify CONTEXT TERMINATION MODE LOCAL REMOTE WATCH
%%   N tls CONTEXT TERMINATION                           establish signal for TLS: the gateway is to be its client
%%   N subtract CONTEXT TERMINATION                      one or *; the reply tells the statistics
%%   N audit CONTEXT TERMINATION TOKENS                  * for all; TOKENS with commas, - for none
%%   N idle HUNDREDTHS                                   inactivity timeout at ROOT (it/ito)
%%   N handoff ADDRESS PORT                              ServiceChange: the gateway is to go to that controller
%%
%% LOCAL and REMOTE are the lines of the SDP, with | between them and _ for a blank, or - for none. WATCH names events
%% with commas: cause, tcp, tls, tls=Est. What comes of order N is told in lines `answer N WHAT ...`, and `answered N`
%% ends them; whatever the gateway says unasked, in lines `connected`, `registered`, `notified`, `gone`.
-module(h248_controller).
-export([main/1]).
-export([handle_connect/3, handle_disconnect/4, handle_syntax_error/4, handle_message_error/4,
         handle_trans_request/4, handle_trans_long_request/4, handle_trans_reply/5, handle_trans_ack/5,
         handle_unexpected_trans/4, handle_trans_request_abort/5]).

-include("h248.hrl").

-import(h248_stack, [say/2]).
-import(h248_words, [root/0, all/0, choose/1, amm/3, media/1, event/5, audit/2, sdp_name/1, name/2, item/1, integer/1,
                     string/1, shown/1]).

main([Transport, Coding, Address, Port]) ->
    try
        ok = megaco:start(),
        {ok, Host} = inet:parse_address(Address),
        put(coding, list_to_atom(Coding)),
        Way = list_to_atom(Transport),
        Handle = h248_stack:user(?MODULE, Host, list_to_integer(Port), Way, get(coding)),
        % Whoever remembers requests of a process before this one must not take ours for them.
        ok = megaco:update_user_info(h248_stack:mid(Host, list_to_integer(Port)), min_trans_id, rand:uniform(1 bsl 30)),
        ok = h248_stack:listen(Way, Host, list_to_integer(Port), Handle),
        Main = self(),
        spawn_link(fun() -> read(Main) end),
        say("listening", [Port]),
        serve(none)
    catch Class:Reason:Stack ->
        say("failed", [io_lib:format("~0tp ~0tp ~0tp", [Class, Reason, Stack])])
    end,
    halt(0).

read(Main) ->
    case io:get_line("") of
        eof -> Main ! over;
        Line ->
            Main ! {order, string:lexemes(string:trim(Line), " ")},
            read(Main)
    end.

serve(Connection) ->
    receive
        over -> ok;
        {connection, New} -> serve(New);
        {order, [Number, What | Words]} ->
            carry_out(Connection, Number, What, Words),
            say("answered", [Number]),
            serve(Connection)
    end.

%% --- orders ---

carry_out(Connection, Number, What, Words) ->
    {Context, Commands} = order(What, Words),
    Request = #'ActionRequest'{contextId = Context, commandRequests = Commands},
    Once = [{request_timer, {megaco_incr_timer, 2000, 2, 0, 3}}],
    case megaco:call(Connection, [Request], Once) of
        {_, {ok, Replies}} -> [told([Number, What], Reply) || Reply <- Replies];
        {_, {error, {'ErrorDescriptor', Code, _}}} -> say("answer", [Number, What, "refused", Code]);
        {_, {error, Reason}} -> say("answer", [Number, What, "failed", io_lib:format("~0tp", [Reason])])
    end.

order("add", [Context, Side, Mode, Local, Remote, Watch]) ->
    {context(Context), [amm(addReq, choose(list_to_atom(Side)), described(Mode, [realm(Side)], Local, Remote, Watch))]};
order("start", [Context, Side, Mode, Local, Remote, Watch, Key, Signals]) ->
    Properties = [realm(Side) | [property(One) || One <- split(Key, ","), One =/= "-"]],
    Started = {signalsDescriptor, [established(One) || One <- split(Signals, ","), One =/= "-"]},
    {context(Context),
     [amm(addReq, choose(list_to_atom(Side)), described(Mode, Properties, Local, Remote, Watch) ++ [Started])]};
order("modify", [Context, Termination, Mode, Local, Remote, Watch]) ->
    {context(Context), [amm(modReq, termination(Termination), described(Mode, [], Local, Remote, Watch))]};
order("tls", [Context, Termination]) ->
    {context(Context), [amm(modReq, termination(Termination), [{signalsDescriptor, [established("tls")]}])]};
order("subtract", [Context, Termination]) ->
    {context(Context), [h248_words:subtract(termination(Termination), ?NO, ?NO)]};
order("audit", [Context, Termination, "-"]) -> {context(Context), [audit(termination(Termination), [])]};
order("audit", [Context, Termination, Tokens]) ->
    {context(Context), [audit(termination(Termination), [list_to_atom(One ++ "Token") || One <- split(Tokens, ",")])]};
order("idle", [Hundredths]) ->
    Number = list_to_integer(Hundredths),
    Idle = event("it/ito", [0, 16#45, 0, 1], ?NO, fun h248_words:asked/4, [{"mit", [0, 1], integer(Number)}]),
    {0, [amm(modReq, root(), [{eventsDescriptor, {'EventsDescriptor', 1, [Idle]}}])]};
order("handoff", [Address, Port]) ->
    {ok, Host} = inet:parse_address(Address),
    Parms = {'ServiceChangeParm', handOff, ?NO, ?NO, ?NO, [string("903 MGC Directed Change")], ?NO,
             h248_stack:mid(Host, list_to_integer(Port)), ?NO, ?NO, ?NO},
    {0, [#'CommandRequest'{command = {serviceChangeReq, {'ServiceChangeRequest', [root()], Parms}}}]}.

context("$") -> ?CHOOSE;
context("*") -> 16#FFFFFFFF;
context(Number) -> list_to_integer(Number).

termination("*") -> all();
termination("ROOT") -> root();
termination("0x" ++ Digits) -> {'TerminationID', [], binary_to_list(binary:decode_hex(list_to_binary(Digits)))};
termination(Name) -> {megaco_term_id, false, split(Name, "/")}.

split(Text, Between) -> string:split(Text, Between, all).

described(Mode, Properties, Local, Remote, Watch) ->
    Control = #'LocalControlDescriptor'{streamMode = list_to_atom(Mode), propertyParms = Properties},
    Parms = #'StreamParms'{localControlDescriptor = Control, localDescriptor = sdp(Local), remoteDescriptor = sdp(Remote)},
    Request = erlang:unique_integer([positive]),
    [media(Parms), {eventsDescriptor, {'EventsDescriptor', Request, [watched(One) || One <- split(Watch, ",")]}}].

realm(Side) ->
    #'PropertyParm'{name = name("ipdc/realm", [0, 16#9D, 0, 1]), value = [string(Side ++ ".example.net")]}.

property(Text) ->
    [Name, Value] = split(Text, "="),
    #'PropertyParm'{name = Name, value = [Value]}.

established(Layer) -> {signal, {'Signal', Layer ++ signal(Layer), 1, ?NO, ?NO, ?NO, ?NO, []}}.

signal("tcp") -> "bcc/EstBNC";
signal("tls") -> "bsc/EstBNC".

sdp("-") -> ?NO;
sdp(Text) ->
    Lines = [{[Letter], lists:flatten(string:replace(Value, "_", " ", all))} || [Letter, $= | Value] <- split(Text, "|")],
    {'LocalRemoteDescriptor', [[#'PropertyParm'{name = sdp_name(Letter), value = [string(Value)]} || {Letter, Value} <- Lines]]}.

watched("cause") -> event("g/cause", [0, 1, 0, 1], ?NO, fun h248_words:asked/4, []);
watched("tcp") -> {'RequestedEvent', "tcpbcc/BNCChange", 1, ?NO, []};
watched("tls") -> {'RequestedEvent', "tlsbsc/BNCChange", 1, ?NO, []};
watched("tls=" ++ Type) -> {'RequestedEvent', "tlsbsc/BNCChange", 1, ?NO, [{'EventParameter', "Type", [Type], ?NO}]}.

%% --- what comes of them ---

told(Which, #'ActionReply'{contextId = Context, errorDescriptor = {'ErrorDescriptor', Code, _}}) ->
    say("answer", Which ++ [Context, "error", Code]);
told(Which, #'ActionReply'{contextId = Context, commandReply = []}) -> say("answer", Which ++ [Context]);
told(Which, #'ActionReply'{contextId = Context, commandReply = Commands}) ->
    [say("answer", Which ++ [Context | command(Command)]) || Command <- Commands].

command({auditValueReply, {contextAuditResult, Terminations}}) -> [shown(One) || One <- Terminations];
command({auditValueReply, {error, {'ErrorDescriptor', Code, _}}}) -> ["error", Code];
command({auditValueReply, {auditResult, {'AuditResult', Termination, Found}}}) -> [shown(Termination) | words(Found)];
command({auditValueReply, {auditResultTermList, {'TerminationAuditResult', All, Found}}}) ->
    [shown(One) || One <- All] ++ words(Found);
command({serviceChangeReply, {'ServiceChangeReply', All, _}}) -> [shown(One) || One <- All];
command({_, {'AmmsReply', All, Found}}) -> [shown(One) || One <- All] ++ words(Found).

words(?NO) -> [];
words(Found) -> lists:append([word(One) || One <- Found]).

word({statisticsDescriptor, Items}) ->
    [[statistic(Name), "=", counted(Value)] || {'StatisticsParameter', Name, Value} <- Items];
word({errorDescriptor, {'ErrorDescriptor', Code, _}}) -> ["error", Code];
word(Other) -> [h248_words:found(Other)].

statistic([0, 16#0B, 0, Number]) -> lists:nth(Number, ["nt/dur", "nt/os", "nt/or"]);
statistic(Name) -> Name.

counted(?NO) -> "-";
counted([Value]) -> counted(Value);
counted([2, Length | Octets] = Value) ->
    case length(Octets) of
        Length -> integer_to_list(binary:decode_unsigned(list_to_binary(Octets)));
        _ -> Value
    end;
counted(Value) -> Value.

%% --- callbacks of the megaco user ---

handle_connect(Connection, _, {Main, _}) ->
    Main ! {connection, Connection},
    say("connected", []),
    ok.

handle_disconnect(_, _, Reason, _) ->
    say("gone", [io_lib:format("~0tp", [Reason])]),
    ok.

handle_syntax_error(_, _, Error, _) ->
    say("syntax", [io_lib:format("~0tp", [Error])]),
    reply.

handle_message_error(_, _, Error, _) ->
    say("message", [io_lib:format("~0tp", [Error])]),
    no_reply.

handle_trans_request(Connection, _, Actions, {Main, Coding}) ->
    put(coding, Coding),
    Main ! {connection, Connection},
    try
        {discard_ack, [answer(Action) || Action <- Actions]}
    catch Class:Reason:Stack ->
        say("failed", [io_lib:format("~0tp ~0tp ~0tp", [Class, Reason, Stack])]),
        {discard_ack, {'ErrorDescriptor', 500, "a test has failed"}}
    end.

answer(#'ActionRequest'{contextId = Context, commandRequests = Commands}) ->
    #'ActionReply'{contextId = Context,
                   commandReply = [answer(Context, Command) || #'CommandRequest'{command = Command} <- Commands]}.

answer(Context, {notifyReq, {'NotifyRequest', [Termination], {'ObservedEventsDescriptor', _, Events}, _}}) ->
    [say("notified", [Context, shown(Termination), item(Name) | [parameter(One) || One <- Parameters]])
     || {'ObservedEvent', Name, _, Parameters, _} <- Events],
    {notifyReply, {'NotifyReply', [Termination], ?NO}};
answer(_, {serviceChangeReq, {'ServiceChangeRequest', [Termination], Parms}}) ->
    say("registered", [element(2, Parms)]),
    Result = {'ServiceChangeResParm', ?NO, ?NO, element(4, Parms), element(5, Parms), ?NO},
    {serviceChangeReply, {'ServiceChangeReply', [Termination], {serviceChangeResParms, Result}}}.

parameter({'EventParameter', Name, [Value], _}) when is_integer(hd(Name)), hd(Name) < 32 ->
    io_lib:format("~w=~w", [Name, Value]);
parameter({'EventParameter', Name, [Value], _}) -> [Name, "=", Value].

handle_trans_long_request(_, _, _, _) -> {discard_ack, {'ErrorDescriptor', 501, "not implemented"}}.

handle_trans_reply(_, _, _, _, _) -> ok.

handle_trans_ack(_, _, _, _, _) -> ok.

handle_unexpected_trans(_, _, Transaction, _) ->
    say("unexpected", [io_lib:format("~0tp", [Transaction])]),
    ok.

handle_trans_request_abort(_, _, _, _, _) -> ok.

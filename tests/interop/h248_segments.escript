#!/usr/bin/env escript
%%! -noshell
%% A controller of version 3 made of Erlang/OTP's megaco: it takes one gateway over UDP, audits all of context 7, and says
%% how many segments the reply had and how many terminations were in it.
%%
%%   escript h248_segments.escript CODING PORT
-mode(compile).
-define(NO, asn1_NOVALUE).
-export([handle_connect/3, handle_disconnect/4, handle_syntax_error/4, handle_message_error/4,
         handle_trans_request/4, handle_trans_long_request/4, handle_trans_reply/5, handle_trans_ack/5,
         handle_unexpected_trans/4, handle_trans_request_abort/5, handle_segment_reply/6]).

main([Coding, Word]) ->
    ok = megaco:start(),
    Port = list_to_integer(Word),
    Mid = {ip4Address, {'IP4Address', [127, 0, 0, 1], Port}},
    ok = megaco:start_user(Mid, [{user_mod, ?MODULE}, {user_args, [self()]}, {protocol_version, 3},
                                 {segment_reply_ind, true}, {segment_recv_timer, 8000},
                                 {request_timer, {megaco_incr_timer, 2000, 2, 0, 4}}]),
    {megaco_receive_handle, Mid, _, _, _, _} = megaco:user_info(Mid, receive_handle),
    {Module, Configuration} = codec(Coding),
    Handle = {megaco_receive_handle, Mid, Module, Configuration, megaco_udp, 3},
    {ok, Pid} = megaco_udp:start_transport(),
    % One message after the other: in parallel, two segments that both are the first to arrive lose one of them.
    {ok, _, _} = megaco_udp:open(Pid, [{port, Port}, {serialize, true}, {receive_handle, Handle}, {udp_options, [{ip, {127, 0, 0, 1}}]}]),
    io:format("listening~n"),
    Connection = receive {registered, Found} -> Found after 15000 -> exit("nobody registered") end,
    Audit = {'CommandRequest', {auditValueRequest, {'AuditRequest', all(Coding), {'AuditDescriptor', [mediaToken], ?NO}, ?NO}},
             ?NO, ?NO},
    told(audited(Connection, [{'ActionRequest', 7, ?NO, ?NO, [Audit]}], 40)),
    receive never -> ok after 300 -> halt(0) end.

%% The request may overtake our reply to ServiceChange; the gateway then refuses it (505), and is asked again.
audited(Connection, Request, Tries) ->
    case megaco:call(Connection, Request, []) of
        {_, {error, {'ErrorDescriptor', 505, _}}} when Tries > 0 ->
            receive never -> ok after 50 -> ok end,
            audited(Connection, Request, Tries - 1);
        {_, Result} -> Result
    end.

codec("compact") -> {megaco_compact_text_encoder, []};
codec("pretty") -> {megaco_pretty_text_encoder, []};
codec("binary") -> {megaco_ber_encoder, [native]}.

all("binary") -> {'TerminationID', [[16#BF]], [255, 255, 255, 255, 255, 255, 255, 255]};
all(_) -> {megaco_term_id, true, [[$*]]}.

told({ok, Segments = [{_, _} | _]}) ->
    Actions = lists:append([Replies || {_, Replies} <- Segments]),
    io:format("segments ~w terminations ~w~n", [[Number || {Number, _} <- Segments], count(Actions)]);
told({ok, Actions}) -> io:format("segments [] terminations ~w~n", [count(Actions)]);
told(Other) -> io:format("failed ~0tp~n", [Other]).

count(Actions) -> lists:sum([length(element(5, Action)) || Action <- Actions]).

handle_connect(_, _, _) -> ok.
handle_disconnect(_, _, _, _) -> ok.
handle_syntax_error(_, _, Error, _) -> io:format("failed ~0tp~n", [Error]), reply.
handle_message_error(_, _, Error, _) -> io:format("failed ~0tp~n", [Error]), no_reply.

handle_trans_request(Connection, _, _, Main) ->
    Main ! {registered, Connection},
    Parms = {'ServiceChangeResParm', ?NO, ?NO, 3, ?NO, ?NO},
    Root = {megaco_term_id, false, ["root"]},
    {discard_ack, [{'ActionReply', 0, ?NO, ?NO,
                    [{serviceChangeReply, {'ServiceChangeReply', [root(Connection, Root)], {serviceChangeResParms, Parms}}}]}]}.

root(Connection, Text) ->
    case megaco:conn_info(Connection, encoding_mod) of
        megaco_ber_encoder -> {'TerminationID', [], [255, 255, 255, 255, 255, 255, 255, 255]};
        _ -> Text
    end.

handle_trans_long_request(_, _, _, _) -> {discard_ack, {'ErrorDescriptor', 501, "not implemented"}}.
handle_trans_reply(_, _, Reply, _, _) -> io:format("late ~0tp~n", [Reply]), ok.
handle_trans_ack(_, _, _, _, _) -> ok.
handle_unexpected_trans(_, _, Transaction, _) -> io:format("failed unexpected ~0tp~n", [Transaction]), ok.
handle_trans_request_abort(_, _, _, _, _) -> ok.
handle_segment_reply(_, _, _, Number, Last, _) -> io:format("acknowledged ~w ~w~n", [Number, Last]), ok.

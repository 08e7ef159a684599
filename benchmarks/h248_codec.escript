#!/usr/bin/env escript
%% Times megaco's codecs over its own example messages: pretty and compact text with the flex scanner, and BER.
%% In: "about", "messages FORM", "decode FORM LOOPS", "encode FORM LOOPS"; out: one line each, times in nanoseconds.
%% Messages that megaco does not decode again from its own octets are left out of that form (given as empty words).
%% BER is decoded with the version told: left to itself megaco 4.4.2 reads all of it as version 1.
-mode(compile).

main(_) ->
    ok = megaco:start(),
    File = filename:join([code:lib_dir(megaco), "examples", "meas", "time_test.msgs"]),
    {ok, [{pretty, Named}]} = file:consult(File),
    {About, Text} = scanner(),
    Trees = [begin {ok, Tree} = megaco_pretty_text_encoder:decode_message(Text, dynamic, M), Tree end || {_, M} <- Named],
    Forms = maps:from_list([{Form, form(Module, Conf, Trees)} || {Form, Module, Conf} <- [
        {"pretty", megaco_pretty_text_encoder, Text},
        {"compact", megaco_compact_text_encoder, Text},
        {"ber", megaco_ber_encoder, []}]]),
    loop(About, Forms).

scanner() ->
    try
        {ok, _Pid, Flex} = megaco_flex_scanner_handler:start_link(),
        {"with the flex scanner", [Flex]}
    catch _:_ -> {"without the flex scanner", []}
    end.

version(Tree) -> element(2, element(3, Tree)).

%% What one encoding makes of the trees, and what it reads from that.
form(Module, Conf, Trees) ->
    Pairs = [pair(Module, Conf, Tree) || Tree <- Trees],
    {Module, Conf, [M || {_, M, _} <- Pairs], [Pair || Pair = {_, M, _} <- Pairs, M =/= <<>>]}.

pair(Module, Conf, Tree) ->
    Version = case Module of megaco_ber_encoder -> version(Tree); _ -> dynamic end,
    try
        {ok, M} = Module:encode_message(Conf, version(Tree), Tree),
        {ok, _} = Module:decode_message(Conf, Version, M),
        {Version, M, Tree}
    catch _:_ -> {Version, <<>>, none}
    end.

loop(About, Forms) ->
    case io:get_line("") of
        eof -> ok;
        Line ->
            answer(string:lexemes(string:trim(Line), " "), About, Forms),
            loop(About, Forms)
    end.

answer(["about"], About, _) ->
    io:format("megaco ~s~n", [About]);
answer(["messages", Form], _, Forms) ->
    {_, _, Messages, _} = maps:get(Form, Forms),
    io:format("~s~n", [lists:join(",", [base64:encode(M) || M <- Messages])]);
answer(["decode", Form, Loops], _, Forms) ->
    {Module, Conf, _, Pairs} = maps:get(Form, Forms),
    timed(list_to_integer(Loops), fun({V, M, _}) -> {ok, _} = Module:decode_message(Conf, V, M) end, Pairs);
answer(["encode", Form, Loops], _, Forms) ->
    {Module, Conf, _, Pairs} = maps:get(Form, Forms),
    timed(list_to_integer(Loops), fun({_, _, T}) -> {ok, _} = Module:encode_message(Conf, version(T), T) end, Pairs).

timed(Loops, Fun, List) ->
    Began = erlang:monotonic_time(nanosecond),
    again(Loops, Fun, List),
    io:format("~w~n", [erlang:monotonic_time(nanosecond) - Began]).

again(0, _, _) -> ok;
again(Loops, Fun, List) ->
    lists:foreach(Fun, List),
    again(Loops - 1, Fun, List).

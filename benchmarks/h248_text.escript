#!/usr/bin/env escript
%% Times megaco's text codec over its own example messages.
%% In: "messages 0", "scanner 0", "decode LOOPS", "encode LOOPS"; out: one line each, times in nanoseconds.
-mode(compile).

main(_) ->
    ok = megaco:start(),
    File = filename:join([code:lib_dir(megaco), "examples", "meas", "time_test.msgs"]),
    {ok, [{pretty, Named}]} = file:consult(File),
    Messages = [Message || {_, Message} <- Named],
    {Scanner, Conf} = scanner(),
    Trees = [begin {ok, Tree} = megaco_pretty_text_encoder:decode_message(Conf, dynamic, M), Tree end || M <- Messages],
    loop(Messages, Trees, Scanner, Conf).

scanner() ->
    try
        {ok, _Pid, Flex} = megaco_flex_scanner_handler:start_link(),
        {"with the flex scanner", [Flex]}
    catch _:_ -> {"without the flex scanner", []}
    end.

loop(Messages, Trees, Scanner, Conf) ->
    case io:get_line("") of
        eof -> ok;
        Line ->
            [What, Count] = string:lexemes(string:trim(Line), " "),
            Loops = list_to_integer(Count),
            case What of
                "scanner" -> io:format("~s~n", [Scanner]);
                "messages" -> io:format("~s~n", [lists:join(",", [base64:encode(M) || M <- Messages])]);
                "decode" -> timed(Loops, fun(M) ->
                    {ok, _} = megaco_pretty_text_encoder:decode_message(Conf, dynamic, M) end, Messages);
                "encode" -> timed(Loops, fun(Tree) ->
                    {ok, _} = megaco_pretty_text_encoder:encode_message(Conf, element(2, element(3, Tree)), Tree) end, Trees)
            end,
            loop(Messages, Trees, Scanner, Conf)
    end.

timed(Loops, Fun, List) ->
    Began = erlang:monotonic_time(nanosecond),
    again(Loops, Fun, List),
    io:format("~w~n", [erlang:monotonic_time(nanosecond) - Began]).

again(0, _, _) -> ok;
again(Loops, Fun, List) ->
    lists:foreach(Fun, List),
    again(Loops - 1, Fun, List).

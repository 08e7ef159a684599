#!/usr/bin/env escript
%% Decodes H.248 text messages with Erlang/OTP's megaco.
%% In: one line a message, base64. Out: one line each, "ok " or "error " and the term as text, base64.

main(_) ->
    io:setopts([{encoding, latin1}]),
    ok = megaco:start(),
    loop().

loop() ->
    case io:get_line("") of
        eof -> ok;
        Line ->
            Message = base64:decode(string:trim(Line)),
            {Tag, Term} =
                try megaco_pretty_text_encoder:decode_message([], dynamic, Message) of
                    {ok, Decoded} -> {"ok", Decoded};
                    {error, Reason} -> {"error", Reason}
                catch
                    Class:Why -> {"error", {Class, Why}}
                end,
            Text = unicode:characters_to_binary(io_lib:format("~0tp", [Term])),
            io:put_chars([Tag, " ", base64:encode(Text), "\n"]),
            loop()
    end.

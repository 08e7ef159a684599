#!/usr/bin/env escript
%% Decodes H.248 messages with Erlang/OTP's megaco, and encodes them again.
%% In: one line a message, what to do and base64:
%%   text    decode text            -> the term as text
%%   ber1, ber2, ber3   decode BER of that version -> the term as text
%%   native2 the same by the ASN.1 codec alone: ids and names stay octets
%%   recode  decode text, encode it as BER -> the octets
%% Out: one line each, "ok " or "error " and the answer in base64.

-mode(compile).

main(_) ->
    io:setopts([{encoding, latin1}]),
    ok = megaco:start(),
    loop().

loop() ->
    case io:get_line("") of
        eof -> ok;
        Line ->
            [What, Base64] = string:split(string:trim(Line), " "),
            Message = base64:decode(Base64),
            {Tag, Answer} =
                try answer(What, Message)
                catch
                    Class:Why -> {"error", shown({Class, Why})}
                end,
            io:put_chars([Tag, " ", base64:encode(Answer), "\n"]),
            loop()
    end.

answer("text", Message) -> decoded(megaco_pretty_text_encoder:decode_message([], dynamic, Message));
answer("ber" ++ Version, Message) -> decoded(megaco_ber_encoder:decode_message([], list_to_integer(Version), Message));
answer("native" ++ Version, Message) ->
    decoded(megaco_ber_encoder:decode_message([native], list_to_integer(Version), Message));
answer("recode", Message) ->
    case megaco_pretty_text_encoder:decode_message([], dynamic, Message) of
        {ok, Term} ->
            Version = element(2, element(3, Term)),
            case megaco_ber_encoder:encode_message([], Version, Term) of
                {ok, Octets} -> {"ok", Octets};
                {error, Reason} -> {"error", shown({encode, Reason})}
            end;
        {error, Reason} -> {"error", shown({decode, Reason})}
    end.

decoded({ok, Term}) -> {"ok", shown(Term)};
decoded({error, Reason}) -> {"error", shown(Reason)}.

shown(Term) -> unicode:characters_to_binary(io_lib:format("~0tp", [Term])).

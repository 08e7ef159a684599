%% Words of H.248 as terms of megaco, in text and in binary: names, SDP, values, and what replies say, for people.
%% The process that calls keeps its coding in its dictionary (`put(coding, ...)`).
-module(h248_words).
-export([root/0, all/0, choose/1, made/1, amm/3, media/1, event/5, asked/4, audit/2, subtract/3, sdp_name/1,
         sdp_letter/1, name/2, item/1, integer/1, enumeration/2, string/1, unwrapped/1, described/1, found/1, shown/1]).

-include("h248.hrl").

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

amm(Kind, Termination, Descriptors) -> #'CommandRequest'{command = {Kind, {'AmmRequest', [Termination], Descriptors}}}.

media(Parms) -> {mediaDescriptor, {'MediaDescriptor', ?NO, {multiStream, [{'StreamDescriptor', 1, Parms}]}}}.

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

%% What a reply to a command says, one word each.
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

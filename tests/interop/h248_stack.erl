%% A user of megaco, its codec and its transport: what a controller and a gateway made of Erlang/OTP have in common.
%%
%% Transport is udp or tcp (TPKT); coding is pretty, compact or binary. In binary, messages go to the ASN.1 codec as
%% they are (`native`), since megaco's own names for packages do not know hangterm, ipdc or tcpbcc.
-module(h248_stack).
-export([user/5, mid/2, listen/4, connect/5, say/2]).

%% A user of megaco with that module's callbacks; they are given this process and the coding.
user(Callbacks, Host, Port, Transport, Coding) ->
    Mid = mid(Host, Port),
    % Nothing is repeated within a test: a peer that is slow on a busy machine is not taken for one that is gone.
    ok = megaco:start_user(Mid, [{user_mod, Callbacks}, {user_args, [{self(), Coding}]}, {protocol_version, 2},
                                 {request_timer, {megaco_incr_timer, 2000, 2, 0, 4}}, {request_keep_alive_timeout, plain}]),
    {megaco_receive_handle, Mid, _, _, _, _} = megaco:user_info(Mid, receive_handle),
    {Module, Configuration} = codec(Coding),
    {megaco_receive_handle, Mid, Module, Configuration, send_module(Transport), 2}.

mid(Host, Port) -> {ip4Address, {'IP4Address', tuple_to_list(Host), Port}}.

codec(pretty) -> {megaco_pretty_text_encoder, []};
codec(compact) -> {megaco_compact_text_encoder, []};
codec(binary) -> {megaco_ber_encoder, [native]}.

send_module(udp) -> megaco_udp;
send_module(tcp) -> megaco_tcp.

listen(udp, Host, Port, Handle) ->
    {ok, Pid} = megaco_udp:start_transport(),
    {ok, _, _} = megaco_udp:open(Pid, [{port, Port}, {receive_handle, Handle}, {udp_options, [{ip, Host}]}]),
    ok;
listen(tcp, Host, Port, Handle) ->
    {ok, Pid} = megaco_tcp:start_transport(),
    megaco_tcp:listen(Pid, [{port, Port}, {receive_handle, Handle}, {tcp_options, [{ip, Host}, {reuseaddr, true}]}]).

connect(udp, Host, Own, Controller, Handle) ->
    {ok, Pid} = megaco_udp:start_transport(),
    {ok, Socket, Control} =
        megaco_udp:open(Pid, [{port, Own}, {receive_handle, Handle}, {udp_options, [{ip, Host}]}]),
    megaco:connect(Handle, preliminary_mid, megaco_udp:create_send_handle(Socket, Host, Controller), Control);
connect(tcp, Host, Own, Controller, Handle) ->
    {ok, Pid} = megaco_tcp:start_transport(),
    {ok, Send, Control} =
        megaco_tcp:connect(Pid, [{host, Host}, {port, Controller}, {receive_handle, Handle},
                                 {tcp_options, [{ip, Host}, {port, Own}, {reuseaddr, true}]}]),
    megaco:connect(Handle, preliminary_mid, Send, Control).

%% One line on standard output.
say(What, Words) ->
    Line = lists:join(" ", [What | [word(Word) || Word <- Words]]),
    io:put_chars([re:replace(Line, "\n", " ", [global, {return, list}]), "\n"]).

word(Word) when is_integer(Word) -> integer_to_list(Word);
word(Word) when is_atom(Word) -> atom_to_list(Word);
word(Word) -> Word.

#!/usr/bin/env bash
# `openssl s_client`: a person types IRC through TLS; and what is wrong with TLS is refused.
set -euo pipefail
CLIENT=openssl
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

SESSION=none
PID=

# start SESSION OPTION...: connects, with these options.
start() {
    SESSION=$1
    shift
    : >"$FOLDER/$SESSION.out"
    mkfifo "$FOLDER/$SESSION.in"
    # Opened here, and for both ways, so that what is typed waits for it, and never ends.
    exec 3<>"$FOLDER/$SESSION.in"
    # What it says of the connection must not stand in its buffer while lines of IRC pass by that.
    stdbuf -oL openssl s_client -connect "127.0.0.1:$PORT" -crlf "$@" <&3 3>&- \
        > >(exec sed -u 's/\r$//' >"$FOLDER/$SESSION.out" 3>&-) 2>&1 &
    PID=$!
    echo "$PID" >"$FOLDER/pid"
}

types() { printf '%s\n' "$1" >&3; }

sees() { shown "$FOLDER/$SESSION.out" "$@"; }

screen() { tail -n 40 "$FOLDER/$SESSION.out"; }

ended() { ! kill -0 "$PID" 2>/dev/null; }

# A `Q` at the beginning of a line ends s_client.
quit() {
    types Q
    eventually ended || fail "ends with Q"
}

stop() { if [ -n "$PID" ]; then kill "$PID" 2>/dev/null; fi; }

# fingerprint [OPTION...]: of the certificate that comes in or is named, as openssl writes it.
fingerprint() { openssl x509 -noout -fingerprint -sha256 "$@" | sed 's/.*=//'; }

shows_its_fingerprint() {
    local shown
    shown=$(openssl s_client -connect "127.0.0.1:$PORT" </dev/null 2>/dev/null | fingerprint)
    [ "$shown" = "$FINGERPRINT" ]
}

# refused WHAT REGEX OPTION...: the handshake fails, and says why.
refused() {
    local what=$1 regex=$2
    shift 2
    start "refused.$#.$RANDOM" "$@"
    eventually ended || fail "$what (it stays)"
    check "$what" sees "$regex"
}

alone() {
    check "the certificate has the fingerprint of the starting lines" shows_its_fingerprint
    local version
    for version in 1.2 1.3; do talk "$version"; done
    renegotiate
    # Level 0 lets openssl itself offer what it has given up.
    refused "TLS 1.1 is refused" \
        'alert (protocol version|handshake failure)' -tls1_1 -cipher DEFAULT@SECLEVEL=0
    refused "another protocol by ALPN is refused" 'alert no application protocol' -alpn gopher
    certificate
}

# talk VERSION
talk() {
    start "tls$1" "-tls${1/./_}" -alpn irc
    check "connects by TLS $1" sees "^New, TLSv$1, Cipher is "
    check "agrees on irc by ALPN, with TLS $1" sees '^ALPN protocol: irc$'
    types "LOGIN $CLIENT :secret-openssl"
    check "logs in over TLS $1" sees '^:\S+ NOTE LOGIN (ACCOUNT_CREATED|LOGGED_IN) '
    types "BM :Grüße by TLS $1"
    check "broadcasts over TLS $1" observed "^:$CLIENT!\S+ PRIVMSG #lobby :Grüße by TLS $1\$"
    observer "BM :Grüße back, TLS $1"
    check "sees an answer over TLS $1" \
        sees "^:watcher!\S+ PRIVMSG #lobby :Grüße back, TLS $1\$" 1
    types EX
    check "is let go over TLS $1" sees '^ERROR :'
    eventually ended || fail "is closed after EX"
    check "is closed in order, TLS $1" sees '^(closed|read:errno=0|.*close notify.*)$'
}

# Nobody needs it, and it is costly for the server: its client is told no, and gives up.
renegotiate() {
    start renegotiation -tls1_2
    types "LOGIN $CLIENT :secret-openssl"
    check "logs in to renegotiate" sees '^:\S+ NOTE LOGIN LOGGED_IN '
    types R
    check "renegotiation is refused" sees 'no renegotiation'
    eventually ended || fail "gives up when it may not renegotiate"
    start after-renegotiation -tls1_2
    types "LOGIN $CLIENT :secret-openssl"
    check "the next one is served" sees '^:\S+ NOTE LOGIN LOGGED_IN '
    quit
}

certificate() {
    local pem=$FOLDER/own.pem own version
    own_certificate "$pem"
    own=$(fingerprint -in "$pem" | tr -d : | tr '[:upper:]' '[:lower:]')
    local shown=(-cert "$pem")

    start with-certificate "${shown[@]}"
    types "LOGIN $CLIENT :secret-openssl"
    eventually sees '^:\S+ NOTE LOGIN LOGGED_IN ' || fail "logs in with a certificate shown"
    types 'CERT ADD'
    check "adds the certificate that it shows" sees "^:\S+ NOTE CERT ADDED $own "
    quit
    for version in 1.2 1.3; do
        start "external$version" "-tls${version/./_}" "${shown[@]}"
        external
        check "logs in by SASL EXTERNAL, TLS $version" sees "^:\S+ 903 $CLIENT "
        check "is welcomed, TLS $version" sees "^:\S+ 001 $CLIENT "
        if [ "$version" = 1.2 ]; then quit; fi
    done
    types 'CERT LIST'
    check "lists its certificate" sees "^:\S+ NOTE CERT ENTRY $own "
    types "CERT DEL $own"
    check "takes it back" sees "^:\S+ NOTE CERT DELETED $own "
    quit
    start external-taken-back "${shown[@]}"
    external
    check "cannot log in by it any more" sees '^:\S+ 904 '
    quit
    start external-without
    external
    check "cannot log in by SASL EXTERNAL without one" sees '^:\S+ 904 '
    quit
}

# It says what a client says; the lines do not depend on answers to each other.
external() {
    local line
    types 'CAP LS 302'
    check "is offered SASL EXTERNAL, and no STS by the server's own certificate" \
        sees '^:\S+ CAP \* LS .*sasl=(\S+,)?EXTERNAL'
    sees '[ :]sts=' 0 || fail "is offered STS"
    for line in 'CAP REQ sasl' "NICK $CLIENT" "USER $CLIENT 0 * :By hand" \
        'AUTHENTICATE EXTERNAL' 'AUTHENTICATE +'; do
        types "$line"
    done
    eventually sees '^:\S+ 90[34] ' || fail "is answered to SASL EXTERNAL"
    types 'CAP END'
}

together() {
    start together -alpn irc
    types "LOGIN $CLIENT :secret-openssl"
    check "logs in beside the others" sees '^:\S+ NOTE LOGIN LOGGED_IN '
    types 'CAP REQ echo-message'
    types "JOIN $TOGETHER"
    after_the_others sees 'all are here$' || fail "hears that all are here"
    types "PRIVMSG $TOGETHER :word from $CLIENT"
    after_the_others sees 'all have spoken$' || fail "hears that all have spoken"
    local who
    for who in $EVERYBODY; do
        check "sees the word from $who once" \
            sees "^:$who!\S+ PRIVMSG $TOGETHER :word from $who\$" 1
    done
    quit
}

trap leave EXIT
"$1"

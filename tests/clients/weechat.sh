#!/usr/bin/env bash
# WeeChat without a screen: its pipe (plugin fifo) types, and its log files show what a person sees.
set -euo pipefail
CLIENT=weechat
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

ROOM="#$CLIENT"
HOME_FOLDER=
PID=

# start SESSION OPTION...: a WeeChat that knows nothing but the server and these options of it. Two
# triggers put what is sent and received into a buffer of its own, so into a log file too.
start() {
    SESSION=$1
    HOME_FOLDER=$FOLDER/weechat.$SESSION
    mkdir -p "$HOME_FOLDER"
    printf '[file]\nflush_delay = 0\n' >"$HOME_FOLDER/logger.conf"
    {
        echo '[trigger]'
        trigger received '*,irc_raw_in_*' '<'
        trigger sent '*,irc_out_*' '>'
    } >"$HOME_FOLDER/trigger.conf"
    shift
    {
        echo '[server]'
        local option
        for option in "addresses = \"127.0.0.1/$PORT\"" 'ssl = off' "nicks = \"$CLIENT\"" \
            "username = \"$CLIENT\"" 'realname = "Wee Chat"' 'autoconnect = on' \
            'anti_flood_prio_high = 0' 'anti_flood_prio_low = 0' "$@"; do
            echo "parlor.$option"
        done
    } >"$HOME_FOLDER/irc.conf"
    weechat-headless --dir "$HOME_FOLDER" </dev/null >"$HOME_FOLDER/stdout" 2>&1 &
    PID=$!
    echo "$PID" >"$FOLDER/pid"
    eventually pipe_is_there || fail "starts"
}

trigger() {
    local setting
    for setting in 'enabled = on' 'hook = signal' "arguments = \"$2\"" 'conditions = ""' \
        'regex = ""' "command = \"/print -newbuffer wire $3 \${tg_signal_data}\"" \
        'return_code = ok' 'post_action = none'; do
        echo "$1.$setting"
    done
}

pipe_is_there() { [ -p "$HOME_FOLDER/weechat_fifo_$PID" ]; }

# types BUFFER TEXT
types() { printf '%s *%s\n' "irc.$1" "$2" 1<>"$HOME_FOLDER/weechat_fifo_$PID"; }

# sees BUFFER REGEX [TIMES]: whether the buffer shows it, under its time.
sees() {
    local buffer=$1
    shift
    shown "$HOME_FOLDER/logs/irc.$buffer.weechatlog" "$@"
}

got() { shown "$HOME_FOLDER/logs/core.wire.weechatlog" "$@"; }

ended() { ! kill -0 "$PID" 2>/dev/null; }

leaves() {
    types server.parlor "/quit see you"
    eventually ended || fail "ends with /quit"
    PID=
    rm "$FOLDER/pid"
}

# Leaves as a person does, and keeps what went over the wire.
quit() {
    leaves
    sed 's/^[^\t]*\t\t//' "$HOME_FOLDER/logs/core.wire.weechatlog" >"$FOLDER/wire.$SESSION"
}

screen() { tail -n 30 "$HOME_FOLDER"/logs/{core.wire,irc.*}.weechatlog; }

stop() { if [ -n "$PID" ]; then kill "$PID" 2>/dev/null; fi; }

# sasl SESSION MECHANISM [OPTION...]
sasl() {
    local session=$1 mechanism=$2
    shift 2
    start "$session" "sasl_mechanism = $mechanism" "sasl_username = \"$CLIENT\"" \
        'sasl_password = "secret-wee"' "$@"
}

# pinned FINGERPRINT: options for TLS; the certificate must be that one, whoever made it. WeeChat
# wants the digits alone. From WeeChat 4 on these options are called tls and tls_fingerprint, and it
# understands the old names in a file.
pinned() { PINNED=('ssl = on' "ssl_fingerprint = \"${1//:/}\""); }

alone() {
    start 1 'password = "secret-wee"'
    check "a new name and a server password register the name" \
        sees server.parlor "Welcome to parlor, $CLIENT!"
    check "the lobby opens by itself" sees 'parlor.#lobby' "$CLIENT .* has joined #lobby"

    types server.parlor "/join $ROOM"
    check "joins a room" sees "parlor.$ROOM" "$CLIENT .* has joined $ROOM"
    observer "JOIN $ROOM"
    check "sees somebody join" sees "parlor.$ROOM" "watcher .* has joined $ROOM"
    types "parlor.$ROOM" "Grüße; from \${x} %s"
    check "says a line" observed "^:$CLIENT!\S+ PRIVMSG $ROOM :Grüße; from \\$\{x\} %s\$"
    observer "PRIVMSG $ROOM :Grüße back"
    check "sees an answer" sees "parlor.$ROOM" "watcher	Grüße back\$" 1
    check "shows its own line once" sees "parlor.$ROOM" "$CLIENT	Grüße; from" 1
    types "parlor.$ROOM" "/me waves"
    check "does an action" observed "^:$CLIENT!\S+ PRIVMSG $ROOM :.ACTION waves.\$"

    types server.parlor "/msg watcher between us"
    check "writes to one person" observed "^:$CLIENT!\S+ PRIVMSG watcher :between us\$"
    observer "PRIVMSG $CLIENT :only for you"
    check "reads what one person wrote" sees parlor.watcher "watcher	only for you\$" 1

    types "parlor.$ROOM" "/topic all about $CLIENT"
    check "sets a topic" observed "^:$CLIENT!\S+ TOPIC $ROOM :all about $CLIENT\$"
    check "shows the topic" sees "parlor.$ROOM" "changed topic for $ROOM to \"all about $CLIENT\""
    types server.parlor "/whois watcher"
    check "looks somebody up" sees server.parlor '\[watcher\] is logged in as watcher'
    types server.parlor "/away out for tea"
    check "goes away" sees server.parlor "You have been marked as being away"
    observer "WHOIS $CLIENT"
    check "is away for others" observed " 301 watcher $CLIENT :out for tea\$"
    types server.parlor "/away"
    check "comes back" sees server.parlor "You are no longer marked as being away"

    types "parlor.$ROOM" "/mode +v $CLIENT"
    types "parlor.$ROOM" "/names"
    types server.parlor "/cap req parlor.test/absent"
    check "takes no for an answer" got "< .* CAP $CLIENT NAK :parlor.test/absent"
    quit
    check "is gone after its quit" observed "^:$CLIENT!\S+ QUIT "

    pinned "$(another "$FINGERPRINT")"
    sasl other plain "${PINNED[@]}"
    check "refuses another certificate than the one pinned" \
        sees server.parlor 'certificate fingerprint does NOT match'
    leaves
    pinned "$FINGERPRINT"
    own_certificate "$FOLDER/own.pem"
    local shown="ssl_cert = \"$FOLDER/own.pem\""
    sasl 2 plain "${PINNED[@]}" "$shown"
    check "believes the certificate that is pinned" \
        sees server.parlor 'certificate fingerprint matches'
    check "logs in by SASL PLAIN, through TLS" sees server.parlor "You are now logged in as $CLIENT"
    check "is back in its room" sees "parlor.$ROOM" "$CLIENT .* has joined $ROOM"
    check "asked for no room itself" got '> JOIN' 0
    types "parlor.$ROOM" "here again"
    check "speaks again" observed "^:$CLIENT!\S+ PRIVMSG $ROOM :here again\$"
    types server.parlor "/quote CERT ADD"
    check "adds the certificate that it shows" got '< .* NOTE CERT ADDED '
    quit
    sasl external external "${PINNED[@]}" "$shown"
    check "logs in by SASL EXTERNAL" sees server.parlor "You are now logged in as $CLIENT"
    quit

    sasl 3 scram-sha-256
    check "logs in by SASL SCRAM-SHA-256" sees server.parlor "You are now logged in as $CLIENT"
    check "is back in its room again" sees "parlor.$ROOM" "$CLIENT .* has joined $ROOM"
    history "CHATHISTORY LATEST $ROOM * 50" "by CHATHISTORY"
    history "CH $ROOM 50" "by CH"
    quit
}

# history REQUEST HOW: the room shows once more what was said in other sessions.
history() {
    local log=$HOME_FOLDER/logs/irc.parlor.$ROOM.weechatlog others own
    others=$(grep -c 'Grüße back$' "$log" || true)
    own=$(grep -c 'here again$' "$log" || true)
    types server.parlor "/quote $1"
    check "reads what others said, $2" sees "parlor.$ROOM" "watcher	Grüße back\$" $((others + 1))
    check "reads what it said itself, $2" sees "parlor.$ROOM" "$CLIENT	here again\$" $((own + 1))
}

together() {
    pinned "$FINGERPRINT"
    sasl together plain "${PINNED[@]}"
    check "logs in beside the others" sees server.parlor "You are now logged in as $CLIENT"
    types server.parlor "/join $TOGETHER"
    after_the_others sees "parlor.$TOGETHER" 'all are here$' || fail "hears that all are here"
    types "parlor.$TOGETHER" "word from $CLIENT"
    after_the_others sees "parlor.$TOGETHER" 'all have spoken$' || fail "hears that all have spoken"
    local who
    for who in $EVERYBODY; do
        check "sees the word from $who once" sees "parlor.$TOGETHER" "$who	word from $who\$" 1
    done
    quit
}

trap leave EXIT
"$1"

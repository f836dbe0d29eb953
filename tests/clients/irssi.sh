#!/usr/bin/env bash
# irssi in tmux: keys are typed, and the screen is read. Everything is shown in one window.
set -euo pipefail
CLIENT=irssi
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

ROOM="#$CLIENT"
SOCKET=$FOLDER/tmux

tmux() { command tmux -u -S "$SOCKET" -f /dev/null "$@"; }

# start SESSION SERVER NETWORK: an irssi that knows nothing but the server; with these options in
# the block of the server and in that of the network.
start() {
    SESSION=$1
    local home=$FOLDER/irssi.$SESSION
    mkdir -p "$home"
    cat >"$home/config" <<CONFIG
servers = ( {
  address = "127.0.0.1"; port = "$PORT"; chatnet = "parlor"; autoconnect = "yes"; $2
} );
chatnets = { parlor = { type = "IRC"; nick = "$CLIENT"; username = "$CLIENT"; $3 }; };
settings = {
  core = { real_name = "Irssi in tmux"; rawlog_lines = "5000"; };
  "irc/core" = { cmd_queue_speed = "0msec"; cmds_max_at_once = "100"; };
  "fe-text" = { paste_verify_line_count = "0"; };
  "fe-common/core" = {
    autocreate_windows = "no"; autocreate_own_query = "no"; autocreate_query_level = "NONE";
  };
};
CONFIG
    tmux new-session -d -s irssi -x 250 -y 200 "irssi --home='$home' 2>'$home/stderr'" ||
        fail "starts in tmux"
}

types() {
    tmux send-keys -t irssi -l -- "$1"
    tmux send-keys -t irssi Enter
}

screen() { tmux capture-pane -p -J -t irssi | grep -v '^ *$'; }

# sees REGEX [TIMES]
sees() {
    screen >"$FOLDER/screen" 2>/dev/null || true
    shown "$FOLDER/screen" "$@"
}

# got REGEX [TIMES]: whether irssi sent or received it; keeps what went over the wire until now.
got() {
    rm -f "$FOLDER/rawlog"
    types "/rawlog save $FOLDER/rawlog"
    eventually test -s "$FOLDER/rawlog" || return 1
    sed -n 's/^<< /> /p; t; s/^>> /< /p' "$FOLDER/rawlog" >"$FOLDER/wire.$SESSION"
    shown "$FOLDER/wire.$SESSION" "$@"
}

ended() { ! tmux has-session -t irssi 2>/dev/null; }

quit() {
    types "/quit see you"
    eventually ended || fail "ends with /quit"
}

stop() { tmux kill-server 2>/dev/null; }

# sasl SESSION FINGERPRINT: through TLS, with a server that has that certificate, whoever made it.
sasl() {
    start "$1" "use_tls = \"yes\"; tls_verify = \"no\"; tls_pinned_cert = \"$2\";" \
        "sasl_mechanism = \"plain\"; sasl_username = \"$CLIENT\"; sasl_password = \"secret-irssi\";"
}

alone() {
    start 1 'password = "secret-irssi";' ''
    check "a new name and a server password register the name" sees "Welcome to parlor, $CLIENT!"
    check "the lobby opens by itself" sees "$CLIENT \[.*\] has joined #lobby"

    types "/join $ROOM"
    check "joins a room" sees "$CLIENT \[.*\] has joined $ROOM"
    observer "JOIN $ROOM"
    check "sees somebody join" sees "watcher \[.*\] has joined $ROOM"
    types "/msg $ROOM Grüße; from \${x} %s"
    check "says a line" observed "^:$CLIENT!\S+ PRIVMSG $ROOM :Grüße; from \\$\{x\} %s\$"
    observer "PRIVMSG $ROOM :Grüße back"
    check "sees an answer" sees "watcher.*> Grüße back\$" 1
    check "shows its own line once" sees "$CLIENT.*> Grüße; from" 1
    types "/action $ROOM waves"
    check "does an action" observed "^:$CLIENT!\S+ PRIVMSG $ROOM :.ACTION waves.\$"

    types "/msg watcher between us"
    check "writes to one person" observed "^:$CLIENT!\S+ PRIVMSG watcher :between us\$"
    observer "PRIVMSG $CLIENT :only for you"
    check "reads what one person wrote" sees "watcher.*only for you\$" 1

    types "/topic $ROOM all about $CLIENT"
    check "sets a topic" observed "^:$CLIENT!\S+ TOPIC $ROOM :all about $CLIENT\$"
    check "shows the topic" sees "$CLIENT changed the topic of $ROOM to: all about $CLIENT"
    types "/whois watcher"
    check "looks somebody up" sees 'account *: watcher'
    types "/away out for tea"
    check "goes away" sees "You have been marked as being away"
    observer "WHOIS $CLIENT"
    check "is away for others" observed " 301 watcher $CLIENT :out for tea\$"
    types "/away"
    check "comes back" sees "You are no longer marked as being away"

    types "/mode $ROOM +v $CLIENT"
    types "/quote NAMES $ROOM"
    types "/quote CAP REQ parlor.test/absent"
    check "takes no for an answer" got "< .* CAP $CLIENT NAK :parlor.test/absent"
    quit
    check "is gone after its quit" observed "^:$CLIENT!\S+ QUIT "

    sasl other "$(another "$FINGERPRINT")"
    check "refuses another certificate than the one pinned" sees 'Pinned certificate mismatch'
    quit
    sasl 2 "$FINGERPRINT"
    check "logs in by SASL PLAIN, through TLS" sees "SASL authentication succeeded"
    check "is back in its room" sees "$CLIENT \[.*\] has joined $ROOM"
    check "asked for no room itself" got '> JOIN #' 0
    types "/msg $ROOM here again"
    check "speaks again" observed "^:$CLIENT!\S+ PRIVMSG $ROOM :here again\$"
    check "is shown what was said before" sees "watcher.*> Grüße back\$" 1
    types "/quote CH $ROOM 50"
    check "reads what others said, by CH" sees "watcher.*> Grüße back\$" 2
    check "reads what it said itself, by CH" sees "$CLIENT.*> here again\$" 2
    check "the page ends" got "< .* NOTE CH END $ROOM "
    quit
}

together() {
    sasl together "$FINGERPRINT"
    check "logs in beside the others" sees "SASL authentication succeeded"
    types "/join $TOGETHER"
    after_the_others sees 'all are here$' || fail "hears that all are here"
    types "/msg $TOGETHER word from $CLIENT"
    after_the_others sees 'all have spoken$' || fail "hears that all have spoken"
    local who
    for who in $EVERYBODY; do
        check "sees the word from $who once" sees "$who.*> word from $who\$" 1
    done
    got . || fail "says what went over the wire"
    quit
}

trap leave EXIT
"$1"

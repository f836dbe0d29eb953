# shellcheck shell=bash
# What the drivers in bash share: checks, bounded waits, and the observer. Sourced, never run.

# Seconds for which a check waits for its condition.
WAIT=${WAIT:-20}

pass() { printf 'PASS %s: %s\n' "$CLIENT" "$1"; }

# A driver ends with its first failure: what follows would only fail after it.
fail() {
    printf 'FAIL %s: %s\n' "$CLIENT" "$1"
    exit 1
}

# eventually COMMAND...: whether the command comes true in time.
eventually() { within "$WAIT" "$@"; }

# The same for what waits for the other clients, which have their own time first.
after_the_others() { within $((3 * WAIT)) "$@"; }

within() {
    local end=$((SECONDS + $1))
    shift
    until "$@"; do
        ((SECONDS < end)) || return 1
        sleep 0.05
    done
}

# check WHAT COMMAND...: passes as soon as the command comes true.
check() {
    local what=$1
    shift
    if eventually "$@"; then pass "$what"; else fail "$what"; fi
}

# shown FILE REGEX [TIMES]: whether so many lines of the file match, by default one or more.
shown() {
    local count
    count=$(grep -cE -- "$2" "$1" 2>/dev/null) || true
    if [ -n "${3:-}" ]; then ((count == $3)); else ((count > 0)); fi
}

# observe FOLDER: a plain connection, as `nc` has it. What is written to the pipe observer.in is
# sent, and what comes is in the file observer.out, so that drivers in any language can use it.
observe() {
    OBSERVER_IN=$1/observer.in
    OBSERVER_OUT=$1/observer.out
    mkdir -p "$1"
    [ -p "$OBSERVER_IN" ] || mkfifo "$OBSERVER_IN"
    : >"$OBSERVER_OUT"
    # The pipe is opened here, and for both ways, so that it outlives each writer.
    exec 3<>"/dev/tcp/127.0.0.1/$PORT" 4<>"$OBSERVER_IN" || return
    sed -u 's/\r$//' <&3 >"$OBSERVER_OUT" 3>&- 4>&- &
    OBSERVER=$!
    cat <&4 >&3 3>&- 4>&- &
    OBSERVER+=" $!"
    exec 3>&- 4>&-
    export OBSERVER_IN OBSERVER_OUT
}

# Ends the plain connection.
observe_no_more() {
    # shellcheck disable=SC2086 # two process ids
    kill $OBSERVER 2>/dev/null || true
    OBSERVER=
}

# observer LINE: the observer sends it.
observer() { printf '%s\r\n' "$1" 1<>"$OBSERVER_IN"; }

# observed REGEX [TIMES]: whether the observer got such a line.
observed() { shown "$OBSERVER_OUT" "$@"; }

# another FINGERPRINT: one that differs, in each digit.
another() { tr 0-9A-F 1-9A-F0 <<<"$1"; }

# own_certificate FILE: makes a certificate for the client, and its key, both in that file.
own_certificate() {
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 \
        -subj "/CN=$CLIENT" -keyout "$1.key" -out "$1" 2>/dev/null
    cat "$1.key" >>"$1"
}

# A driver that fails shows what its client showed; `screen` and `stop` are the driver's own.
leave() {
    local status=$?
    if ((status)); then
        printf -- '---- what %s showed\n' "$CLIENT"
        screen || true
        printf -- '----\n'
    fi
    stop || true
    exit "$status"
}

#!/usr/bin/env bash
# curl: what the same port answers to HTTP, plain and through TLS.
set -euo pipefail
CLIENT=curl
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

URL=

# asks PATH OPTION...: what came is in the files head, body, error and status there.
asks() {
    local path=$1
    shift
    rm -f "$FOLDER/body" "$FOLDER/head"
    curl -sS --insecure --max-time "$WAIT" --noproxy '*' -D "$FOLDER/head" -o "$FOLDER/body" \
        -w '%{http_code} HTTP/%{http_version}\n' "$@" "$URL$path" \
        >"$FOLDER/status" 2>"$FOLDER/error"
}

# answered STATUS TYPE PATH OPTION...: that is what it got, and only from whom it may believe it.
answered() {
    local status=$1 type=$2
    shift 2
    asks "$@" && shown "$FOLDER/status" "^$status HTTP/1\.1\$" &&
        has_header "Content-Type: $type" && has_header 'X-Content-Type-Options: nosniff' &&
        has_header 'Referrer-Policy: no-referrer' && has_header "Cache-Control: $CACHE"
}
CACHE=no-store

# Only in this file is a line end CRLF.
has_header() { tr -d '\r' <"$FOLDER/head" | grep -qxF -- "$1"; }

screen() { tail -n +1 "$FOLDER"/{status,head,body,error}; }

stop() { :; }

says() { grep -qF -- "$1" "$FOLDER/body"; }

expect() {
    local what=$1
    shift
    if "$@"; then pass "$what, $scheme"; else fail "$what, $scheme"; fi
}

TEXT='text/plain; charset=utf-8'
HTML='text/html; charset=utf-8'

alone() {
    local scheme
    for scheme in http https; do
        URL=$scheme://localhost:$PORT
        pages
        refusals
    done
    tls
}

pages() {
    CACHE=no-cache expect "the web client is at /" answered 200 "$HTML" /
    # Which ways curl offers by itself depends on how it was built.
    CACHE=no-cache expect "it comes compressed" answered 200 "$HTML" / --compressed -H 'Accept-Encoding: gzip'
    expect "it says so" has_header 'Content-Encoding: gzip'
    local tag
    tag=$(tr -d '\r' <"$FOLDER/head" | sed -n 's/^ETag: //p')
    expect "who has it gets it only once" asks / -H "If-None-Match: $tag" --compressed -H "Accept-Encoding: gzip"
    expect "and is told 304" shown "$FOLDER/status" '^304 '
    expect "one connection is enough" asks / --verbose "$URL/join" -o /dev/null
    expect "and is used again" grep -qiE 're-?using existing' "$FOLDER/error"
    expect "the page at /join says how to join" answered 200 "$HTML" /join
    expect "the page names this port" says "$PORT"
    expect "the page shows the fingerprint" says "$FINGERPRINT"
    expect "the page may load nothing and run nothing" \
        grep -qi "^Content-Security-Policy: default-src 'none'" "$FOLDER/head"
    local length
    length=$(wc -c <"$FOLDER/body")
    expect "HEAD has the same head" answered 200 "$HTML" /join --head
    expect "HEAD tells the length" has_header "Content-Length: $length"
    expect "the server is well" answered 200 application/json /healthz
    expect "its store can be written" says '"store":"writable"'
    expect "the figures are there" answered 200 'text/plain; version=0.0.4; charset=utf-8' /metrics
    expect "the figures are Prometheus'" grep -q '^# TYPE parlor_' "$FOLDER/body"
    expect "no figures by way of an unknown proxy" \
        answered 403 "$TEXT" /metrics -H 'X-Forwarded-For: 192.0.2.1'
}

refusals() {
    expect "there is nothing elsewhere" answered 404 "$TEXT" /nowhere
    expect "POST is refused" answered 405 "$TEXT" / --data 'a=b'
    expect "and told what would do" has_header 'Allow: GET, HEAD, OPTIONS'
    head -c 300000 /dev/zero | tr '\0' x >"$FOLDER/upload"
    expect "a large POST, too" answered 413 "$TEXT" / --data-binary "@$FOLDER/upload"
    expect "GET with a body is answered" answered 200 "$HTML" /join --request GET --data 'a=b'
    local long
    long=$(head -c 20000 /dev/zero | tr '\0' x)
    expect "a header of 20 KB is refused" answered 431 "$TEXT" / -H "X-Long: $long"
}

tls() {
    local scheme=https
    asks / --verbose --http1.1 || true
    expect "agrees on http/1.1 by ALPN" grep -q 'ALPN.*accepted.*http/1\.1' "$FOLDER/error"
    expect "offers HTTP/2, and gets 1.1" answered 200 "$HTML" /join --http2
    expect "TLS 1.2 will do" answered 200 "$HTML" /join --tls-max 1.2
    local status=0
    curl -sS --noproxy '*' -o "$FOLDER/body" "$URL/" 2>"$FOLDER/error" || status=$?
    expect "whom nobody vouches for is not believed" test "$status" = 60
    status=0
    curl -sS --noproxy '*' --cacert "$CERTIFICATE" -o "$FOLDER/body" "$URL/" \
        2>"$FOLDER/error" || status=$?
    expect "whose certificate one has is believed" test "$status" = 0
}

trap leave EXIT
"$1"

# shellcheck shell=bash
# Installing what tests need, as root or with sudo. Sourced, never run.

has() { command -v "$1" >/dev/null; }

as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }

install_packages() {
    if ! command -v apt-get >/dev/null; then
        echo "Install these first: $*" >&2
        exit 2
    fi
    as_root apt-get update
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@"
}

# What the scripts of this folder share. Sourced, not run.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# Everything that is not the system's goes here; `make clean` removes it.
tools=.tools

say() {
    printf '\033[1m==> %s\033[0m\n' "$*"
}

give_up() {
    printf '%s\n' "$@" >&2
    exit 1
}

have() {
    command -v "$1" >/dev/null 2>&1
}

can_apt() {
    have apt-get && [ "$(id -u)" = 0 ]
}

# Installs Debian packages without starting the services that come with them.
apt_install() {
    local policy=/usr/sbin/policy-rc.d
    if ! [ -e "$policy" ]; then
        printf '#!/bin/sh\nexit 101\n' >"$policy"
        chmod +x "$policy"
        # shellcheck disable=SC2064 # the path as it is now
        trap "rm -f $policy" EXIT
    fi
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

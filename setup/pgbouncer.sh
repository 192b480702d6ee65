#!/usr/bin/env bash
# The transaction pooler that the tests put before PostgreSQL.
source "$(dirname "$0")/say.sh"

PATH=$PATH:/usr/sbin:/opt/homebrew/bin:/usr/local/bin
have pgbouncer && exit

if can_apt; then
    say 'installing PgBouncer with apt-get; its service stays off'
    apt_install pgbouncer
    if have systemctl; then
        systemctl disable --quiet pgbouncer.service
    fi
elif have brew; then
    say 'installing PgBouncer with Homebrew'
    brew install --quiet pgbouncer
else
    say 'no PgBouncer, and no way to install it without your password: the tests of poolers check nothing'
    echo 'sudo apt-get install pgbouncer' "brings it."
fi

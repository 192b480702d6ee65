#!/usr/bin/env bash
# Lays the oldest and the newest supported PostgreSQL into .tools, beside the one that everything else runs on.
# Where that cannot be done, the tests say which versions they had.
source "$(dirname "$0")/say.sh"
source setup/npm_postgres.sh

for major in 15 18; do
    if [ -x "$tools/postgres-$major/bin/postgres" ] || [ -x "/usr/lib/postgresql/$major/bin/postgres" ]; then
        continue
    fi
    if have npm && npm_postgres_platform >/dev/null; then
        say "installing PostgreSQL $major into $tools with npm, for the tests of versions"
        npm_postgres "$major" "postgres-$major"
    else
        say "PostgreSQL $major is not tested here: it is not installed, and there is no npm that could"
    fi
done

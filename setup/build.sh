#!/usr/bin/env bash
# Compiles the callmark command, and shows how far it is: the first time takes minutes.
source "$(dirname "$0")/say.sh"

# How often a line says how far it is, in seconds.
EVERY=8

# A terminal has cargo's own bar.
[ -t 2 ] && exec cargo build --package callmark

log=$(mktemp)
trap 'rm -f "$log"' EXIT
cargo build --package callmark 2>"$log" &
build=$!
since=$SECONDS
sleep 1
if kill -0 "$build" 2>/dev/null; then
    say 'compiling callmark: some minutes the first time, seconds afterwards'
fi
all=$(cargo tree --package callmark --edges normal,build --prefix none --format '{p}' 2>/dev/null | sort -u | wc -l)
while kill -0 "$build" 2>/dev/null; do
    # Not longer than the build takes.
    for _ in $(seq $((EVERY * 5))); do
        kill -0 "$build" 2>/dev/null || break
        sleep 0.2
    done
    begun=$(grep -c '^ *Compiling' "$log" || true)
    fetched=$(grep -c '^ *Downloaded' "$log" || true)
    if [ "$begun" -gt 0 ]; then
        say "compiled about $begun of $all packages after $((SECONDS - since)) s"
    elif [ "$fetched" -gt 0 ]; then
        say "downloaded $fetched packages after $((SECONDS - since)) s"
    fi
done
wait "$build" || {
    cat "$log" >&2
    exit 1
}

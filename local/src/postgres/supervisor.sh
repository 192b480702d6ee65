# Runs a server while the standard input stays open, then leaves nothing behind.
#
# usage: sh -c SCRIPT HOME SIGNAL COMMAND [ARG ...]
# input: "stop" and "start", a line each; its end is the order to end the server and delete HOME
# HOME/alive is there when we begin and before each "start", and goes when the server ends;
# HOME/stopped says that a "stop" is carried out

cd "$0" || exit
signal=$1
shift

# The pipe alone decides: whoever signals our whole process group means the server.
trap '' HUP INT QUIT TERM

# The shell gives background jobs an empty standard input, so the orders need another place.
exec 3<&0 </dev/null

start() {
    { "$@" 3<&-; rm -f alive; } &
}

# A server that has only begun to start is deaf to the first signal: hence the repetition.
stop() {
    while [ -e alive ]; do
        kill -s "$signal" 0
        sleep 0.02
    done
    wait
}

start "$@"
while read -r order <&3; do
    case $order in
    start) start "$@" ;;
    stop) stop && : >stopped ;;
    esac
done
stop
rm -rf "$0"

# Runs chromedriver while the standard input stays open, then ends it with its browsers and deletes HOME.
#
# usage: sh -c SCRIPT HOME CHROMEDRIVER

exec 3<&0 </dev/null
trap '' HUP INT QUIT TERM

"$1" --port=0 --log-level=WARNING >"$0/log" 2>&1 3<&- &
driver=$!

while read -r _ <&3; do :; done

# The driver has inherited our deafness to gentler signals.
kill -9 "$driver"
# A browser that outlives its driver has its profile below HOME.
for process in $(ps -eo pid=,args= | grep -F -- "--user-data-dir=$0/" | grep -v grep | awk '{ print $1 }'); do
    kill -9 "$process" 2>/dev/null
done
wait
rm -rf "$0"

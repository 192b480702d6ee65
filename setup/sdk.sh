#!/usr/bin/env bash
# Vapi's own client libraries, which the tests hold against the simulator.
source "$(dirname "$0")/say.sh"

folder=tests/sdk

if [ -e $folder/requirements.txt ]; then
    if have python3; then
        setup/venv.sh sdk $folder/requirements.txt
    else
        say 'no python3: the check with the Python library is left out'
    fi
fi

if [ -e $folder/package.json ]; then
    stamp=$folder/node_modules/installed-package.json
    if ! have npm; then
        say 'no npm: the check with the JavaScript library is left out'
    elif ! cmp -s $folder/package.json $stamp; then
        say "installing the JavaScript library into $folder/node_modules"
        npm install --prefix $folder --no-audit --no-fund --loglevel=error
        cp $folder/package.json $stamp
    fi
fi

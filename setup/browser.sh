#!/usr/bin/env bash
# A browser and its driver for the tests of the pages, and the engine that checks accessibility.
source "$(dirname "$0")/say.sh"

axe_version=4.14.1
axe=$tools/axe

if ! { have chromedriver && { have chromium || have google-chrome || have chrome; }; }; then
    if can_apt; then
        say 'installing Chromium with apt-get'
        apt_install chromium chromium-driver fonts-dejavu-core procps
    else
        say 'no Chromium with chromedriver on the PATH: the tests in a browser are left out. One of these brings it:' \
            'sudo apt-get install chromium chromium-driver' \
            'brew install --cask chromium chromedriver'
    fi
fi

if [ "$(cat "$axe/version" 2>/dev/null)" != "$axe_version" ]; then
    if have npm; then
        say "installing axe-core into $axe with npm"
        npm install --prefix "$axe" --no-save --no-audit --no-fund --loglevel=error "axe-core@$axe_version"
        echo "$axe_version" >"$axe/version"
    else
        say 'no npm: axe-core is missing, and the checks of accessibility will fail'
    fi
fi

#!/usr/bin/env bash
# A virtual environment of Python, made anew when its requirements change.
#
# usage: setup/venv.sh NAME REQUIREMENTS     makes .tools/venv-NAME
source "$(dirname "$0")/say.sh"

venv=$tools/venv-$1
requirements=$2

# The copy is written last: an installation that broke off has none.
cmp -s "$requirements" "$venv/requirements.txt" && exit

if ! python3 -c 'import ensurepip' 2>/dev/null; then
    can_apt || give_up 'Python 3 with its venv module is needed: install python3 and python3-venv.'
    say 'installing Python with apt-get'
    apt_install python3 python3-venv
fi
say "installing $(grep -v '^#' "$requirements" | tr '\n' ' ')into $venv"
rm -rf "$venv"
python3 -m venv "$venv"
"$venv/bin/pip" install --quiet --disable-pip-version-check --requirement "$requirements"
cp "$requirements" "$venv/requirements.txt"

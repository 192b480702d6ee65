#!/usr/bin/env bash
# Checks the one thing that we do not install.
source "$(dirname "$0")/say.sh"

have cargo || give_up \
    'Callmark is written in Rust, and there is no cargo on this machine.' \
    'Install it with rustup (https://rustup.rs), open a new shell, and try again.' \
    'rust-toolchain.toml names the version; rustup fetches it by itself.'

# Cryptography and compression come as C.
have cc || {
    can_apt || give_up 'There is no C compiler: install gcc, or on macOS run xcode-select --install.'
    say 'installing gcc'
    apt_install gcc libc6-dev
}

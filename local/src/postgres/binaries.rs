//! Where Postgres's programs are on this machine.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use nix::unistd::geteuid;

/// What `make setup` lays down where the system has no Postgres.
const LAID_DOWN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../.tools/postgres/bin");
/// Where it lays down other versions, for tests.
const TOOLS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../.tools");

/// The folder that holds `initdb` and `postgres`: `pg_bin` if given, else what `PATH` has,
/// else the newest that a package manager installed, else what `make setup` laid down.
pub fn find(pg_bin: Option<&Path>) -> anyhow::Result<PathBuf> {
    if let Some(folder) = pg_bin {
        return complete(folder)
            .with_context(|| format!("PG_BIN is {}: no initdb and postgres there", folder.display()));
    }
    let found = on_path("initdb")
        .filter_map(|initdb| Some(initdb.parent()?.to_owned()))
        .chain(packaged())
        .chain([PathBuf::from(LAID_DOWN)])
        .find_map(|folder| complete(&folder));
    match found {
        Some(folder) => Ok(folder),
        None => bail!(
            "no PostgreSQL on this machine: run `make setup`, or set PG_BIN to the folder \
             that holds initdb and postgres"
        ),
    }
}

/// Every folder on this machine that holds `initdb` and `postgres`, in no order.
#[must_use]
pub fn find_all() -> Vec<PathBuf> {
    let laid_down = versions(TOOLS, "postgres-")
        .into_iter()
        .map(|folder| folder.join("bin"));
    let mut found: Vec<PathBuf> = on_path("initdb")
        .filter_map(|initdb| Some(initdb.parent()?.to_owned()))
        .chain(packaged())
        .chain([PathBuf::from(LAID_DOWN)])
        .chain(laid_down)
        .filter_map(|folder| complete(&folder))
        .filter(|folder| is_open(folder))
        .collect();
    found.sort();
    found.dedup();
    found
}

/// Every `program` that `PATH` leads to, with links followed: on many machines the link is
/// alone in its folder, while `initdb` wants `postgres` beside it.
pub(super) fn on_path(program: &str) -> impl Iterator<Item = PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    folders
        .into_iter()
        .filter_map(move |folder| folder.join(program).canonicalize().ok())
}

/// Where package managers put versions side by side, off the `PATH`; newest first.
fn packaged() -> impl Iterator<Item = PathBuf> {
    let debian = versions("/usr/lib/postgresql", "");
    let homebrew = ["/opt/homebrew/opt", "/usr/local/opt"]
        .into_iter()
        .flat_map(|folder| versions(folder, "postgresql@"));
    debian.into_iter().chain(homebrew).map(|folder| folder.join("bin"))
}

/// The entries of `folder` called `prefix` and a number, highest number first.
fn versions(folder: &str, prefix: &str) -> Vec<PathBuf> {
    let mut found: Vec<(u32, PathBuf)> = std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name();
            let version = name.to_str()?.strip_prefix(prefix)?.parse().ok()?;
            Some((version, entry.path()))
        })
        .collect();
    found.sort_by_key(|(version, _)| std::cmp::Reverse(*version));
    found.into_iter().map(|(_, path)| path).collect()
}

/// The folder's absolute path, if both programs are in it.
fn complete(folder: &Path) -> Option<PathBuf> {
    let folder = folder.canonicalize().ok()?;
    ["initdb", "postgres"]
        .iter()
        .all(|program| folder.join(program).is_file())
        .then_some(folder)
}

/// Whether the user that the server runs as may come in, where we are root: a folder of ours may be closed to others.
fn is_open(folder: &Path) -> bool {
    let may_enter = |folder: &Path| folder.metadata().is_ok_and(|it| it.permissions().mode() & 0o001 != 0);
    !geteuid().is_root() || folder.ancestors().all(may_enter)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_pg_bin_is_an_error_and_not_passed_over() {
        let empty = tempfile::tempdir().unwrap();

        let error = find(Some(empty.path())).unwrap_err();

        assert!(error.to_string().starts_with("PG_BIN is "), "{error:#}");
    }

    #[test]
    fn versions_sort_by_number_and_strangers_are_ignored() {
        let folder = tempfile::tempdir().unwrap();
        for name in [
            "postgresql@9",
            "postgresql@17",
            "postgresql@16",
            "postgresql",
            "redis@99",
        ] {
            std::fs::create_dir(folder.path().join(name)).unwrap();
        }

        let found = versions(folder.path().to_str().unwrap(), "postgresql@");

        let names: Vec<_> = found.iter().filter_map(|path| path.file_name()?.to_str()).collect();
        assert_eq!(names, ["postgresql@17", "postgresql@16", "postgresql@9"]);
    }
}

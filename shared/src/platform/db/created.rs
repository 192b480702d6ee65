//! What our migrations create, by its name: how a table of ours is told from one of the same name that is not.

use tokio_postgres::types::Type;

use super::migrate::embedded;
use super::{DbError, Executor};

/// A table, a view or a function that a migration creates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Created {
    /// Its name.
    pub name: String,
    /// The number of the migration.
    pub version: i32,
}

/// Every table, view and function that some migration creates.
#[must_use]
pub fn created() -> Vec<Created> {
    let runner = embedded::migrations::runner();
    let migrations = runner.get_migrations().iter();
    migrations
        .flat_map(|migration| {
            let version = migration.version();
            let lines = migration.sql().unwrap_or_default().lines();
            lines.filter_map(move |line| creation(line, version))
        })
        .collect()
}

/// Every index that some migration creates, by itself or with a constraint: no other relation of a schema can have its name.
#[must_use]
pub fn created_indexes() -> Vec<String> {
    let runner = embedded::migrations::runner();
    let migrations = runner.get_migrations().iter();
    let lines = migrations.flat_map(|migration| migration.sql().unwrap_or_default().lines());
    lines.filter_map(index).map(str::to_owned).collect()
}

/// The numbers of the migrations that were applied to the schema that comes first on the search path.
pub async fn applied(db: &impl Executor) -> Result<Vec<i32>, DbError> {
    let table = db
        .query_typed_one(
            r"
            select exists (
                select
                from pg_class
                where relnamespace = to_regnamespace(quote_ident(current_schema()))
                  and relname = $1
            )
            ",
            &[(&"refinery_schema_history", Type::TEXT)],
        )
        .await?;
    if !table.try_get::<_, bool>(0)? {
        return Ok(Vec::new());
    }
    let rows = db
        .query_typed("select version from refinery_schema_history order by version", &[])
        .await?;
    rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
}

fn creation(line: &str, version: i32) -> Option<Created> {
    let rest = ["create table ", "create view ", "create function "]
        .iter()
        .find_map(|beginning| line.strip_prefix(beginning))?;
    let name = rest.split([' ', '(']).next().filter(|name| !name.is_empty())?;
    Some(Created {
        name: name.to_owned(),
        version,
    })
}

fn index(line: &str) -> Option<&str> {
    let words: Vec<&str> = line.split_whitespace().collect();
    match words[..] {
        ["create", "index", name, ..]
        | ["create", "unique", "index", name, ..]
        | ["constraint", name, "primary" | "unique", ..] => Some(name),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_views_and_functions_are_found_in_the_migrations() {
        let created = created();
        let version = |name: &str| created.iter().find(|created| created.name == name).map(|it| it.version);

        assert_eq!(version("runs"), Some(1));
        assert_eq!(version("vapi_calls_raw"), Some(3));
        assert_eq!(version("calls_to_analyze"), Some(14));
        assert_eq!(version("get_calls_list"), Some(18));
        for index in ["runs_pkey", "runs_by_batch", "runs_one_per_event"] {
            assert!(created_indexes().iter().any(|name| name == index), "{index}");
        }
    }
}

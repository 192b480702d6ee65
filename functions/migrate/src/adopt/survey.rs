//! What there is of the earlier system in a database, what depends on it, and what stands in the way of adopting it.

mod dependents;

use std::collections::BTreeMap;

use anyhow::Result;
use shared::platform::db::{self, Executor};
use tokio_postgres::types::{Oid, Type};

use super::old::{Found, SCHEMA, Table};

pub use dependents::Dependent;

/// The functions that front ends call: the earlier system's give way to ours, whatever arguments they take.
const FUNCTIONS: [&str; 3] = ["get_dashboard_metrics", "get_calls_list", "get_timeline_data"];

/// What was found.
#[derive(Debug)]
pub(super) struct Survey {
    /// The schema that our tables are in, or will be.
    pub(super) here: String,
    /// The earlier system's tables where ours belong.
    to_move: Vec<Found>,
    /// Those that were moved.
    moved: Vec<Found>,
    /// The earlier system's functions where ours belong, as `alter routine` takes them.
    pub(super) functions: Vec<String>,
    pub(super) obstacles: Vec<String>,
    /// Names that [`SCHEMA`] has already.
    taken: Vec<String>,
    oids: Vec<Oid>,
}

struct Relation {
    name: String,
    schema: String,
    oid: Oid,
    may_alter: bool,
    columns: Vec<(String, String)>,
    indexed: Vec<String>,
}

impl Survey {
    /// Looks around, and changes nothing.
    pub(super) async fn of(db: &impl Executor) -> Result<Self> {
        let here: Option<String> = db
            .query_typed_one("select current_schema()::text", &[])
            .await?
            .try_get(0)?;
        let here = here.unwrap_or_else(|| "public".to_owned());
        let applied = db::applied(db).await?;
        // The migration that makes a name ours.
        let mut ours: BTreeMap<String, i32> = BTreeMap::new();
        for created in db::created() {
            let version = ours.entry(created.name).or_insert(created.version);
            *version = created.version.min(*version);
        }
        // Migrations are applied in their order: one that is missing among those applied is not for us to tell.
        let newest = applied.last().copied().unwrap_or_default();
        let is_ours = |name: &str| ours.get(name).is_some_and(|version| *version <= newest);
        let names: Vec<&str> = ours.keys().map(String::as_str).collect();
        let mut survey = Self {
            here,
            to_move: Vec::new(),
            moved: Vec::new(),
            functions: Vec::new(),
            obstacles: Vec::new(),
            taken: Vec::new(),
            oids: Vec::new(),
        };
        for relation in relations(db, &names, &survey.here).await? {
            survey.place(relation, &is_ours);
        }
        if applied.is_empty() {
            survey.look_at_indexes(db).await?;
        }
        survey.to_move.sort_by_key(|found| found.table);
        survey.moved.sort_by_key(|found| found.table);
        if !survey.to_move.is_empty() {
            survey.look_at_functions(db, &is_ours).await?;
            survey.look_at_rights(db).await?;
        }
        Ok(survey)
    }

    /// The tables that have to be moved before ours can be made.
    pub(super) fn to_move(&self) -> &[Found] {
        &self.to_move
    }

    /// A table that was moved.
    pub(super) fn moved(&self, table: Table) -> Option<&Found> {
        self.moved.iter().find(|found| found.table == table)
    }

    /// Every table of the earlier system, and the schema that it is in.
    pub(super) fn tables(&self) -> impl Iterator<Item = (&Found, &str)> {
        let moved = self.moved.iter().map(|found| (found, SCHEMA));
        self.to_move
            .iter()
            .map(|found| (found, self.here.as_str()))
            .chain(moved)
    }

    fn place(&mut self, relation: Relation, is_ours: &impl Fn(&str) -> bool) {
        let table = Table::ALL.into_iter().find(|table| table.name() == relation.name);
        let found = table
            .filter(|table| {
                table
                    .signature()
                    .iter()
                    .all(|name| relation.columns.iter().any(|(column, _)| column == name))
            })
            .map(|table| Found {
                table,
                columns: relation.columns,
                indexed: relation.indexed,
                is_owned: relation.may_alter,
            });
        let qualified = format!("{}.{}", relation.schema, relation.name);
        if relation.schema == SCHEMA && self.here != SCHEMA {
            self.taken.push(relation.name);
            if let Some(found) = found {
                self.look_at_owner(&found, &qualified);
                self.oids.push(relation.oid);
                self.moved.push(found);
            }
        } else if is_ours(&relation.name) {
        } else if let Some(found) = found {
            self.look_at_owner(&found, &qualified);
            if let Some((key, kind)) = found.unusable_key() {
                self.obstacles.push(format!(
                    "{qualified}.{key} is of the type {kind}, which is no key: change it with `alter table {qualified} \
                     alter {key} type text using {key}::text`"
                ));
            }
            self.oids.push(relation.oid);
            self.to_move.push(found);
        } else {
            self.obstacles.push(format!(
                "{qualified} is neither Callmark's nor the earlier system's: rename it, or give Callmark a database of its own"
            ));
        }
    }

    fn look_at_owner(&mut self, found: &Found, qualified: &str) {
        if !found.is_owned {
            self.obstacles.push(format!(
                "{qualified} belongs to another role: connect as its owner, or grant that role to ours"
            ));
        }
    }

    /// A table that was renamed kept the names of its indexes, which are those of ours.
    async fn look_at_indexes(&mut self, db: &impl Executor) -> Result<()> {
        let names = db::created_indexes();
        let rows = db
            .query_typed(
                r"
                select format('%I.%I', space.nspname, index.relname) as index,
                       format('%I.%I', space.nspname, relation.relname) as relation
                from pg_index
                join pg_class as index on index.oid = pg_index.indexrelid
                join pg_class as relation on relation.oid = pg_index.indrelid
                join pg_namespace as space on space.oid = index.relnamespace
                where space.nspname = $1
                  and index.relname = any($2)
                  and relation.oid <> all($3)
                order by index.relname
                ",
                &[
                    (&self.here, Type::TEXT),
                    (&names, Type::TEXT_ARRAY),
                    (&self.oids, Type::OID_ARRAY),
                ],
            )
            .await?;
        for row in rows {
            let (index, relation): (String, String) = (row.try_get("index")?, row.try_get("relation")?);
            self.obstacles.push(format!(
                "{relation} has the index {index}, and Callmark needs that name: `alter index {index} rename to …`"
            ));
        }
        Ok(())
    }

    async fn look_at_functions(&mut self, db: &impl Executor, is_ours: &impl Fn(&str) -> bool) -> Result<()> {
        let rows = db
            .query_typed(
                r"
                select function.proname::text as name,
                       format('%I.%I(%s)', space.nspname, function.proname,
                              pg_get_function_identity_arguments(function.oid)) as signature,
                       pg_has_role(function.proowner, 'usage') as may_alter,
                       exists (
                           select
                           from pg_proc as other
                           where other.pronamespace = to_regnamespace($3)
                             and other.proname = function.proname
                             and other.proargtypes = function.proargtypes
                       ) as is_taken
                from pg_proc as function
                join pg_namespace as space on space.oid = function.pronamespace
                where space.nspname = $1
                  and function.proname = any($2)
                order by signature
                ",
                &[
                    (&self.here, Type::TEXT),
                    (&FUNCTIONS.as_slice(), Type::TEXT_ARRAY),
                    (&SCHEMA, Type::TEXT),
                ],
            )
            .await?;
        for row in rows {
            let (name, signature): (String, String) = (row.try_get("name")?, row.try_get("signature")?);
            if is_ours(&name) {
                continue;
            }
            if !row.try_get::<_, bool>("may_alter")? {
                self.obstacles.push(format!(
                    "{signature} belongs to another role: connect as its owner, or grant that role to ours"
                ));
            }
            if row.try_get("is_taken")? {
                self.obstacles.push(format!(
                    "there are {signature} and {SCHEMA}.{name}, which takes the same: one of the two must be renamed first"
                ));
            }
            self.functions.push(signature);
        }
        Ok(())
    }

    async fn look_at_rights(&mut self, db: &impl Executor) -> Result<()> {
        let row = db
            .query_typed_one(
                r"
                select exists (select from pg_namespace where nspname = $1) as is_there,
                       case
                           when exists (select from pg_namespace where nspname = $1)
                           then has_schema_privilege($1, 'create')
                           else has_database_privilege(current_database(), 'create')
                       end as may_create,
                       current_user::text as me
                ",
                &[(&SCHEMA, Type::TEXT)],
            )
            .await?;
        if !row.try_get::<_, bool>("may_create")? {
            let me: String = row.try_get("me")?;
            self.obstacles.push(if row.try_get("is_there")? {
                format!("{me} may not create in the schema {SCHEMA}: grant it, or connect as the schema's owner")
            } else {
                format!(
                    "{me} may not create the schema {SCHEMA}: grant create on the database, or connect as its owner"
                )
            });
        }
        for found in &self.to_move {
            let name = found.table.name();
            if self.taken.iter().any(|taken| taken == name) {
                self.obstacles.push(format!(
                    "there are {}.{name} and {SCHEMA}.{name}: one of the two must be renamed first",
                    self.here
                ));
            }
        }
        Ok(())
    }
}

async fn relations(db: &impl Executor, names: &[&str], here: &str) -> Result<Vec<Relation>> {
    let rows = db
        .query_typed(
            r"
            select relation.relname::text as name,
                   space.nspname::text as schema,
                   relation.oid,
                   pg_has_role(relation.relowner, 'usage') as may_alter,
                   array_agg(attribute.attname::text order by attribute.attnum)
                       filter (where attribute.attname is not null) as columns,
                   array_agg(format_type(attribute.atttypid, attribute.atttypmod) order by attribute.attnum)
                       filter (where attribute.attname is not null) as types,
                   array(
                       select first_column.attname::text
                       from pg_index as index
                       join pg_attribute as first_column
                           on first_column.attrelid = relation.oid
                           and first_column.attnum = index.indkey[0]
                       where index.indrelid = relation.oid
                         and index.indisvalid
                         and index.indpred is null
                   ) as indexed
            from pg_class as relation
            join pg_namespace as space on space.oid = relation.relnamespace
            left join pg_attribute as attribute
                on attribute.attrelid = relation.oid
                and attribute.attnum > 0
                and not attribute.attisdropped
            where space.nspname = any($2)
              and relation.relname = any($1)
              and relation.relkind in ('r', 'p', 'v', 'm', 'f')
            group by relation.relname, space.nspname, relation.oid, relation.relowner
            order by relation.relname
            ",
            &[
                (&names, Type::TEXT_ARRAY),
                (&[here, SCHEMA].as_slice(), Type::TEXT_ARRAY),
            ],
        )
        .await?;
    rows.iter()
        .map(|row| {
            let columns: Option<Vec<String>> = row.try_get("columns")?;
            let types: Option<Vec<String>> = row.try_get("types")?;
            Ok(Relation {
                name: row.try_get("name")?,
                schema: row.try_get("schema")?,
                oid: row.try_get("oid")?,
                may_alter: row.try_get("may_alter")?,
                indexed: row.try_get("indexed")?,
                columns: columns
                    .unwrap_or_default()
                    .into_iter()
                    .zip(types.unwrap_or_default())
                    .collect(),
            })
        })
        .collect()
}

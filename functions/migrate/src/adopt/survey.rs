//! What there is of the earlier system in a database, what depends on it, and what stands in the way of adopting it.

use std::collections::BTreeMap;

use anyhow::Result;
use serde::Serialize;
use shared::db;
use shared::db::Executor;
use tokio_postgres::types::{Oid, Type};

use super::old::{Found, SCHEMA, Table};

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
    oids: Vec<Oid>,
}

/// Something that somebody built on the earlier system's tables.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Dependent {
    /// `view`, `function`, `trigger`, …
    pub kind: String,
    /// Its name.
    pub name: String,
    /// What becomes of it.
    pub fate: String,
}

struct Relation {
    name: String,
    schema: String,
    oid: Oid,
    may_alter: bool,
    columns: Vec<(String, String)>,
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
            oids: Vec::new(),
        };
        for relation in relations(db, &names, &survey.here).await? {
            survey.place(relation, &is_ours);
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
            });
        let qualified = format!("{}.{}", relation.schema, relation.name);
        if relation.schema == SCHEMA && self.here != SCHEMA {
            if let Some(found) = found {
                self.oids.push(relation.oid);
                self.moved.push(found);
            }
        } else if is_ours(&relation.name) {
        } else if let Some(found) = found {
            if !relation.may_alter {
                self.obstacles.push(format!(
                    "{qualified} belongs to another role: connect as its owner, or grant that role to ours"
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

    async fn look_at_functions(&mut self, db: &impl Executor, is_ours: &impl Fn(&str) -> bool) -> Result<()> {
        let rows = db
            .query_typed(
                r"
                select function.proname::text as name,
                       format('%I.%I(%s)', space.nspname, function.proname,
                              pg_get_function_identity_arguments(function.oid)) as signature,
                       pg_has_role(function.proowner, 'usage') as may_alter
                from pg_proc as function
                join pg_namespace as space on space.oid = function.pronamespace
                where space.nspname = $1
                  and function.proname = any($2)
                order by signature
                ",
                &[(&self.here, Type::TEXT), (&FUNCTIONS.as_slice(), Type::TEXT_ARRAY)],
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
            if self.moved.iter().any(|moved| moved.table == found.table) {
                let name = found.table.name();
                self.obstacles.push(format!(
                    "there are {}.{name} and {SCHEMA}.{name}: one of the two must be renamed first",
                    self.here
                ));
            }
        }
        Ok(())
    }

    /// What was built on the earlier system's tables, and what becomes of it.
    pub(super) async fn dependents(&self, db: &impl Executor) -> Result<Vec<Dependent>> {
        let names: Vec<&str> = Table::ALL.iter().map(|table| table.name()).collect();
        let rows = db
            .query_typed(
                DEPENDENTS,
                &[
                    (&self.oids, Type::OID_ARRAY),
                    (&names.join("|"), Type::TEXT),
                    (&SCHEMA, Type::TEXT),
                    (&FUNCTIONS.as_slice(), Type::TEXT_ARRAY),
                ],
            )
            .await?;
        rows.iter()
            .map(|row| {
                Ok(Dependent {
                    kind: row.try_get("kind")?,
                    name: row.try_get("name")?,
                    fate: row.try_get("fate")?,
                })
            })
            .collect()
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
                       filter (where attribute.attname is not null) as types
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
                columns: columns
                    .unwrap_or_default()
                    .into_iter()
                    .zip(types.unwrap_or_default())
                    .collect(),
            })
        })
        .collect()
}

/// Everything that knows the old tables by what they are, which follows them, and what knows them by name, which does not.
const DEPENDENTS: &str = r"
    with recursive old as (
        select unnest($1::oid[]) as oid
    ),
    views as (
        select rule.ev_class as oid
        from pg_depend as dependency
        join pg_rewrite as rule on rule.oid = dependency.objid
        where dependency.classid = 'pg_rewrite'::regclass
          and dependency.refclassid = 'pg_class'::regclass
          and dependency.refobjid in (select oid from old)
          and rule.ev_class <> dependency.refobjid
        union
        select rule.ev_class
        from views
        join pg_depend as dependency on dependency.refobjid = views.oid and dependency.refclassid = 'pg_class'::regclass
        join pg_rewrite as rule on rule.oid = dependency.objid and dependency.classid = 'pg_rewrite'::regclass
        where rule.ev_class <> views.oid
    ),
    named as (
        select relation.oid,
               format('%I.%I', space.nspname, relation.relname) as name,
               relation.relkind,
               relation.reltype
        from pg_class as relation
        join pg_namespace as space on space.oid = relation.relnamespace
    )
    select case when named.relkind = 'm' then 'materialized view' else 'view' end as kind,
           named.name,
           'goes on working, on the earlier tables as they are now' as fate
    from views
    join named using (oid)
    where views.oid not in (select oid from old)
    union all
    select 'foreign key',
           format('%s of %s', key.conname, named.name),
           'goes on pointing at the earlier table: rows about new calls are refused until it points at the new one'
    from pg_constraint as key
    join named on named.oid = key.conrelid
    where key.contype = 'f'
      and key.confrelid in (select oid from old)
      and key.conrelid not in (select oid from old)
    union all
    select 'trigger', format('%s on %s', tg.tgname, named.name), 'stays with the earlier table: the new one has none'
    from pg_trigger as tg
    join named on named.oid = tg.tgrelid
    where tg.tgrelid in (select oid from old)
      and not tg.tgisinternal
    union all
    select 'policy', format('%s on %s', policy.polname, named.name),
           'stays with the earlier table: for the new one see docs/front-ends.md'
    from pg_policy as policy
    join named on named.oid = policy.polrelid
    where policy.polrelid in (select oid from old)
    union all
    select 'grant', format('%s on %s', string_agg(distinct coalesce(role.rolname, 'public'), ', '), named.name),
           'stays with the earlier table: for the new one see docs/front-ends.md'
    from pg_class as relation
    join named on named.oid = relation.oid
    cross join aclexplode(relation.relacl) as granted
    left join pg_roles as role on role.oid = granted.grantee
    where relation.oid in (select oid from old)
      and granted.grantee <> relation.relowner
    group by named.name
    union all
    select 'publication', format('%s of %s', publication.pubname, named.name),
           'goes on publishing the earlier table: add the new one'
    from pg_publication_rel as published
    join pg_publication as publication on publication.oid = published.prpubid
    join named on named.oid = published.prrelid
    where published.prrelid in (select oid from old)
    union all
    select 'function',
           format('%I.%I(%s)', space.nspname, function.proname, pg_get_function_identity_arguments(function.oid)),
           case
               when function.proname = any($4) then 'moves with the tables: ours takes its place'
               when function.prorettype in (select reltype from named where oid in (select oid from old) and reltype <> 0)
               then 'returns rows of the earlier table: it needs a change, since the new table has other columns'
               else 'names the tables in its text: from now on it reads the new ones'
           end
    from pg_proc as function
    join pg_namespace as space on space.oid = function.pronamespace
    where space.nspname not in ('pg_catalog', 'information_schema')
      and space.nspname not like 'pg\_%'
      and (function.prosrc ~* ('\m(' || $2 || ')\M')
           or function.proname = any($4)
           or function.prorettype in (select reltype from named where oid in (select oid from old) and reltype <> 0))
      and not exists (
          select
          from pg_depend as dependency
          where dependency.classid = 'pg_proc'::regclass
            and dependency.objid = function.oid
            and dependency.deptype = 'e'
      )
      -- Once ours are there, only what was moved, and what others wrote.
      and (space.nspname = $3
           or to_regclass('adoption_progress') is null
           or not coalesce(function.proconfig::text like '%search\_path%', false))
    order by kind, name
";

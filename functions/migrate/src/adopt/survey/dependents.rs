//! What people built on the earlier system's tables, and what becomes of it.

use anyhow::Result;
use serde::Serialize;
use shared::platform::db::Executor;
use tokio_postgres::types::Type;

use super::{FUNCTIONS, Survey};
use crate::adopt::old::{SCHEMA, Table};

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

impl Survey {
    /// What was built on the earlier system's tables, and what becomes of it.
    pub(in super::super) async fn dependents(&self, db: &impl Executor) -> Result<Vec<Dependent>> {
        let names: Vec<&str> = Table::ALL.iter().map(|table| table.name()).collect();
        let rows = db
            .query_typed(
                DEPENDENTS,
                &[
                    (&self.oids, Type::OID_ARRAY),
                    (&names.join("|"), Type::TEXT),
                    (&SCHEMA, Type::TEXT),
                    (&FUNCTIONS.as_slice(), Type::TEXT_ARRAY),
                    (&self.here, Type::TEXT),
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
               when function.prorettype in (select reltype from named where oid in (select oid from old) and reltype <> 0)
               then 'returns rows of the earlier table: it needs a change, since the new table has other columns'
               else 'names the tables in its text: from now on it reads the new ones'
           end
    from pg_proc as function
    join pg_namespace as space on space.oid = function.pronamespace
    where space.nspname not in ('pg_catalog', 'information_schema')
      and space.nspname not like 'pg\_%'
      -- Those that front ends call are told apart: ours take their place.
      and not (function.proname = any($4) and space.nspname in ($3, $5))
      and (function.prosrc ~* ('\m(' || $2 || ')\M')
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

//! A way to score calls, and every query on `analysis_frameworks` and `assistant_brands`.

pub mod earlier;

use std::collections::HashMap;
use std::fmt::{self, Display};

use serde_json::{Map, Value};
use tokio_postgres::Row;
use tokio_postgres::types::Type;

use crate::domain::rubric::{Brand, InvalidRubric, Rubric};
use crate::platform::db::{DbError, Executor};

/// One version of one way to score calls, checked.
#[derive(Clone, Debug)]
pub struct Framework {
    /// Its id.
    pub id: i32,
    /// Its name and version.
    pub name: Name,
    /// What is scored.
    pub rubric: Rubric,
    /// What the judge is told, but for the questions and the transcript.
    pub prompt: String,
    /// The model that is asked, unless a setting names another.
    pub model: String,
    /// What else goes into each request as it stands, such as `temperature`.
    pub request: Map<String, Value>,
}

/// A framework's name and version, written `QCI Standard@1`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name {
    /// The name.
    pub name: String,
    /// The version.
    pub version: i32,
}

/// There is no framework to score with.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// No framework is active.
    #[error("no framework is active: set is_active for one row of analysis_frameworks")]
    NoneActive,
    /// The one that was asked for does not exist.
    #[error("there is no framework {wanted} in analysis_frameworks; there are {}", .there.join(", "))]
    Unknown {
        /// What was asked for.
        wanted: Name,
        /// What there is.
        there: Vec<String>,
    },
    /// Its rubric cannot be scored with.
    #[error("the rubric of framework {0} is malformed")]
    Invalid(Name, #[source] InvalidRubric),
    /// The database did not answer.
    #[error("reading the framework")]
    Db(#[from] DbError),
}

/// A row does not hold what is read from it.
impl From<tokio_postgres::Error> for LoadError {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Db(error.into())
    }
}

const SELECT: &str = r"
    select id, name, version, rubric, prompt_template, model_config
    from analysis_frameworks
    where framework_type = 'qci'
      and (($1::text is null and is_active) or (name = $1 and version = $2))
";

/// The framework of this name, or else the active one.
pub async fn load(db: &impl Executor, wanted: Option<&Name>) -> Result<Framework, LoadError> {
    let (name, version) = (wanted.map(|wanted| &wanted.name), wanted.map(|wanted| wanted.version));
    let rows = db
        .query_typed(SELECT, &[(&name, Type::TEXT), (&version, Type::INT4)])
        .await?;
    match (rows.first(), wanted) {
        (Some(row), _) => Framework::read(row),
        (None, None) => Err(LoadError::NoneActive),
        (None, Some(wanted)) => Err(LoadError::Unknown {
            wanted: wanted.clone(),
            there: names(db).await?,
        }),
    }
}

/// The brands that assistants have of their own, by assistant.
pub async fn brands(db: &impl Executor) -> Result<HashMap<String, Brand>, DbError> {
    let rows = db
        .query_typed("select assistant_id, name, aliases from assistant_brands", &[])
        .await?;
    rows.iter()
        .map(|row| {
            let brand = Brand {
                name: row.try_get("name")?,
                aliases: row.try_get("aliases")?,
            };
            Ok((row.try_get("assistant_id")?, brand))
        })
        .collect()
}

/// Sets the brand that an assistant speaks for.
pub async fn set_brand(db: &impl Executor, assistant_id: &str, brand: &Brand) -> Result<(), DbError> {
    db.execute_typed(
        r"
        insert into assistant_brands (assistant_id, name, aliases)
        values ($1, $2, $3)
        on conflict (assistant_id) do update
        set name = excluded.name, aliases = excluded.aliases
        ",
        &[
            (&assistant_id, Type::TEXT),
            (&brand.name, Type::TEXT),
            (&brand.aliases, Type::TEXT_ARRAY),
        ],
    )
    .await
    .map(drop)
}

async fn names(db: &impl Executor) -> Result<Vec<String>, DbError> {
    let rows = db
        .query_typed(
            r"
            select name || '@' || version as name
            from analysis_frameworks
            where framework_type = 'qci'
            order by analysis_frameworks.name, version
            ",
            &[],
        )
        .await?;
    rows.iter().map(|row| Ok(row.try_get("name")?)).collect()
}

impl Framework {
    fn read(row: &Row) -> Result<Self, LoadError> {
        let name = Name {
            name: row.try_get("name")?,
            version: row.try_get("version")?,
        };
        let rubric: Value = row.try_get("rubric")?;
        // A constraint of the table holds that it is an object that names a model.
        let mut request = match row.try_get("model_config")? {
            Value::Object(members) => members,
            _ => Map::new(),
        };
        let model = request
            .remove("model")
            .and_then(|model| Some(model.as_str()?.to_owned()));
        Ok(Self {
            id: row.try_get("id")?,
            rubric: Rubric::read(&rubric).map_err(|error| LoadError::Invalid(name.clone(), error))?,
            name,
            prompt: row.try_get("prompt_template")?,
            model: model.unwrap_or_default(),
            request,
        })
    }
}

impl Name {
    /// Reads `name@version`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (name, version) = text.rsplit_once('@')?;
        let version = version.trim().parse().ok().filter(|version| *version > 0)?;
        let name = name.trim().to_owned();
        (!name.is_empty()).then_some(Self { name, version })
    }
}

impl Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.name, self.version)
    }
}

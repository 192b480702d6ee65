//! Reads JSON objects member by member and keeps every problem with its path, so that all are told at once.
//!
//! No problem repeats a value: what is read may hold what was said in a call.

use std::cell::RefCell;
use std::fmt::Display;

use serde_json::{Map, Value};

/// What is wrong, in the order of reading; each begins with the path of the member.
#[derive(Debug, Default)]
pub struct Problems(RefCell<Vec<String>>);

/// An object that is being read. What cannot be read is noted and `None`.
#[derive(Debug)]
pub struct Object<'a> {
    path: String,
    members: &'a Map<String, Value>,
    problems: &'a Problems,
}

impl Problems {
    /// Notes a problem.
    pub fn note(&self, path: &str, problem: impl Display) {
        let problem = match path {
            "" => problem.to_string(),
            path => format!("{path}: {problem}"),
        };
        self.0.borrow_mut().push(problem);
    }

    /// The noted ones.
    #[must_use]
    pub fn into_list(self) -> Vec<String> {
        self.0.into_inner()
    }

    /// Begins to read an object; each member that is not in `known` is a problem.
    pub fn object<'a>(&'a self, path: String, value: &'a Value, known: &[&str]) -> Option<Object<'a>> {
        let Some(members) = value.as_object() else {
            self.note(&path, "must be an object");
            return None;
        };
        let object = Object {
            path,
            members,
            problems: self,
        };
        for name in members.keys().filter(|name| !known.contains(&name.as_str())) {
            object.note(name, format_args!("unknown member; expected {}", known.join(", ")));
        }
        Some(object)
    }
}

impl<'a> Object<'a> {
    /// The path of a member.
    #[must_use]
    pub fn path(&self, name: &str) -> String {
        match self.path.as_str() {
            "" => name.to_owned(),
            path => format!("{path}.{name}"),
        }
    }

    /// The path of the object itself.
    #[must_use]
    pub fn own_path(&self) -> &str {
        &self.path
    }

    /// Notes a problem of a member.
    pub fn note(&self, name: &str, problem: impl Display) {
        self.problems.note(&self.path(name), problem);
    }

    /// Notes a problem of the object itself.
    pub fn note_self(&self, problem: impl Display) {
        self.problems.note(&self.path, problem);
    }

    /// Whether the member is there; null is absent.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.members.get(name).is_some_and(|value| !value.is_null())
    }

    /// A member as it is; nothing is noted.
    #[must_use]
    pub fn peek(&self, name: &str) -> Option<&'a Value> {
        self.members.get(name)
    }

    /// A text. PostgreSQL stores no NUL, so that a text with one is none.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&'a str> {
        self.read(name, "a text without NUL", |value| {
            value.as_str().filter(|text| !text.contains('\0'))
        })
    }

    /// A text with more to it than white space.
    #[must_use]
    pub fn words(&self, name: &str) -> Option<&'a str> {
        let text = self.text(name)?;
        if text.trim().is_empty() {
            self.note(name, "must not be blank");
            return None;
        }
        Some(text)
    }

    /// A whole number.
    #[must_use]
    pub fn integer(&self, name: &str) -> Option<i64> {
        self.read(name, "a whole number", Value::as_i64)
    }

    /// A whole number that is not negative.
    #[must_use]
    pub fn count(&self, name: &str) -> Option<u32> {
        self.read(name, "a whole number from 0", |value| {
            value.as_u64().and_then(|count| count.try_into().ok())
        })
    }

    /// A number.
    #[must_use]
    pub fn number(&self, name: &str) -> Option<f64> {
        self.read(name, "a number", Value::as_f64)
    }

    /// One of some names.
    #[must_use]
    pub fn one_of<T: Copy>(&self, name: &str, choices: &[T], label: impl Fn(T) -> &'static str) -> Option<T> {
        let text = self.text(name)?;
        let choice = choices.iter().copied().find(|choice| label(*choice) == text);
        if choice.is_none() {
            let labels: Vec<_> = choices.iter().map(|choice| label(*choice)).collect();
            self.note(name, format_args!("unknown; expected one of {}", labels.join(", ")));
        }
        choice
    }

    /// A list with the path of each item.
    #[must_use]
    pub fn list(&self, name: &str) -> Option<impl Iterator<Item = (String, &'a Value)> + use<'a>> {
        let items = self.read(name, "a list", Value::as_array)?;
        let path = self.path(name);
        Some(
            items
                .iter()
                .enumerate()
                .map(move |(index, item)| (format!("{path}[{index}]"), item)),
        )
    }

    /// A list of texts, none of them blank.
    #[must_use]
    pub fn all_words(&self, name: &str) -> Option<Vec<&'a str>> {
        let words: Vec<_> = self
            .list(name)?
            .map(|(path, item)| {
                let words = item.as_str().filter(|text| !text.trim().is_empty());
                if words.is_none() {
                    self.problems.note(&path, "must be a text that is not blank");
                }
                words
            })
            .collect();
        words.into_iter().collect()
    }

    /// A list of objects. All are read even if one cannot be.
    pub fn each<T>(&self, name: &str, known: &[&str], mut read: impl FnMut(&Object) -> Option<T>) -> Option<Vec<T>> {
        let items: Vec<_> = self
            .list(name)?
            .map(|(path, item)| self.problems.object(path, item, known).and_then(|item| read(&item)))
            .collect();
        items.into_iter().collect()
    }

    /// An object within this one.
    #[must_use]
    pub fn object(&self, name: &str, known: &[&str]) -> Option<Object<'a>> {
        let value = self.value(name)?;
        self.problems.object(self.path(name), value, known)
    }

    fn read<T>(&self, name: &str, expected: &str, read: impl Fn(&'a Value) -> Option<T>) -> Option<T> {
        let read = read(self.value(name)?);
        if read.is_none() {
            self.note(name, format_args!("must be {expected}"));
        }
        read
    }

    fn value(&self, name: &str) -> Option<&'a Value> {
        let value = self.members.get(name);
        if value.is_none() {
            self.note(name, "is missing");
        }
        value
    }
}

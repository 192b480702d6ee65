//! Documents that lose their content: at the end of retention, by zero data retention, in a list that turned slim.

use serde_json::{Value, json};

use super::World;

/// How a member is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Gone {
    /// It is not there.
    Absent,
    /// `null`.
    Null,
    /// `""`.
    EmptyText,
    /// `{}`.
    EmptyObject,
    /// `[]`.
    EmptyArray,
}

impl Gone {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Absent,
        Self::Null,
        Self::EmptyText,
        Self::EmptyObject,
        Self::EmptyArray,
    ];

    fn value(self) -> Option<Value> {
        match self {
            Self::Absent => None,
            Self::Null => Some(Value::Null),
            Self::EmptyText => Some(json!("")),
            Self::EmptyObject => Some(json!({})),
            Self::EmptyArray => Some(json!([])),
        }
    }
}

/// Pointers to whatever holds what was said in a call, or was made of that.
pub const CONTENT: [&str; 8] = [
    "/messages",
    "/transcript",
    "/summary",
    "/recordingUrl",
    "/stereoRecordingUrl",
    "/videoRecordingUrl",
    "/analysis",
    "/artifact",
];

impl World {
    /// Takes parts out of a call, by their JSON pointers, and changes nothing else. Parts that it lacks stay absent.
    /// False if there is no such call.
    pub fn hollow(&mut self, id: &str, parts: &[&str], gone: Gone) -> bool {
        self.update(id, |call| {
            for part in parts {
                take(call, part, gone);
            }
        })
    }
}

pub(super) fn take(call: &mut Value, pointer: &str, gone: Gone) {
    let Some((place, name)) = pointer.rsplit_once('/') else {
        return;
    };
    let Some(members) = call.pointer_mut(place).and_then(Value::as_object_mut) else {
        return;
    };
    if members.remove(name).is_some() {
        members.extend(gone.value().map(|value| (name.to_owned(), value)));
    }
}

//! Changes to the world that happen while a client pages.

use super::{requests::Kind, world::World};

type Change = Box<dyn FnMut(&mut World) + Send>;

/// The changes still to come.
#[derive(Default)]
pub(crate) struct Script(Vec<Step>);

struct Step {
    kind: Option<Kind>,
    /// How many requests until it happens; `None` happens at each.
    left: Option<u32>,
    change: Change,
}

impl Script {
    /// `change` happens just before the `n`-th request of this kind from now is answered.
    pub(crate) fn once(&mut self, kind: Option<Kind>, n: u32, change: impl FnOnce(&mut World) + Send + 'static) {
        let mut change = Some(change);
        let change = Box::new(move |world: &mut World| {
            if let Some(change) = change.take() {
                change(world);
            }
        });
        self.0.push(Step {
            kind,
            left: Some(n.max(1)),
            change,
        });
    }

    /// `change` happens just before each request of this kind is answered.
    pub(crate) fn always(&mut self, kind: Option<Kind>, change: impl FnMut(&mut World) + Send + 'static) {
        self.0.push(Step {
            kind,
            left: None,
            change: Box::new(change),
        });
    }

    /// A request has come.
    pub(crate) fn advance(&mut self, kind: Kind, world: &mut World) {
        self.0.retain_mut(|step| {
            if step.kind.is_some_and(|wanted| wanted != kind) {
                return true;
            }
            if let Some(left) = &mut step.left {
                *left -= 1;
            }
            if matches!(step.left, None | Some(0)) {
                (step.change)(world);
            }
            step.left != Some(0)
        });
    }
}

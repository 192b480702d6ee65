//! A Vapi to sync from: a [`World`] of calls and assistants, served by a [`Server`].
//!
//! [`Spec`] → [`World::generate`] → [`Server::start`]; then change [`Server::world`] while it
//! serves, or break the answers with [`Server::faults`].

mod analytics;
mod body;
mod document;
mod faults;
mod generate;
mod hollow;
mod life;
mod list;
mod oddity;
mod query;
mod refusal;
mod requests;
mod response;
mod script;
mod server;
mod serving;
mod settings;
mod shelf;
mod spec;
mod spoil;
mod veil;
mod world;

pub use faults::{Cut, Fault, Faults, Rule};
pub use hollow::{CONTENT, Gone};
pub use oddity::Oddity;
pub use requests::{Kind, Request};
pub use server::Server;
pub use settings::{Order, Refusal, Retention, Settings, Unknown};
pub use spec::{Size, Spec};
pub use veil::{Hidden, Left, Thinning};
pub use world::{Counting, World};

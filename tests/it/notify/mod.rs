//! Notify: people are told what went wrong, once, by some way, and when it is over.

mod delivery;
mod post;
mod scene;
mod silent;
mod sources;
mod transitions;

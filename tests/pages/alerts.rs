//! The page on alerts.

mod messages;
mod now;
mod scene;
mod test;

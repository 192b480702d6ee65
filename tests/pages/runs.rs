//! The pages on runs.

mod ask;
mod export;
mod list;
mod log;
mod one;
mod overview;
mod scene;

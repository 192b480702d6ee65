//! The pages on runs.

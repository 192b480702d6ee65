//! The pages on calls.

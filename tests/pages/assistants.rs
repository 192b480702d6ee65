//! The pages on assistants.

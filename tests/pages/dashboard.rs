//! The three SQL functions that front ends call.

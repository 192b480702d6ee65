//! Vapi documents and the rows they become.

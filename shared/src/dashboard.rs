//! What the dashboard shows: the three SQL functions that front ends call, and the list of calls page by page.

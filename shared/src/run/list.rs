//! The list of runs, filtered, page by page.

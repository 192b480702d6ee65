//! How runs went over a time: rates, durations, costs, errors by kind.

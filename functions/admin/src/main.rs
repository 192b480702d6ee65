//! The pages on AWS Lambda, behind a function URL.

fn main() {}

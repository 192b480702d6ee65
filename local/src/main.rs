//! The `callmark` command; all of it is in the library.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    local::run(std::env::args_os()).await
}

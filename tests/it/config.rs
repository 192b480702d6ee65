//! Settings from the environment and, below it, from the secret document in AWS.

use std::net::SocketAddr;
use std::time::Duration;

use axum::{Json, Router, routing::post};
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use shared::platform::config::Reader;
use tokio::process::Command;

/// Generous: the machine may be busy, and nothing may wait for ever.
const BOUND: Duration = Duration::from_mins(1);

/// A Secrets Manager that gives everybody this secret.
async fn secrets_manager(secret: &str) -> SocketAddr {
    let answer = json!({"ARN": "arn:secret", "Name": "callmark", "SecretString": secret});
    let router = Router::new().route("/", post(move || async { Json::<Value>(answer) }));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

/// What a process with this environment makes of its settings.
async fn read_with(secrets_manager: SocketAddr, environment: &[(&str, &str)]) -> String {
    let mut process = Command::new(std::env::current_exe().unwrap());
    process
        .args(["config::reads_its_settings", "--exact", "--ignored", "--nocapture"])
        .env_clear()
        .env("AWS_ENDPOINT_URL", format!("http://{secrets_manager}"))
        .envs([
            ("AWS_REGION", "eu-west-1"),
            ("AWS_ACCESS_KEY_ID", "test"),
            ("AWS_SECRET_ACCESS_KEY", "test"),
            ("CALLMARK_SECRET_ARN", "callmark"),
        ])
        .envs(environment.iter().copied())
        .kill_on_drop(true);
    let ended = tokio::time::timeout(BOUND, process.output()).await.unwrap().unwrap();
    String::from_utf8(ended.stdout).unwrap()
}

/// Prints its settings, or what is wrong with them.
#[tokio::test]
#[ignore = "the process that other tests start"]
async fn reads_its_settings() {
    let mut reader = match Reader::load().await {
        Ok(reader) => reader,
        Err(error) => return println!("unreadable: {:#}", anyhow::Error::from(error)),
    };
    let (database, vapi) = (reader.database(), reader.vapi());
    match reader.finish() {
        Ok(()) => println!(
            "url {} pool {} key {}",
            database.url.expose_secret(),
            database.pool,
            vapi.api_key.expose_secret()
        ),
        Err(error) => println!("invalid: {error}"),
    }
}

#[tokio::test]
async fn the_secret_fills_in_what_the_environment_does_not_say() {
    let secret = json!({"DATABASE_URL": "postgres://u@secret/d", "VAPI_API_KEY": "from-secret", "DATABASE_POOL": 4});
    let address = secrets_manager(&secret.to_string()).await;

    let said = read_with(address, &[("VAPI_API_KEY", "from-environment")]).await;

    assert!(
        said.contains("url postgres://u@secret/d pool 4 key from-environment"),
        "{said}"
    );
}

#[tokio::test]
async fn a_secret_that_is_no_document_is_reported_with_what_is_missing_and_not_shown() {
    let address = secrets_manager("just a hunter2").await;

    let said = read_with(address, &[("VAPI_API_KEY", "k")]).await;

    assert!(
        said.contains("CALLMARK_SECRET_ARN names a malformed secret: expected a JSON object"),
        "{said}"
    );
    assert!(said.contains("DATABASE_URL is missing"), "{said}");
    assert!(!said.contains("hunter2"), "{said}");
}

#[tokio::test]
async fn a_secrets_manager_that_says_nothing_is_given_up() {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();

    let said = read_with(silent.local_addr().unwrap(), &[]).await;

    assert!(
        said.contains("unreadable: reading the secret callmark named by CALLMARK_SECRET_ARN"),
        "{said}"
    );
}

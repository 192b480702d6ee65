//! TLS to the database: what each `sslmode` asks of the server, and what a wrong certificate is told.

use std::path::PathBuf;

use local::postgres::{Postgres, Settings, Tls, find};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use shared::platform::config::Reader;
use shared::platform::db::Executor as _;
use tokio_postgres::NoTls;

/// A server with a certificate for `name`, and the certificate of the authority that signed it.
async fn server(name: &str) -> (Postgres, String) {
    let authority = authority();
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new([name.to_owned()]).unwrap();
    let certificate = certificate.signed_by(&key, &authority).unwrap();
    let tls = Tls {
        cert_pem: certificate.pem(),
        key_pem: key.serialize_pem(),
    };
    let pg_bin = std::env::var_os("PG_BIN").map(PathBuf::from);
    let settings = Settings {
        in_memory: true,
        tls: Some(tls),
        ..Settings::default()
    };
    let server = Postgres::start_with(&find(pg_bin.as_deref()).unwrap(), &settings)
        .await
        .unwrap();
    (server, authority.pem())
}

fn authority() -> CertifiedIssuer<'static, KeyPair> {
    let mut authority = CertificateParams::new([]).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap()
}

/// Whether the connection is encrypted, or why there is none.
async fn connect(server: &Postgres, parameters: &str, ca: Option<&str>) -> Result<bool, String> {
    let url = format!(
        "postgres://postgres:hunter2@localhost:{}/postgres{parameters}",
        server.port()
    );
    let pairs = [
        Some(("DATABASE_URL", url)),
        ca.map(|pem| ("DATABASE_CA", pem.to_owned())),
    ];
    let pairs = pairs.into_iter().flatten();
    let mut reader = Reader::from_pairs(pairs.map(|(name, value)| (name.to_owned(), value)));
    let pool = shared::platform::db::pool(&reader.database()).unwrap();
    reader.finish().unwrap();
    let client = shared::platform::db::connect(&pool)
        .await
        .map_err(|error| format!("{:#}", anyhow::Error::from(error)))?;
    let question = "select ssl from pg_stat_ssl where pid = pg_backend_pid()";
    Ok(client.query_typed_one(question, &[]).await.unwrap().get(0))
}

/// The message names the server and the reason, and not the password.
fn assert_refused(answer: Result<bool, String>, reason: &str) {
    let message = answer.unwrap_err();
    assert!(message.contains("no connection to localhost:"), "{message}");
    assert!(message.contains(reason), "{message}");
    assert!(!message.contains("hunter2"), "{message}");
}

#[tokio::test]
async fn require_encrypts_and_believes_any_certificate() {
    let (server, _) = server("db.example.com").await;

    assert_eq!(connect(&server, "?sslmode=require", None).await, Ok(true));
}

#[tokio::test]
async fn without_a_mode_tls_is_used_where_the_server_has_it_and_disable_goes_without() {
    let (server, _) = server("localhost").await;

    assert_eq!(connect(&server, "", None).await, Ok(true));
    assert_eq!(connect(&server, "?sslmode=disable", None).await, Ok(false));
}

#[tokio::test]
async fn verify_full_accepts_a_certificate_of_the_given_authority_for_the_right_name() {
    let (server, ca) = server("localhost").await;

    assert_eq!(connect(&server, "?sslmode=verify-full", Some(&ca)).await, Ok(true));
}

#[tokio::test]
async fn verify_full_refuses_a_certificate_of_another_authority() {
    let (server, _) = server("localhost").await;
    let another = authority().pem();

    assert_refused(
        connect(&server, "?sslmode=verify-full", Some(&another)).await,
        "invalid peer certificate",
    );
    assert_refused(connect(&server, "?sslmode=verify-full", None).await, "UnknownIssuer");
}

#[tokio::test]
async fn verify_full_refuses_a_certificate_for_another_name() {
    let (server, ca) = server("db.example.com").await;

    let answer = connect(&server, "?sslmode=verify-full", Some(&ca)).await;

    assert_refused(answer, "certificate not valid for name \"localhost\"");
}

#[tokio::test]
async fn a_certificate_that_is_given_is_checked_whatever_the_mode() {
    let (server, ca) = server("localhost").await;
    let another = authority().pem();

    assert_eq!(connect(&server, "?sslmode=require", Some(&ca)).await, Ok(true));
    assert_refused(
        connect(&server, "?sslmode=require", Some(&another)).await,
        "invalid peer certificate",
    );
    assert_refused(connect(&server, "", Some(&another)).await, "invalid peer certificate");
}

#[tokio::test]
async fn a_certificate_that_is_given_is_not_skipped_by_a_server_without_tls() {
    let server = Postgres::start().await.unwrap();
    let ca = authority().pem();

    assert_refused(connect(&server, "", Some(&ca)).await, "server does not support TLS");
    assert_eq!(connect(&server, "", None).await, Ok(false));
}

#[tokio::test]
async fn disable_is_refused_by_a_server_that_demands_tls() {
    let (server, _) = server("localhost").await;
    demand_tls(&server).await;

    let refusal = connect(&server, "?sslmode=disable", None).await.unwrap_err();

    assert!(
        refusal.contains("no pg_hba.conf entry") && refusal.contains("no encryption"),
        "{refusal}"
    );
    assert_eq!(connect(&server, "?sslmode=require", None).await, Ok(true));
}

async fn demand_tls(server: &Postgres) {
    let (client, connection) = tokio_postgres::connect(&server.url("postgres"), NoTls).await.unwrap();
    tokio::spawn(connection);
    let place: String = client.query_one("show hba_file", &[]).await.unwrap().get(0);
    let rules = format!("copy (values ('hostssl all all all trust')) to '{place}'");
    client.batch_execute(&rules).await.unwrap();
    client.batch_execute("select pg_reload_conf()").await.unwrap();
    for _ in 0..500 {
        if tokio_postgres::connect(&server.url("postgres"), NoTls).await.is_err() {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("the server still takes connections without TLS");
}

//! Signing in, sessions, and how guessing is slowed down.

use std::net::SocketAddr;

use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{Request, StatusCode, header};
use chrono::{DateTime, TimeDelta, Utc};
use futures::future::join_all;
use shared::platform::db::Client;
use shared::store::sign_in::{self, Subject, Verdict};
use tests::{Answer, TestDb, Visitor};

const REFUSAL: &str = "Wrong user name or password.";

/// A try to sign in from this address.
async fn try_from(visitor: &mut Visitor, address: &str, user: &str, password: &str) -> Answer {
    let form = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs([("user", user), ("password", password)])
        .finish();
    let mut request = Request::post("/admin/sign-in")
        .header(header::ORIGIN, format!("https://{}", Visitor::HOST))
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Body::from(form))
        .unwrap();
    let peer: SocketAddr = format!("{address}:50000").parse().unwrap();
    request.extensions_mut().insert(ConnectInfo(peer));
    visitor.send(request).await
}

/// A try to sign in from the address that all tests come from.
async fn attempt(visitor: &mut Visitor, user: &str, password: &str) -> Answer {
    visitor
        .post("/admin/sign-in", &[("user", user), ("password", password)])
        .await
}

fn now() -> DateTime<Utc> {
    "2026-08-01T12:00:00Z".parse().unwrap()
}

fn subject(number: u8, allowed: i32) -> Subject {
    Subject {
        digest: vec![number; 32],
        allowed,
    }
}

/// After how many seconds the next attempt is looked at; none if this one is.
async fn wait(client: &mut Client, subjects: &[Subject], now: DateTime<Utc>) -> Option<i64> {
    match sign_in::admit(client, subjects, now).await.unwrap() {
        Verdict::Admitted => None,
        Verdict::Wait(until) => Some((until - now).num_seconds()),
    }
}

#[tokio::test]
async fn who_knows_the_password_comes_to_the_page_that_was_asked_for() {
    let db = TestDb::new().await;
    let mut visitor = Visitor::stranger(&db);

    let asked = visitor.get("/admin/execution-logs?status=error").await;
    let form = visitor.page(asked.headers[header::LOCATION].to_str().unwrap()).await;
    let fields = [
        ("user", Visitor::USER),
        ("password", Visitor::PASSWORD),
        ("next", "/admin/execution-logs?status=error"),
        ("zone", "Europe/Rome"),
    ];
    let signed_in = visitor.post("/admin/sign-in", &fields).await;

    assert!(
        form.contains(r#"name="next" value="/admin/execution-logs?status=error""#),
        "{form}"
    );
    assert_eq!(signed_in.status, StatusCode::SEE_OTHER);
    assert_eq!(
        signed_in.headers[header::LOCATION],
        "/admin/execution-logs?status=error"
    );
    let lost = visitor.get("/admin/nothing-here").await;
    assert_eq!(lost.status, StatusCode::NOT_FOUND);
    assert!(
        lost.body.contains("Europe/Rome") && lost.body.contains(">ada<"),
        "{}",
        lost.body
    );
}

#[tokio::test]
async fn who_is_signed_in_is_not_asked_again() {
    let db = TestDb::new().await;
    let mut visitor = Visitor::signed_in(&db, "UTC").await;

    let answer = visitor.get("/admin/sign-in?next=/admin/calls").await;

    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    assert_eq!(answer.headers[header::LOCATION], "/admin/calls");
}

#[tokio::test]
async fn signing_out_takes_the_cookie_away() {
    let db = TestDb::new().await;
    let mut visitor = Visitor::signed_in(&db, "UTC").await;
    let csrf = proof(&mut visitor).await;

    let answer = visitor.post("/admin/sign-out", &[("csrf", &csrf)]).await;

    let cookie = answer.headers[header::SET_COOKIE].to_str().unwrap();
    assert!(cookie.starts_with("__Host-callmark="), "{cookie}");
    for attribute in ["Max-Age=0", "Path=/", "Secure", "HttpOnly", "SameSite=Lax"] {
        assert!(cookie.contains(attribute), "{cookie}");
    }
    assert_eq!(visitor.cookie(), None);
    assert_eq!(visitor.get("/admin/nothing-here").await.status, StatusCode::SEE_OTHER);
}

/// What the forms of a page send back: pages that are not there have the form to sign out, too.
async fn proof(visitor: &mut Visitor) -> String {
    let page = visitor.get("/admin/nothing-here").await.body;
    let (_, rest) = page.split_once(r#"name="csrf" value=""#).unwrap();
    rest.split('"').next().unwrap().to_owned()
}

#[tokio::test]
async fn a_sign_in_begins_a_session_with_proof_of_its_own() {
    let db = TestDb::new().await;
    let mut visitor = Visitor::signed_in(&db, "UTC").await;
    let (cookie, csrf) = (visitor.cookie().map(str::to_owned), proof(&mut visitor).await);

    attempt(&mut visitor, Visitor::USER, Visitor::PASSWORD).await;

    assert_ne!(visitor.cookie().map(str::to_owned), cookie);
    assert_ne!(proof(&mut visitor).await, csrf);
}

#[tokio::test]
async fn an_answer_does_not_tell_whether_there_is_such_a_user() {
    let db = TestDb::new().await;
    let mut visitor = Visitor::stranger(&db);
    let told = |answer: &Answer, name: &str| {
        let mut names: Vec<&str> = answer.headers.keys().map(header::HeaderName::as_str).collect();
        names.sort_unstable();
        (
            answer.status,
            names.join(" "),
            answer.body.replace(&format!("value=\"{name}\""), ""),
        )
    };

    for _ in 0..7 {
        let known = attempt(&mut visitor, "ada", "wrong").await;
        let unknown = attempt(&mut visitor, "eve", "wrong").await;
        assert_eq!(told(&known, "ada").0, told(&unknown, "eve").0);
        if known.status == StatusCode::UNAUTHORIZED {
            assert!(known.body.contains(REFUSAL), "{}", known.body);
            assert_eq!(told(&known, "ada"), told(&unknown, "eve"));
        } else {
            assert_eq!(told(&known, "ada").1, told(&unknown, "eve").1);
            assert!(known.body.contains("Too many attempts. Wait "), "{}", known.body);
            assert!(unknown.body.contains("Too many attempts. Wait "), "{}", unknown.body);
        }
    }
}

#[tokio::test]
async fn the_sixth_attempt_in_a_row_waits_even_with_the_right_password() {
    let db = TestDb::new().await;
    let mut visitor = Visitor::stranger(&db);
    for _ in 0..5 {
        assert_eq!(
            attempt(&mut visitor, Visitor::USER, "wrong").await.status,
            StatusCode::UNAUTHORIZED
        );
    }

    let sixth = attempt(&mut visitor, Visitor::USER, Visitor::PASSWORD).await;

    assert_eq!(sixth.status, StatusCode::TOO_MANY_REQUESTS);
    let seconds: i64 = sixth.headers[header::RETRY_AFTER].to_str().unwrap().parse().unwrap();
    assert!((20..=31).contains(&seconds), "{seconds}");
    assert!(
        sixth.body.contains("Too many attempts. Wait ") && sixth.body.contains("<form"),
        "{}",
        sixth.body
    );
    assert!(sixth.headers.get(header::SET_COOKIE).is_none());
}

#[tokio::test]
async fn a_restart_forgets_no_attempt() {
    let db = TestDb::new().await;
    for _ in 0..5 {
        attempt(&mut Visitor::stranger(&db), Visitor::USER, "wrong").await;
    }

    let sixth = attempt(&mut Visitor::stranger(&db), Visitor::USER, Visitor::PASSWORD).await;

    assert_eq!(sixth.status, StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_twenty_guesses_at_once_five_are_looked_at() {
    let db = TestDb::new().await;
    let mut visitors: Vec<Visitor> = (0..20).map(|_| Visitor::stranger(&db)).collect();

    let guesses = visitors
        .iter_mut()
        .map(|visitor| attempt(visitor, Visitor::USER, "wrong"));
    let answers = join_all(guesses).await;

    let of = |status| answers.iter().filter(|answer| answer.status == status).count();
    assert_eq!(of(StatusCode::UNAUTHORIZED), 5);
    assert_eq!(of(StatusCode::TOO_MANY_REQUESTS), 15);
}

#[tokio::test]
async fn a_sign_in_that_succeeds_makes_up_for_the_attempts_before_it() {
    let db = TestDb::new().await;
    let mut visitor = Visitor::stranger(&db);

    for _ in 0..2 {
        for _ in 0..4 {
            assert_eq!(
                attempt(&mut visitor, Visitor::USER, "wrong").await.status,
                StatusCode::UNAUTHORIZED
            );
        }
        let right = attempt(&mut visitor, Visitor::USER, Visitor::PASSWORD).await;
        assert_eq!(right.status, StatusCode::SEE_OTHER, "{}", right.body);
    }

    // Of its own kind only: eight wrong ones still count against the address and the name.
    let failures = db.rows("select failures from sign_in_failures").await;
    assert_eq!(failures.len(), 2);
    assert!(failures.iter().all(|row| row["failures"] == 8), "{failures:?}");
}

#[tokio::test]
async fn an_address_gets_twenty_attempts_on_whatever_names() {
    let db = TestDb::new().await;
    let mut visitor = Visitor::stranger(&db);
    for number in 0..20 {
        let answer = try_from(&mut visitor, "203.0.113.7", &format!("user{number}"), "wrong").await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{number}");
    }

    let same = try_from(&mut visitor, "203.0.113.7", Visitor::USER, Visitor::PASSWORD).await;
    let other = try_from(&mut visitor, "203.0.113.8", Visitor::USER, Visitor::PASSWORD).await;

    assert_eq!(same.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(other.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn what_a_request_says_of_where_it_comes_from_is_not_believed() {
    let db = TestDb::new().await;
    let mut visitor = Visitor::stranger(&db);
    let mut statuses = Vec::new();

    for number in 0..6 {
        let request = Request::post("/admin/sign-in")
            .header(header::ORIGIN, format!("https://{}", Visitor::HOST))
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header("x-forwarded-for", format!("203.0.113.{number}"))
            .header("forwarded", format!("for=203.0.113.{number}"))
            .header("x-real-ip", format!("203.0.113.{number}"))
            .body(Body::from("user=ada&password=wrong"))
            .unwrap();
        statuses.push(visitor.send(request).await.status);
    }

    assert_eq!(statuses[5], StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test]
async fn a_name_gets_fifty_attempts_from_wherever_they_come() {
    let db = TestDb::new().await;
    let mut client = db.connect().await;

    for number in 0..50_u8 {
        let subjects = [subject(number, 5), subject(100 + number, 20), subject(255, 50)];
        assert_eq!(wait(&mut client, &subjects, now()).await, None, "{number}");
    }

    let fresh = [subject(90, 5), subject(190, 20), subject(255, 50)];
    assert_eq!(wait(&mut client, &fresh, now()).await, Some(30));
    assert_eq!(
        wait(
            &mut client,
            &[subject(90, 5), subject(190, 20), subject(254, 50)],
            now()
        )
        .await,
        None
    );
}

#[tokio::test]
async fn one_address_cannot_make_a_name_wait_everywhere() {
    let db = TestDb::new().await;
    let mut client = db.connect().await;
    let from = |address: u8| [subject(address, 5), subject(100 + address, 20), subject(255, 50)];

    for _ in 0..200 {
        wait(&mut client, &from(1), now()).await;
    }

    assert_eq!(wait(&mut client, &from(1), now()).await, Some(30));
    assert_eq!(wait(&mut client, &from(2), now()).await, None);
}

#[tokio::test]
async fn waits_double_from_half_a_minute_to_a_quarter_of_an_hour() {
    let db = TestDb::new().await;
    let mut client = db.connect().await;
    let subjects = [subject(1, 5)];
    let mut now = now();
    for _ in 0..5 {
        assert_eq!(wait(&mut client, &subjects, now).await, None);
    }

    let mut waits = Vec::new();
    for _ in 0..8 {
        let seconds = wait(&mut client, &subjects, now).await.unwrap();
        let early = now + TimeDelta::seconds(seconds) - TimeDelta::microseconds(1);
        assert!(wait(&mut client, &subjects, early).await.is_some());
        now += TimeDelta::seconds(seconds);
        assert_eq!(wait(&mut client, &subjects, now).await, None);
        waits.push(seconds);
    }

    assert_eq!(waits, [30, 60, 120, 240, 480, 900, 900, 900]);
}

#[tokio::test]
async fn a_quarter_of_an_hour_of_peace_starts_afresh() {
    let db = TestDb::new().await;
    let mut client = db.connect().await;
    let subjects = [subject(1, 5)];
    for _ in 0..5 {
        wait(&mut client, &subjects, now()).await;
    }
    let after_wait = now() + TimeDelta::seconds(30);

    let rested = after_wait + TimeDelta::minutes(15);
    for _ in 0..5 {
        assert_eq!(wait(&mut client, &subjects, rested).await, None);
    }

    assert_eq!(wait(&mut client, &subjects, rested).await, Some(30));
}

#[tokio::test]
async fn a_host_whose_clock_is_behind_is_not_refused_for_it() {
    let db = TestDb::new().await;
    let mut client = db.connect().await;

    assert_eq!(wait(&mut client, &[subject(1, 5)], now()).await, None);
    assert_eq!(
        wait(&mut client, &[subject(1, 5)], now() - TimeDelta::seconds(2)).await,
        None
    );
}

#[tokio::test]
async fn an_attempt_that_was_right_takes_its_wait_back_and_no_other() {
    let db = TestDb::new().await;
    let mut client = db.connect().await;
    let (subjects, busy) = ([subject(1, 5)], [subject(2, 5)]);
    for _ in 0..5 {
        wait(&mut client, &subjects, now()).await;
        wait(&mut client, &busy, now()).await;
    }
    let later = now() + TimeDelta::seconds(30);
    wait(&mut client, &busy, later).await;

    sign_in::take_back(&client, &subjects[0], now()).await.unwrap();
    sign_in::take_back(&client, &busy[0], later).await.unwrap();

    assert_eq!(wait(&mut client, &subjects, now()).await, None);
    assert_eq!(wait(&mut client, &busy, later).await, Some(60));
}

#[tokio::test]
async fn what_is_a_day_old_is_deleted_on_the_way() {
    let db = TestDb::new().await;
    let client = db.client().await;
    let insert = "insert into sign_in_failures (subject, allowed, failures, free_at)
                  values (sha256('old'), 5, 9, now() - interval '25 hours'),
                         (sha256('recent'), 5, 9, now() - interval '23 hours')";
    client.execute(insert, &[]).await.unwrap();

    attempt(&mut Visitor::stranger(&db), Visitor::USER, "wrong").await;

    let kept = db.rows("select subject from sign_in_failures where failures = 9").await;
    assert_eq!(kept.len(), 1);
    assert_eq!(db.count("sign_in_failures").await, 4);
}

#[tokio::test]
async fn what_was_typed_is_not_in_the_table() {
    let db = TestDb::new().await;

    attempt(&mut Visitor::stranger(&db), "my-password-by-mistake", "wrong").await;

    let rows = db
        .rows("select encode(subject, 'escape') as subject from sign_in_failures")
        .await;
    assert_eq!(rows.len(), 3);
    let hash = "select 1 from sign_in_failures where subject = sha256('my-password-by-mistake')";
    assert!(rows.iter().all(|row| !row.to_string().contains("mistake")), "{rows:?}");
    assert!(db.rows(hash).await.is_empty());
}

#[tokio::test]
async fn what_is_too_long_to_be_a_name_or_password_is_refused_uncounted() {
    let db = TestDb::new().await;
    let mut visitor = Visitor::stranger(&db);
    let long = "x".repeat(1001);

    for (user, password) in [(Visitor::USER, long.as_str()), (&long[..201], Visitor::PASSWORD)] {
        let answer = attempt(&mut visitor, user, password).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
        assert!(
            answer.body.contains(REFUSAL) && !answer.body.contains("xxxx"),
            "{}",
            answer.body
        );
    }

    assert_eq!(db.count("sign_in_failures").await, 0);
}

#[tokio::test]
async fn without_its_database_nobody_signs_in() {
    let mut db = TestDb::alone().await;
    let mut visitor = Visitor::stranger(&db);
    db.server().kill().await.unwrap();

    let answer = attempt(&mut visitor, Visitor::USER, Visitor::PASSWORD).await;
    let health = visitor.get("/healthz").await;

    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(answer.body.contains("The database does not answer"), "{}", answer.body);
    assert_eq!(health.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(health.body, "the database does not answer\n");
}

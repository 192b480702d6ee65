//! `callmark hash-password` as its users run it: the real program, its output and its exit status.

#![allow(
    clippy::unwrap_used,
    reason = "Clippy sees a test in a test function, and not in the functions it calls"
)]

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use admin::Users;
use serde_json::Value;
use shared::platform::config::Reader;

const PASSWORD: &str = "correct horse battery staple";

/// The command with these arguments, and this on its standard input.
fn hash_password(arguments: &[&str], input: &[u8]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_callmark"))
        .arg("hash-password")
        .args(arguments)
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Whoever refuses an argument does not read.
    drop(child.stdin.take().unwrap().write_all(input));
    child.wait_with_output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn a_password_becomes_a_line_that_the_pages_take() {
    let first = hash_password(&["ada"], format!("{PASSWORD}\n").as_bytes());
    let second = hash_password(&[], PASSWORD.as_bytes());

    assert_eq!((first.status.code(), text(&first.stderr)), (Some(0), String::new()));
    let lines = [text(&first.stdout), text(&second.stdout)];
    assert!(
        lines[0].starts_with("ada:$argon2id$v=19$") && lines[0].lines().count() == 1,
        "{lines:?}"
    );
    assert!(lines[1].starts_with("admin:$argon2id$v=19$"), "{lines:?}");
    assert!(!lines.concat().contains("horse"), "{lines:?}");
    let settings = [("ADMIN_USERS", lines.concat()), ("ADMIN_SESSION_KEY", "k".repeat(32))];
    let mut reader = Reader::from_pairs(settings.map(|(name, value)| (name.to_owned(), value)));
    let pages = reader.admin();
    reader.finish().unwrap();
    assert_eq!(pages.users.len(), 2);
    Users::new(pages.users).unwrap();
}

#[test]
fn a_script_is_answered_in_json() {
    let ended = hash_password(
        &["grace.hopper@example", "--json"],
        format!("{PASSWORD}\r\nnext line\n").as_bytes(),
    );

    let answer: Value = serde_json::from_slice(&ended.stdout).unwrap();
    let hash = answer["hash"].as_str().unwrap();
    assert!(hash.starts_with("$argon2id$"), "{answer}");
    assert_eq!(answer["name"], "grace.hopper@example");
    assert_eq!(answer["line"], format!("grace.hopper@example:{hash}"));
}

#[test]
fn what_is_no_password_is_refused_in_one_line() {
    let long = "x".repeat(1001);
    for (input, reason) in [
        (&b""[..], "the password is shorter than 12 characters"),
        (b"\n", "the password is shorter than 12 characters"),
        (
            b"eleven char\nand another line",
            "the password is shorter than 12 characters",
        ),
        (
            "\u{e4}".repeat(11).as_bytes(),
            "the password is shorter than 12 characters",
        ),
        (long.as_bytes(), "the password is longer than 1000 bytes"),
        (
            b"\xff\xfe\xfd\xfc not a text",
            "reading the password: stream did not contain valid UTF-8",
        ),
    ] {
        let ended = hash_password(&["ada"], input);

        assert_eq!(text(&ended.stderr), format!("callmark: {reason}\n"));
        assert_eq!((ended.status.code(), text(&ended.stdout)), (Some(2), String::new()));
    }
}

#[test]
fn a_name_that_the_pages_refuse_is_refused() {
    for name in ["", "a b", "a:b", "<b>", &"x".repeat(65)] {
        let ended = hash_password(&[name], PASSWORD.as_bytes());

        assert_eq!(
            (ended.status.code(), text(&ended.stdout)),
            (Some(2), String::new()),
            "{name}"
        );
        let complaint = text(&ended.stderr);
        assert!(
            complaint.contains("expected 1 to 64 letters") && complaint.lines().count() == 1,
            "{complaint}"
        );
    }
}

#[test]
fn the_longest_password_is_taken() {
    let ended = hash_password(&["ada"], format!("{}\r\n", "x".repeat(1000)).as_bytes());

    assert_eq!((ended.status.code(), text(&ended.stderr)), (Some(0), String::new()));
}

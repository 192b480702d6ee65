//! Requests that no page of ours makes: from outside, from other sites, and out of shape.

use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};
use tests::{Answer, TestDb, Visitor};

/// Pages as they are linked, pages that do not exist, and what changes something.
const BEHIND_THE_DOOR: [&str; 24] = [
    "/",
    "/admin",
    "/admin/",
    "/admin/execution-logs",
    "/admin/execution-logs.csv",
    "/admin/execution-logs/018f0000-0000-7000-8000-000000000000",
    "/admin/execution-logs/018f0000-0000-7000-8000-000000000000/logs.ndjson",
    "/admin/execution-logs/018f0000-0000-7000-8000-000000000000/again",
    "/admin/execution-logs/run",
    "/admin/calls",
    "/admin/calls.csv",
    "/admin/calls.ndjson?from=2026-08-01",
    "/admin/calls/0b9d3c52-7a1e-4f6f-8d2b-51a0e6c4f301",
    "/admin/calls/0b9d3c52-7a1e-4f6f-8d2b-51a0e6c4f301/score",
    "/admin/assistants",
    "/admin/alerts",
    "/admin/alerts/test",
    "/admin/sign-out",
    "/admin/sign-in/",
    "/admin/nothing-here",
    "/admin/nothing/here/either?at=all",
    "/favicon.ico",
    "/.env",
    "/healthz/",
];

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                      form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// A page of ours in every respect, whatever the status, that gives nothing away.
fn assert_sound(answer: &Answer, of: &str) {
    let header = |name: &str| answer.headers.get(name).map(|value| value.to_str().unwrap());
    assert_eq!(header("content-security-policy"), Some(POLICY), "{of}");
    assert_eq!(header("x-content-type-options"), Some("nosniff"), "{of}");
    assert_eq!(header("x-frame-options"), Some("DENY"), "{of}");
    assert_eq!(header("referrer-policy"), Some("same-origin"), "{of}");
    assert_eq!(header("cross-origin-opener-policy"), Some("same-origin"), "{of}");
    assert_eq!(header("cross-origin-resource-policy"), Some("same-origin"), "{of}");
    assert_eq!(header("strict-transport-security"), Some("max-age=31536000"), "{of}");
    assert_eq!(header("cache-control"), Some("no-store"), "{of}");
    assert!(
        header("permissions-policy").is_some_and(|policy| policy.contains("camera=()")),
        "{of}"
    );
    assert_eq!(header("access-control-allow-origin"), None, "{of}");
    assert_eq!(header("server"), None, "{of}");
    if !answer.status.is_redirection() {
        assert_eq!(
            header("content-type"),
            Some("text/html; charset=utf-8"),
            "{of}: {}",
            answer.body
        );
        assert!(answer.body.starts_with("<!doctype html>"), "{of}: {}", answer.body);
    }
    let body = answer.body.to_lowercase();
    for word in [
        " onclick",
        "style=\"",
        "<script>",
        "panicked",
        "deserialize",
        "select ",
        ".rs:",
        "postgres",
        "axum",
    ] {
        assert!(!body.contains(word), "{of} says {word}: {}", answer.body);
    }
}

fn request(method: Method, address: &str) -> Request<Body> {
    Request::builder()
        .method(method)
        .uri(address)
        .header(header::ORIGIN, format!("https://{}", Visitor::HOST))
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Body::empty())
        .unwrap()
}

/// What the forms of this visitor send back.
async fn proof(visitor: &mut Visitor) -> String {
    let page = visitor.get("/admin/nothing-here").await.body;
    let (_, rest) = page.split_once(r#"name="csrf" value=""#).unwrap();
    rest.split('"').next().unwrap().to_owned()
}

/// Whether this form signs out, with these headers in place of those that a browser sends from a page of ours.
async fn signs_out(db: &TestDb, headers: &[(&str, &str)], csrf: Option<&str>) -> bool {
    let mut visitor = Visitor::signed_in(db, "UTC").await;
    let csrf = match csrf {
        Some(csrf) => csrf.to_owned(),
        None => proof(&mut visitor).await,
    };
    let mut request =
        Request::post("/admin/sign-out").header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let answer = visitor
        .send(request.body(Body::from(format!("csrf={csrf}"))).unwrap())
        .await;
    assert_sound(&answer, "/admin/sign-out");
    assert!(
        answer.status == StatusCode::SEE_OTHER || answer.status == StatusCode::FORBIDDEN,
        "{}",
        answer.status
    );
    visitor.cookie().is_none()
}

#[tokio::test]
async fn from_outside_all_pages_look_the_same_whether_they_exist_or_not() {
    let db = TestDb::new().await;
    let mut stranger = Visitor::stranger(&db);

    for address in BEHIND_THE_DOOR {
        for method in [
            Method::GET,
            Method::HEAD,
            Method::POST,
            Method::PUT,
            Method::DELETE,
            Method::OPTIONS,
        ] {
            let is_for_reading = [Method::GET, Method::HEAD].contains(&method);
            let answer = stranger.send(request(method.clone(), address)).await;

            let of = format!("{method} {address}");
            assert_eq!(answer.status, StatusCode::SEE_OTHER, "{of}");
            assert_eq!(answer.body, "", "{of}");
            let target = answer.headers[header::LOCATION].to_str().unwrap();
            if is_for_reading {
                let (path, query) = target.split_once('?').unwrap();
                let next = url::form_urlencoded::parse(query.as_bytes()).next().unwrap();
                assert_eq!(
                    (path, next.0.as_ref(), next.1.as_ref()),
                    ("/admin/sign-in", "next", address)
                );
            } else {
                assert_eq!(target, "/admin/sign-in", "{of}");
            }
            assert_sound(&answer, &of);
        }
    }
}

#[tokio::test]
async fn only_the_sign_in_page_its_assets_and_health_are_open() {
    let db = TestDb::new().await;
    let mut stranger = Visitor::stranger(&db);

    let page = stranger.get("/admin/sign-in").await;
    let health = stranger.get("/healthz").await;

    assert_eq!(page.status, StatusCode::OK);
    assert_sound(&page, "/admin/sign-in");
    assert_eq!((health.status.as_u16(), health.body.as_str()), (200, "ok\n"));
    let assets: Vec<&str> = page
        .body
        .split('"')
        .filter(|text| text.starts_with("/admin/assets/"))
        .collect();
    assert!(assets.len() >= 3, "{assets:?}");
    for asset in assets {
        assert_eq!(stranger.get(asset).await.status, StatusCode::OK, "{asset}");
    }
    assert!(!page.body.contains("<nav"), "{}", page.body);
}

#[tokio::test]
async fn tricks_with_paths_lead_nowhere() {
    let db = TestDb::new().await;
    let long = format!("/admin/{}", "x".repeat(20_000));
    let tricks = [
        "//admin/execution-logs",
        "/admin//execution-logs",
        "/admin/%2e%2e/admin/execution-logs",
        "/%61dmin/execution-logs",
        "/ADMIN/execution-logs",
        "/admin/execution-logs/",
        "/admin/execution-logs%00",
        "/admin/execution-logs;.css",
        "/admin/sign-in/../execution-logs",
        "/admin/sign-in%2f..%2fexecution-logs",
        "/healthz/../admin/execution-logs",
        "/admin/calls/%00",
        "/admin/calls/%ff%fe",
        "/admin/calls/..%2f..%2fetc%2fpasswd",
        "/admin/calls/%27%20or%201=1--",
        "/admin/execution-logs/%3Cscript%3E",
        &long,
    ];

    let mut stranger = Visitor::stranger(&db);
    for address in tricks {
        let answer = stranger.get(address).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{address}");
        assert_sound(&answer, address);
        assert!(answer.headers[header::LOCATION].len() < 4000);
    }
    let mut visitor = Visitor::signed_in(&db, "UTC").await;
    for address in tricks {
        let answer = visitor.get(address).await;
        assert!(answer.status.is_client_error(), "{address}: {}", answer.status);
        assert_sound(&answer, address);
    }
}

#[tokio::test]
async fn the_folder_of_assets_leads_to_nothing_else() {
    let db = TestDb::new().await;

    for mut visitor in [Visitor::stranger(&db), Visitor::signed_in(&db, "UTC").await] {
        for address in [
            "/admin/assets/",
            "/admin/assets/callmark.css",
            "/admin/assets/../execution-logs",
            "/admin/assets/../../etc/passwd",
            "/admin/assets/..%2f..%2fetc%2fpasswd",
            "/admin/assets/%2e%2e/execution-logs",
            "/admin/assets/%00",
            "/admin/assets/%ff",
        ] {
            let answer = visitor.get(address).await;
            assert!(answer.status.is_client_error(), "{address}: {}", answer.status);
            assert_sound(&answer, address);
        }
    }
}

#[tokio::test]
async fn a_sign_in_goes_on_to_pages_of_ours_only() {
    let db = TestDb::new().await;

    for next in [
        "//evil.test",
        "/\\evil.test",
        "https://evil.test/admin/",
        "https:evil.test",
        "/admin/../..//evil.test",
        "/admin/\r\nLocation: https://evil.test",
        "javascript:alert(1)",
        "\"><script>alert(1)</script>",
    ] {
        let mut visitor = Visitor::stranger(&db);
        let query: String = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("next", next)
            .finish();
        let form = visitor.get(&format!("/admin/sign-in?{query}")).await;
        let fields = [("user", Visitor::USER), ("password", Visitor::PASSWORD), ("next", next)];
        let answer = visitor.post("/admin/sign-in", &fields).await;

        assert_sound(&form, next);
        assert!(
            form.body.contains(r#"name="next" value="/admin/execution-logs""#),
            "{next}: {}",
            form.body
        );
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{next}");
        assert_eq!(answer.headers[header::LOCATION], "/admin/execution-logs", "{next}");
    }
    let mut visitor = Visitor::stranger(&db);
    let escaped = visitor.page("/admin/sign-in?next=/admin/calls?a=%22%3E%3Cb%3E").await;
    assert!(!escaped.contains("<b>") && !escaped.contains("\"><b"), "{escaped}");
}

#[tokio::test]
async fn a_form_that_another_site_sends_is_refused() {
    let db = TestDb::new().await;
    let ours = ("origin", "https://callmark.test");

    assert!(signs_out(&db, &[ours], None).await);
    assert!(signs_out(&db, &[ours, ("sec-fetch-site", "same-origin")], None).await);
    for headers in [
        &[][..],
        &[("origin", "null")],
        &[("origin", "https://evil.test")],
        &[("origin", "http://callmark.test")],
        &[("origin", "https://callmark.test:8443")],
        &[("origin", "https://callmark.test.evil.test")],
        &[("referer", "https://callmark.test/admin/calls")],
        &[ours, ("sec-fetch-site", "cross-site")],
        &[ours, ("sec-fetch-site", "same-site")],
        &[ours, ("sec-fetch-site", "none")],
        &[ours, ("origin", "https://evil.test")],
    ] {
        assert!(!signs_out(&db, headers, None).await, "{headers:?}");
    }
}

#[tokio::test]
async fn a_form_without_the_proof_of_its_session_is_refused() {
    let db = TestDb::new().await;
    let ours = [("origin", "https://callmark.test")];
    let of_another = proof(&mut Visitor::signed_in(&db, "UTC").await).await;

    for csrf in ["", "wrong", &of_another, &of_another[1..]] {
        assert!(!signs_out(&db, &ours, Some(csrf)).await, "{csrf}");
    }
    let mut visitor = Visitor::signed_in(&db, "UTC").await;
    let without = visitor.post("/admin/sign-out", &[]).await;
    assert_eq!(without.status, StatusCode::FORBIDDEN);
    assert!(without.body.contains("did not come from this page"), "{}", without.body);
    assert!(visitor.cookie().is_some());
}

#[tokio::test]
async fn another_site_cannot_sign_a_browser_in() {
    let db = TestDb::new().await;
    let mut visitor = Visitor::stranger(&db);
    let form = format!("user=ada&password={}", Visitor::PASSWORD.replace(' ', "+"));
    let request = Request::post("/admin/sign-in")
        .header(header::ORIGIN, "https://evil.test")
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Body::from(form))
        .unwrap();

    let answer = visitor.send(request).await;

    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert_sound(&answer, "/admin/sign-in");
    assert_eq!(visitor.cookie(), None);
    assert_eq!(db.count("sign_in_failures").await, 0);
}

#[tokio::test]
async fn a_cookie_that_is_not_ours_opens_nothing() {
    let db = TestDb::new().await;
    let mut visitor = Visitor::signed_in(&db, "UTC").await;
    let cookie = visitor.cookie().unwrap().to_owned();
    let changed = format!("{}A", &cookie[..cookie.len() - 1]);

    assert_eq!(visitor.get("/admin/nothing-here").await.status, StatusCode::NOT_FOUND);
    for other in [
        changed,
        cookie[..cookie.len() / 2].to_owned(),
        cookie.replace("__Host-callmark", "callmark"),
        cookie.replace("__Host-callmark", "__Secure-callmark"),
        "__Host-callmark=".to_owned(),
        "__Host-callmark=%00%ff".to_owned(),
        format!("__Host-callmark={}", "A".repeat(60_000)),
        ";;;===;;;".to_owned(),
    ] {
        visitor.set_cookie(Some(other.clone()));
        let answer = visitor.get("/admin/nothing-here").await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{other}");
        assert_sound(&answer, "/admin/nothing-here");
    }
    // A browser that has other cookies of the host, too, is still known.
    visitor.set_cookie(Some(format!("a=b; {cookie}; c=d")));
    assert_eq!(visitor.get("/admin/nothing-here").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_method_that_does_not_fit_is_answered_by_a_page() {
    let db = TestDb::new().await;
    let mut visitor = Visitor::signed_in(&db, "UTC").await;

    for (method, address) in [
        (Method::GET, "/admin/sign-out"),
        (Method::PUT, "/admin/sign-in"),
        (Method::DELETE, "/admin/sign-out"),
        (Method::PATCH, "/"),
        (Method::OPTIONS, "/admin/sign-in"),
        (Method::TRACE, "/admin/sign-in"),
        (Method::from_bytes(b"BREW").unwrap(), "/admin/sign-in"),
    ] {
        let answer = visitor.send(request(method.clone(), address)).await;

        let of = format!("{method} {address}");
        assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED, "{of}");
        assert!(answer.headers.contains_key(header::ALLOW), "{of}");
        assert_sound(&answer, &of);
    }
}

#[tokio::test]
async fn forms_out_of_shape_are_answered_by_pages() {
    let db = TestDb::new().await;
    let mut visitor = Visitor::stranger(&db);
    let huge = format!("user=ada&password=wrong&next={}", "x".repeat(70_000));
    let form = "application/x-www-form-urlencoded";

    for (kind, body, expected) in [
        (form, "", StatusCode::UNPROCESSABLE_ENTITY),
        (form, "user=ada", StatusCode::UNPROCESSABLE_ENTITY),
        (form, "user=ada&user=eve&password=x", StatusCode::UNPROCESSABLE_ENTITY),
        (form, "%ff%fe=%00&&&===", StatusCode::UNPROCESSABLE_ENTITY),
        (form, &huge, StatusCode::PAYLOAD_TOO_LARGE),
        (
            "application/json",
            r#"{"user":"ada"}"#,
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
        ),
        ("text/plain", "user=ada&password=x", StatusCode::UNSUPPORTED_MEDIA_TYPE),
        (
            "multipart/form-data; boundary=x",
            "--x--",
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
        ),
    ] {
        let request = Request::post("/admin/sign-in")
            .header(header::ORIGIN, format!("https://{}", Visitor::HOST))
            .header(header::CONTENT_TYPE, kind)
            .body(Body::from(body.to_owned()))
            .unwrap();
        let answer = visitor.send(request).await;

        let of = format!("{kind} {}", &body[..body.len().min(40)]);
        assert_eq!(answer.status, expected, "{of}");
        assert_sound(&answer, &of);
    }
    let twice = visitor.get("/admin/sign-in?next=a&next=b").await;
    assert_eq!(twice.status, StatusCode::BAD_REQUEST);
    assert_sound(&twice, "next twice");
}

#[tokio::test]
async fn names_and_passwords_of_any_bytes_are_only_names_and_passwords() {
    let db = TestDb::new().await;
    let mut visitor = Visitor::stranger(&db);

    for user in [
        "\0",
        "ada\0",
        "' or 1=1 --",
        "<script>alert(1)</script>",
        "\u{202e}ada",
        " ada",
        "ada\r\nSet-Cookie: a=b",
    ] {
        let answer = visitor
            .post("/admin/sign-in", &[("user", user), ("password", "\0<b>\u{1f511}")])
            .await;

        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{user:?}");
        assert_sound(&answer, user);
        assert!(
            !answer.body.contains("<b>") && !answer.body.contains("alert(1)</script>"),
            "{}",
            answer.body
        );
    }
}

#[tokio::test]
async fn huge_queries_and_headers_are_survived() {
    let db = TestDb::new().await;
    let mut visitor = Visitor::signed_in(&db, "UTC").await;
    let query = "a=%00&".repeat(8000);

    let with_query = visitor.get(&format!("/admin/nothing-here?{query}")).await;
    let mut request = request(Method::GET, "/admin/nothing-here");
    for number in 0..200 {
        let name = header::HeaderName::from_bytes(format!("x-{number}").as_bytes()).unwrap();
        request.headers_mut().insert(name, "x".repeat(4000).parse().unwrap());
    }
    let with_headers = visitor.send(request).await;

    for answer in [with_query, with_headers] {
        assert_eq!(answer.status, StatusCode::NOT_FOUND);
        assert_sound(&answer, "huge");
    }
}

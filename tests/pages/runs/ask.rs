//! Asking for runs: the forms, the event, and the banner that waits.

use admin::{Deps, Key, Scheme, Users, hash};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, header};
use chrono::TimeDelta;
use serde_json::{Value, json};
use shared::platform::event::{Bus, Event, Requested};
use tests::{TestDb, Visitor, conversation, now};
use tower::ServiceExt as _;

use super::scene::{LIST, id, run, store};

const NOW: &str = "/admin/execution-logs/run";

fn asked(visitor: &mut Visitor) -> Option<Requested> {
    match visitor.asked.try_recv().ok()? {
        Event::Requested(request) => Some(request),
        Event::Finished(_) | Event::Raised(_) | Event::TestRequested(_) => None,
    }
}

fn request(script: &str, input: Value) -> Requested {
    Requested {
        script_name: script.to_owned(),
        triggered_by: Visitor::USER.to_owned(),
        batch_id: None,
        input,
        hop: 0,
    }
}

#[tokio::test]
async fn run_now_asks_for_the_script_and_waits_for_it_on_the_list() {
    let db = TestDb::new().await;
    store(&db, &[run(json!({}))]).await;
    let mut visitor = Visitor::signed_in(&db, "Europe/Rome").await;
    let csrf = visitor.csrf(LIST).await;

    let answer = visitor.post(NOW, &[("csrf", &csrf), ("script", "vapi-sync")]).await;

    assert_eq!(asked(&mut visitor), Some(request("vapi-sync", json!({}))));
    assert_eq!(answer.status.as_u16(), 303);
    let address = answer.headers["location"].to_str().unwrap().to_owned();
    assert!(
        address.starts_with(&format!("{LIST}?script=vapi-sync&asked=")),
        "{address}"
    );
    let waiting = visitor.page(&address).await;
    assert!(waiting.contains("vapi-sync was asked for at "), "{waiting}");
    assert!(waiting.contains("it appears here when it has begun") && waiting.contains("data-poll"));

    let begun = run(json!({"started_at": now()}));
    store(
        &db,
        &[
            run(json!({"script_name": "qci-analysis", "started_at": now()})),
            begun.clone(),
        ],
    )
    .await;
    let page = visitor.page(&address).await;
    let link = format!("has begun: <a href=\"{LIST}/{}\">open the run</a>", id(&begun));
    assert!(page.contains(&link), "{page}");
    assert!(!page.contains("data-poll"));
}

#[tokio::test]
async fn a_run_that_was_asked_for_is_followed_while_it_runs() {
    let db = TestDb::new().await;
    store(&db, &[run(json!({"status": "running", "started_at": now()}))]).await;
    let asked = (now() - TimeDelta::minutes(1)).timestamp_micros();
    let mut visitor = Visitor::signed_in(&db, "UTC").await;

    let page = visitor.page(&format!("{LIST}?script=vapi-sync&asked={asked}")).await;

    let (_, banner) = page.split_once("id=\"asked\"").unwrap();
    let (banner, _) = banner.split_once("</p>").unwrap();
    assert!(banner.contains("has begun") && banner.contains("data-poll"), "{banner}");
}

#[tokio::test]
async fn after_ten_minutes_nobody_seems_to_listen() {
    let db = TestDb::new().await;
    store(&db, &[run(json!({}))]).await;
    let mut visitor = Visitor::signed_in(&db, "UTC").await;
    let asked = |minutes| (now() - TimeDelta::minutes(minutes)).timestamp_micros();

    let patient = visitor
        .page(&format!("{LIST}?script=vapi-sync&asked={}", asked(9)))
        .await;
    let page = visitor
        .page(&format!("{LIST}?script=vapi-sync&asked={}", asked(11)))
        .await;
    let dismissed = visitor.page(&format!("{LIST}?script=vapi-sync")).await;

    assert!(patient.contains("data-poll"));
    assert!(page.contains("Nobody seems to listen: check"), "{page}");
    assert!(!page.contains("data-poll"));
    assert!(page.contains(&format!("<a href=\"{LIST}?script=vapi-sync\">Dismiss</a>")));
    assert!(!dismissed.contains("id=\"asked\""));
}

#[tokio::test]
async fn run_again_asks_for_the_same_with_the_same_input() {
    let db = TestDb::new().await;
    let input = json!({"mode": "range", "from": "2026-08-01"});
    let runs = [
        run(json!({"metadata": {"input": input}})),
        run(json!({"script_name": "qci-analysis", "metadata": {"limit": 3}})),
        run(json!({"script_name": "watchdog"})),
    ];
    store(&db, &runs).await;
    let mut visitor = Visitor::signed_in(&db, "UTC").await;
    let csrf = visitor.csrf(LIST).await;
    let again = |run: &Value| format!("{LIST}/{}/again", id(run));
    let fields = [("csrf", csrf.as_str())];

    let first = visitor.post(&again(&runs[0]), &fields).await;
    let second = visitor.post(&again(&runs[1]), &fields).await;
    let third = visitor.post(&again(&runs[2]), &fields).await;
    let unknown = visitor
        .post(&format!("{LIST}/{}/again", uuid::Uuid::now_v7()), &fields)
        .await;

    assert_eq!(asked(&mut visitor), Some(request("vapi-sync", input)));
    assert_eq!(asked(&mut visitor), Some(request("qci-analysis", json!({}))));
    assert_eq!(asked(&mut visitor), None);
    assert!(
        first.headers["location"]
            .to_str()
            .unwrap()
            .starts_with(&format!("{LIST}?script=vapi-sync&asked="))
    );
    let statuses = [second, third, unknown].map(|answer| answer.status.as_u16());
    assert_eq!(statuses, [303, 400, 404]);
    let page = visitor.page(&format!("{LIST}/{}", id(&runs[0]))).await;
    assert!(page.contains(&format!("action=\"{}\"", again(&runs[0]))));
    let page = visitor.page(&format!("{LIST}/{}", id(&runs[2]))).await;
    assert!(!page.contains("Run again"));
}

#[tokio::test]
async fn score_again_asks_for_that_call_alone() {
    let court = tests::Courtroom::hearing(&[conversation("call 7/a", &["hello", "hi"])], simulator_settings()).await;
    let mut visitor = Visitor::signed_in(court.db(), "UTC").await;
    let csrf = visitor.csrf(LIST).await;
    let fields = [("csrf", csrf.as_str())];

    let answer = visitor.post("/admin/calls/call%207%2Fa/score", &fields).await;
    let unknown = visitor.post("/admin/calls/call%208/score", &fields).await;
    let nul = visitor.post("/admin/calls/a%00/score", &fields).await;

    let expected = request("qci-analysis", json!({"call_ids": ["call 7/a"], "force": true}));
    assert_eq!(asked(&mut visitor), Some(expected));
    assert_eq!(asked(&mut visitor), None);
    let location = answer.headers["location"].to_str().unwrap();
    assert!(
        location.starts_with("/admin/calls/call%207%2Fa?script=qci-analysis&asked="),
        "{location}"
    );
    assert_eq!([unknown, nul].map(|answer| answer.status.as_u16()), [404, 404]);
}

fn simulator_settings() -> simulator::judge::Settings {
    simulator::judge::Settings::default()
}

#[tokio::test]
async fn nothing_is_asked_for_without_the_proof_of_a_form() {
    let db = TestDb::new().await;
    let run = run(json!({}));
    store(&db, std::slice::from_ref(&run)).await;
    let mut visitor = Visitor::signed_in(&db, "UTC").await;
    let again = format!("{LIST}/{}/again", id(&run));

    for address in [NOW, &again, "/admin/calls/a/score"] {
        for fields in [
            &[("script", "vapi-sync")][..],
            &[("script", "vapi-sync"), ("csrf", "")],
            &[("script", "vapi-sync"), ("csrf", "0123456789abcdef0123456789abcdef")],
        ] {
            let answer = visitor.post(address, fields).await;
            assert_eq!(answer.status.as_u16(), 403, "{address}");
            assert!(answer.body.contains("<h1>Not done</h1>"), "{}", answer.body);
        }
    }

    assert_eq!(asked(&mut visitor), None);
}

#[tokio::test]
async fn what_cannot_be_asked_for_is_refused_by_name() {
    let db = TestDb::new().await;
    store(&db, &[run(json!({}))]).await;
    let mut visitor = Visitor::signed_in(&db, "UTC").await;
    let csrf = visitor.csrf(LIST).await;

    for script in ["", "watchdog", "vapi-sync'; drop table runs"] {
        let answer = visitor.post(NOW, &[("csrf", &csrf), ("script", script)]).await;
        assert_eq!(answer.status.as_u16(), 400, "{script}");
        assert!(answer.body.contains("“script”"), "{}", answer.body);
    }

    assert_eq!(asked(&mut visitor), None);
}

#[tokio::test]
async fn a_bus_that_refuses_becomes_a_page_that_says_so() {
    let db = TestDb::new().await;
    store(&db, &[run(json!({}))]).await;
    let mut visitor = Visitor::signed_in(&db, "UTC").await;
    let csrf = visitor.csrf(LIST).await;
    visitor.asked.close();

    let answer = visitor.post(NOW, &[("csrf", &csrf), ("script", "vapi-sync")]).await;

    assert_eq!(answer.status.as_u16(), 503);
    assert!(answer.body.contains("<h1>Not asked for</h1>"), "{}", answer.body);
    assert!(answer.body.contains("nobody listens on the in-process bus any more"));
}

#[tokio::test]
async fn a_form_that_comes_back_after_sign_in_leads_to_where_it_was() {
    let db = TestDb::new().await;
    let run = run(json!({}));
    store(&db, std::slice::from_ref(&run)).await;
    let mut visitor = Visitor::signed_in(&db, "UTC").await;
    let page = format!("{LIST}/{}", id(&run));

    for (address, expected) in [
        (NOW.to_owned(), LIST.to_owned()),
        (format!("{page}/again"), page.clone()),
        ("/admin/calls/a%20b/score".to_owned(), "/admin/calls/a%20b".to_owned()),
    ] {
        let answer = visitor.get(&address).await;
        assert_eq!(answer.headers["location"], expected.as_str());
    }
}

#[tokio::test]
async fn where_nothing_listens_the_buttons_say_why_and_a_form_is_refused() {
    let db = TestDb::new().await;
    let run = run(json!({}));
    store(&db, std::slice::from_ref(&run)).await;
    let mut deaf = Deaf::signed_in(&db).await;

    let list = deaf.get(LIST).await;
    let one = deaf.get(&format!("{LIST}/{}", id(&run))).await;
    let csrf = list
        .split_once("name=\"csrf\" value=\"")
        .unwrap()
        .1
        .split('"')
        .next()
        .unwrap()
        .to_owned();
    let (status, refused) = deaf.post(NOW, &[("csrf", &csrf), ("script", "vapi-sync")]).await;

    let why = "Nothing here listens for requests: set EVENT_BUS_NAME, or use `callmark serve`.";
    for page in [&list, &one] {
        assert!(page.contains(&format!("id=\"nobody-listens\">{why}</p>")), "{page}");
        assert!(page.contains("<button disabled"));
    }
    assert_eq!(status, 503);
    assert!(
        refused.contains(why) && refused.contains("<h1>Not asked for</h1>"),
        "{refused}"
    );
}

/// A visitor of pages that have no bus.
struct Deaf {
    router: Router,
    cookie: String,
}

impl Deaf {
    async fn signed_in(db: &TestDb) -> Self {
        let database = shared::platform::config::Database {
            url: db.url().into(),
            ca: None,
            pool: 2,
            timeout: std::time::Duration::from_secs(15),
        };
        let user = ("ada".to_owned(), hash("a long enough password").unwrap().into());
        let router = admin::router(Deps {
            pool: shared::platform::db::pool(&database).unwrap(),
            bus: Bus::Nowhere,
            users: Users::new([user]).unwrap(),
            key: Key::derive_from(&[7; 32]),
            scheme: Scheme::Https,
        });
        let mut deaf = Self {
            router,
            cookie: String::new(),
        };
        let fields = [("user", "ada"), ("password", "a long enough password"), ("zone", "UTC")];
        deaf.post("/admin/sign-in", &fields).await;
        deaf
    }

    async fn get(&mut self, address: &str) -> String {
        let request = Request::get(address).body(Body::empty()).unwrap();
        self.send(request).await.1
    }

    async fn post(&mut self, address: &str, fields: &[(&str, &str)]) -> (u16, String) {
        let body = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(fields)
            .finish();
        let request = Request::post(address)
            .header(header::ORIGIN, format!("https://{}", Visitor::HOST))
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Body::from(body))
            .unwrap();
        self.send(request).await
    }

    async fn send(&mut self, mut request: Request<Body>) -> (u16, String) {
        let headers = request.headers_mut();
        headers.insert(header::HOST, Visitor::HOST.parse().unwrap());
        headers.insert(header::COOKIE, self.cookie.parse().unwrap());
        let response = self.router.clone().oneshot(request).await.unwrap();
        if let Some(cookie) = response.headers().get(header::SET_COOKIE) {
            let pair = cookie.to_str().unwrap().split(';').next();
            self.cookie = pair.unwrap().into();
        }
        let status = response.status().as_u16();
        let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }
}

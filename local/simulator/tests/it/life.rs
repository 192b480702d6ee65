//! A world that lives, and one that does not say all it has.

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use serde_json::{Value, json};
use simulator::vapi::{Gone, Hidden, Left, Server, Settings, Thinning, World};

use crate::client::{get, now};

fn call(id: &str, created: DateTime<Utc>, updated: DateTime<Utc>) -> Value {
    let instant = |at: DateTime<Utc>| at.to_rfc3339_opts(SecondsFormat::Millis, true);
    json!({
        "id": id,
        "createdAt": instant(created),
        "updatedAt": instant(updated),
        "artifact": {"transcript": "AI: Hello.", "messages": [{"role": "bot"}, {"role": "user"}]},
        "analysis": {"summary": "A greeting."},
    })
}

async fn serve(world: World) -> Server {
    Server::start(world, Settings::default()).await.expect("a free port")
}

fn thinning(parts: &[&str], left: Left) -> Thinning {
    Thinning {
        parts: parts.iter().map(|part| (*part).to_owned()).collect(),
        left,
        updated: None,
        in_lists_only: false,
    }
}

#[tokio::test]
async fn a_call_is_there_from_when_it_is_planned_and_then_changes() {
    let mut world = World::empty(now());
    let (made, changed) = (now() + TimeDelta::hours(1), now() + TimeDelta::hours(2));
    world.plan(changed, call("a", made, changed));
    world.plan(made, call("a", made, made));
    let server = serve(world).await;
    let updated = async || get(&server, "/call/a").await.json()["updatedAt"].clone();

    assert_eq!(get(&server, "/call").await.rows(), [Value::Null; 0]);

    server.world().live_until(made);
    assert_eq!(updated().await, "2026-09-14T10:00:00.000Z");

    server.world().live_until(changed + TimeDelta::hours(9));
    assert_eq!(updated().await, "2026-09-14T11:00:00.000Z");
    assert_eq!(get(&server, "/call").await.ids(), ["a"]);
}

#[tokio::test]
async fn answers_are_dated_by_a_clock_that_may_be_wrong() {
    let server = serve(World::empty(now())).await;
    let dated = async || {
        let reply = get(&server, "/call").await;
        DateTime::parse_from_rfc2822(reply.header("date").unwrap()).unwrap()
    };
    let right = dated().await;

    server.world().set_clock_ahead(-TimeDelta::minutes(12));
    let behind = dated().await;

    assert!(
        (right - behind - TimeDelta::minutes(12)).abs() < TimeDelta::seconds(20),
        "{right}, {behind}"
    );
}

#[tokio::test]
async fn a_hidden_call_is_in_no_list_and_comes_back_as_it_is_by_then() {
    let mut world = World::empty(now());
    world.insert(&call("a", now(), now()));
    world.insert(&call("b", now(), now()));
    let server = serve(world).await;

    server.world().hide("a", Hidden::FromLists);
    assert_eq!(get(&server, "/call").await.ids(), ["b"]);
    assert_eq!(get(&server, "/call/a").await.status, 200);

    server.world().hide("a", Hidden::Everywhere);
    assert_eq!(get(&server, "/call/a").await.status, 404);

    server.world().insert(&call("a", now(), now() + TimeDelta::hours(1)));
    assert_eq!(get(&server, "/call").await.ids(), ["b"]);

    assert!(server.world().show("a"));
    assert_eq!(
        get(&server, "/call/a").await.json()["updatedAt"],
        "2026-09-14T10:00:00.000Z"
    );
    assert_eq!(get(&server, "/call").await.ids().len(), 2);
}

#[tokio::test]
async fn parts_of_a_document_go_in_each_form_and_come_back() {
    let whole = call("a", now(), now());
    let mut world = World::empty(now());
    world.insert(&whole);
    let server = serve(world).await;
    let parts = ["/artifact/transcript", "/artifact/messages", "/nothing/there"];
    let expected = |left| match left {
        Left::Nothing(Gone::Absent) => json!({}),
        Left::Nothing(Gone::Null) => json!({"transcript": null, "messages": null}),
        Left::Nothing(Gone::EmptyText) => json!({"transcript": "", "messages": ""}),
        Left::Nothing(Gone::EmptyObject) => json!({"transcript": {}, "messages": {}}),
        Left::Nothing(Gone::EmptyArray) => json!({"transcript": [], "messages": []}),
        Left::FirstHalf => json!({"transcript": "AI: H", "messages": [{"role": "bot"}]}),
    };

    for left in Gone::ALL.map(Left::Nothing).into_iter().chain([Left::FirstHalf]) {
        assert!(server.world().thin("a", thinning(&parts, left)));

        let (listed, found) = (
            get(&server, "/call").await.rows().remove(0),
            get(&server, "/call/a").await.json(),
        );
        assert_eq!(
            (&listed["artifact"], &listed["analysis"]),
            (&expected(left), &whole["analysis"]),
            "{left:?}"
        );
        assert_eq!(found, listed, "{left:?}");
    }

    assert!(server.world().restore("a"));
    assert_eq!(get(&server, "/call/a").await.json(), whole);
}

#[tokio::test]
async fn only_lists_may_be_slim_and_the_time_of_the_last_change_may_say_so() {
    let mut world = World::empty(now());
    world.insert(&call("a", now(), now()));
    let moved = Thinning {
        updated: Some(now() + TimeDelta::days(13)),
        in_lists_only: true,
        ..thinning(&["/artifact"], Left::Nothing(Gone::Absent))
    };
    world.thin("a", moved);
    let server = serve(world).await;

    let changed = get(&server, "/call?updatedAtGt=2026-09-20T00:00:00.000Z").await.rows();
    assert_eq!((changed.len(), changed[0].get("artifact")), (1, None));
    assert_eq!(
        get(&server, "/call/a").await.json()["artifact"]["transcript"],
        "AI: Hello."
    );
}

#[tokio::test]
async fn a_later_version_of_a_hollow_document_is_hollow_too() {
    let mut world = World::empty(now());
    world.insert(&call("a", now(), now()));
    world.thin("a", thinning(&["/analysis"], Left::Nothing(Gone::Null)));
    world.insert(&call("a", now(), now() + TimeDelta::hours(1)));
    let server = serve(world).await;

    let hollow = get(&server, "/call").await.rows().remove(0);
    assert_eq!(
        (&hollow["updatedAt"], &hollow["analysis"]),
        (&json!("2026-09-14T10:00:00.000Z"), &Value::Null)
    );

    server.world().restore("a");
    let whole = get(&server, "/call").await.rows().remove(0);
    assert_eq!(
        (&whole["updatedAt"], &whole["analysis"]["summary"]),
        (&json!("2026-09-14T10:00:00.000Z"), &json!("A greeting."))
    );
}

#[tokio::test]
async fn the_time_of_the_last_change_does_not_go_back() {
    let (later, latest) = (now() + TimeDelta::hours(1), now() + TimeDelta::hours(2));
    let mut world = World::empty(now());
    world.insert(&call("a", now(), now()));
    let moved = Thinning {
        updated: Some(later),
        ..thinning(&["/artifact"], Left::Nothing(Gone::Absent))
    };
    world.thin("a", moved);
    world.restore("a");
    let whole = world.call("a").unwrap();
    world.plan(latest, call("a", now(), now()));
    world.live_until(latest);

    let said = json!(later.to_rfc3339_opts(chrono::SecondsFormat::Millis, true));
    assert_eq!(
        (&whole["updatedAt"], &whole["artifact"]["transcript"]),
        (&said, &json!("AI: Hello."))
    );
    assert_eq!(world.call("a").unwrap()["updatedAt"], said);
}

#[tokio::test]
async fn what_is_forgotten_is_nowhere() {
    let mut world = World::empty(now());
    for (id, days) in [("a", 20), ("b", 15), ("c", 1)] {
        world.insert(&call(id, now() - TimeDelta::days(days), now()));
    }
    world.hide("b", Hidden::FromLists);
    world.forget_before(now() - TimeDelta::days(14));
    world.show_all();
    let server = serve(world).await;

    assert_eq!(get(&server, "/call").await.ids(), ["c"]);
    assert_eq!(get(&server, "/call/b").await.status, 404);
}

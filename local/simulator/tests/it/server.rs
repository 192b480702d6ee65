//! Keys, single documents, the log, and worlds that change.

use serde_json::json;
use simulator::vapi::{Kind, Settings};

use crate::client::{get, now, send, serve, serve_as};

#[tokio::test]
async fn only_the_right_key_is_let_in() {
    let open = serve(1).await;
    let closed = serve_as(
        1,
        Settings {
            api_key: Some("right".to_owned()),
            ..Settings::default()
        },
    )
    .await;
    let with = async |server, headers| send(server, "GET", "/call", headers).await.status;

    assert_eq!(with(&open, "Authorization: Bearer anything\r\n").await, 200);
    assert_eq!(with(&open, "").await, 401);
    assert_eq!(with(&closed, "Authorization: Bearer right\r\n").await, 200);
    assert_eq!(with(&closed, "Authorization: Bearer wrong\r\n").await, 401);
    assert_eq!(with(&closed, "Authorization: right\r\n").await, 401);
}

#[tokio::test]
async fn a_single_call_is_the_listed_one_with_new_signed_urls_each_time() {
    let server = serve(120).await;
    let listed = server
        .world()
        .calls()
        .into_iter()
        .find(|call| call["artifact"]["recording"].is_object())
        .unwrap();
    let path = format!("/call/{}", listed["id"].as_str().unwrap());

    let first = get(&server, &path).await.json();
    let second = get(&server, &path).await.json();

    assert_ne!(
        first["artifact"]["presignedMonoUrl"],
        second["artifact"]["presignedMonoUrl"]
    );
    assert_ne!(
        first["artifact"]["presignedUrlsExpiresAt"],
        second["artifact"]["presignedUrlsExpiresAt"]
    );
    let mut stripped = first.clone();
    stripped["artifact"]
        .as_object_mut()
        .unwrap()
        .retain(|key, _| !key.starts_with("presigned"));
    assert_eq!(stripped, listed);
}

#[tokio::test]
async fn what_is_not_there_is_a_404_in_the_usual_shape() {
    let server = serve(1).await;

    for path in ["/call/nobody", "/assistant/nobody", "/v2/call", "/"] {
        let reply = get(&server, path).await;
        assert_eq!(reply.status, 404, "{path}");
        assert_eq!(reply.json()["error"], "Not Found");
        assert_eq!(reply.json()["statusCode"], 404);
    }
}

#[tokio::test]
async fn writes_are_refused_and_remembered() {
    let server = serve(1).await;
    let id = server.world().call_ids()[0].clone();

    for method in ["PATCH", "DELETE", "POST", "PUT"] {
        let reply = send(&server, method, &format!("/call/{id}"), "Authorization: Bearer any\r\n").await;
        assert_eq!(reply.status, 405);
    }

    assert!(server.requests().iter().all(|request| request.kind == Kind::Write));
    assert_eq!(server.world().call_ids(), [id]);
}

#[tokio::test]
async fn the_log_says_what_was_asked_and_what_it_got() {
    let server = serve(30).await;

    get(&server, "/call?limit=7&createdAtLe=2030-01-01T00%3A00%3A00Z").await;
    get(&server, "/assistant/none").await;

    let log = server.requests();
    assert_eq!((log[0].kind, log[0].status, log[0].rows), (Kind::CallList, 200, 7));
    assert_eq!(log[0].parameter("createdAtLe"), Some("2030-01-01T00:00:00Z"));
    assert_eq!(
        (log[1].kind, log[1].status, log[1].path.as_str()),
        (Kind::Assistant, 404, "/assistant/none")
    );
}

#[tokio::test]
async fn the_world_changes_while_a_client_pages() {
    let server = serve(50).await;
    let (first, last) = {
        let ids = server.world().call_ids();
        (ids[0].clone(), ids[49].clone())
    };
    let removed = last.clone();
    server.on_page(2, move |world| {
        world.plant_call(now());
        world.remove(&removed);
    });
    server.on_request(1, move |world| {
        world.update(&first, |call| call["cost"] = json!(12.5));
    });

    let before = get(&server, "/call?limit=1000").await;
    let after = get(&server, "/call?limit=1000").await;

    assert_eq!(before.rows()[0]["cost"], json!(12.5));
    assert_eq!(before.rows().len(), 50);
    assert_eq!(after.rows()[1]["id"], before.rows()[0]["id"]);
    assert!(!after.ids().contains(&last));
}

#[tokio::test]
async fn an_update_moves_a_call_and_keeps_its_place_where_nothing_moved() {
    let server = serve(50).await;
    let ids = server.world().call_ids();

    server.world().update(&ids[20], |call| call["name"] = json!("renamed"));
    assert_eq!(server.world().call_ids(), ids);

    server
        .world()
        .update(&ids[20], |call| call["createdAt"] = json!("2026-09-14T08:59:59.000Z"));
    assert_eq!(server.world().call_ids()[0], ids[20]);
    assert!(server.world().touch(&ids[30], now()));
    assert_eq!(
        get(&server, "/call?updatedAtGe=2026-09-14T09:00:00.000Z").await.ids(),
        [ids[30].clone()]
    );
}

#[tokio::test]
async fn every_page_can_bring_a_new_call() {
    let server = serve(5).await;
    server.on_every_page(|world| {
        world.plant_call(now());
    });

    get(&server, "/call").await;
    get(&server, "/call").await;

    assert_eq!(server.world().len(), 7);
}

#[tokio::test]
async fn a_stopped_server_frees_its_port() {
    let server = serve(1).await;
    let port = server.url().rsplit(':').next().unwrap().parse().unwrap();
    get(&server, "/call").await;

    server.stop().await;

    let again = serve_as(
        1,
        Settings {
            port,
            ..Settings::default()
        },
    )
    .await;
    assert_eq!(get(&again, "/call").await.status, 200);
}

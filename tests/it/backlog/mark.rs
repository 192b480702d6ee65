//! What the mark covers, when it moves, and what brings a call back behind it.

use std::time::Duration;

use serde_json::json;
use simulator::judge::Settings;
use tests::{Courtroom, talks};

use super::{advance, all, covered, read, scene, skip, store};
use shared::store::score::backlog;

#[tokio::test]
async fn a_call_that_commits_after_the_mark_has_moved_is_found() {
    let (db, client, mut connection, [framework, _]) = scene().await;
    let late = db.client().await;
    late.batch_execute("begin").await.unwrap();
    store(&late, "late", 0).await;
    store(&client, "early", 0).await;

    assert_eq!(advance(&mut connection, framework, 10).await, ["early"]);
    skip(&client, "early", framework, 0).await;
    late.batch_execute("commit").await.unwrap();

    assert_eq!(advance(&mut connection, framework, 10).await, ["late"]);
}

#[tokio::test]
async fn what_a_run_leaves_is_pending_and_the_mark_moves_all_the_same() {
    let (_db, client, mut connection, [framework, other]) = scene().await;
    for id in ["a", "b", "c"] {
        store(&client, id, 0).await;
    }

    assert_eq!(advance(&mut connection, framework, 1).await, ["a"]);

    assert_eq!(covered(&mut connection, framework).await, ["a", "b", "c"]);
    assert_eq!(read(&connection, framework).await, ["a", "b", "c"]);
    assert_eq!(
        read(&connection, other).await,
        ["a", "b", "c"],
        "each framework has its own"
    );
    skip(&client, "b", framework, 0).await;
    assert_eq!(advance(&mut connection, framework, 9).await, ["a", "c"]);
    let pending = "select count(*) from analysis_pending";
    let pending: i64 = client.query_one(pending, &[]).await.unwrap().get(0);
    assert_eq!(pending, 2, "what was looked at does not stay");
}

#[tokio::test]
async fn a_paused_run_that_skips_an_older_version_does_not_hide_the_newer_one() {
    let (_db, client, mut connection, [framework, _]) = scene().await;
    store(&client, "a", 1).await;
    store(&client, "a", 2).await;
    skip(&client, "a", framework, 2).await;
    assert_eq!(covered(&mut connection, framework).await, Vec::<String>::new());

    skip(&client, "a", framework, 1).await;

    assert_eq!(advance(&mut connection, framework, 10).await, ["a"]);
}

#[tokio::test]
async fn deleted_analyses_bring_their_calls_back() {
    for delete in ["delete from qci_analyses", "truncate qci_analyses"] {
        let (_db, client, mut connection, [framework, _]) = scene().await;
        store(&client, "a", 0).await;
        skip(&client, "a", framework, 0).await;
        assert_eq!(covered(&mut connection, framework).await, Vec::<String>::new());

        client.batch_execute(delete).await.unwrap();

        assert_eq!(advance(&mut connection, framework, 10).await, ["a"], "{delete}");
    }
}

#[tokio::test]
async fn a_deleted_call_does_not_make_a_framework_read_everything() {
    let (_db, client, mut connection, [framework, _]) = scene().await;
    for id in ["a", "b"] {
        store(&client, id, 0).await;
        skip(&client, id, framework, 0).await;
    }
    advance(&mut connection, framework, 10).await;

    client
        .batch_execute("delete from vapi_calls_raw where id = 'a'")
        .await
        .unwrap();

    let mark = "select changed_before is not null from analysis_marks";
    assert!(client.query_one(mark, &[]).await.unwrap().get::<_, bool>(0));
}

#[tokio::test]
async fn a_mark_that_came_with_a_restored_dump_is_not_trusted() {
    let (_db, client, mut connection, [framework, _]) = scene().await;
    store(&client, "before", 0).await;
    skip(&client, "before", framework, 0).await;
    covered(&mut connection, framework).await;
    // Another server has counted fewer transactions.
    let restore = "create table dump as table analysis_marks;
                   delete from analysis_marks;
                   insert into analysis_marks table dump;
                   drop table dump";
    client.batch_execute(restore).await.unwrap();
    store(&client, "after", 0).await;
    let counted_anew = "update vapi_calls_raw set changed_in = '7' where id = 'after'";
    client.batch_execute(counted_anew).await.unwrap();

    assert_eq!(read(&connection, framework).await, ["after"]);
    assert_eq!(advance(&mut connection, framework, 10).await, ["after"]);
}

#[tokio::test]
async fn two_runs_that_choose_at_once_wait_for_each_other() {
    let (db, client, mut connection, [framework, _]) = scene().await;
    store(&client, "a", 0).await;
    let first = connection.transaction().await.unwrap();
    backlog::advance(&first, framework, 10).await.unwrap();
    let mut second = db.connect().await;
    let choosing = tokio::spawn(async move { advance(&mut second, framework, 10).await });
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(!choosing.is_finished());

    first.commit().await.unwrap();

    assert_eq!(choosing.await.unwrap(), ["a"]);
}

#[tokio::test]
async fn runs_with_a_limit_an_estimate_and_runs_over_named_calls_leave_nothing_out() {
    let room = Courtroom::hearing(&talks(5), Settings::default()).await;
    let client = room.db().client().await;
    let framework: i32 = client
        .query_one("select id from analysis_frameworks", &[])
        .await
        .unwrap()
        .get(0);
    let marks = "analysis_marks";

    room.try_score(json!({"estimate": true})).await.unwrap();
    assert_eq!(room.db().count(marks).await, 0, "an estimate changes nothing");
    room.try_score(json!({"call_ids": ["talk-4"]})).await.unwrap();
    assert_eq!(room.db().count(marks).await, 0);
    room.try_score(json!({"limit": 2})).await.unwrap();
    assert_eq!(room.db().count(marks).await, 1);

    let left = all(&client, framework, 10).await;
    assert_eq!(left.len(), 2);
    assert_eq!(read(&room.db().connect().await, framework).await, left);
    let report = room.score().await;
    assert_eq!(report.counters.calls_analyzed, 2);
    assert_eq!(room.with_status("scored").await, 5);
}

#[tokio::test]
async fn a_call_that_no_budget_can_pay_for_does_not_keep_the_mark() {
    let room = Courtroom::hearing(&talks(2), Settings::default()).await;
    let room = room.setting("QCI_MAX_USD_PER_RUN", "0.0000001");
    let framework = "select id from analysis_frameworks";
    let framework: i32 = room.db().client().await.query_one(framework, &[]).await.unwrap().get(0);

    room.score().await;

    let mut connection = room.db().connect().await;
    assert_eq!(covered(&mut connection, framework).await.len(), 2);
    assert_eq!(read(&connection, framework).await.len(), 2);
}

//! A lost reply of PostgreSQL makes nobody hear of something twice, or not at all.

use std::time::Instant;

use shared::run::Status;
use tests::{Mischief, Proxy};

use super::scene::{Scene, at};
use crate::silent::{for_each_answer, in_a_hurry};

/// A sync that failed, to be told through a proxy.
async fn scene() -> (Scene, Proxy) {
    let mut scene = Scene::new().await;
    let (proxy, url) = scene.db.through_proxy().await;
    scene.deps.pool = Ok(shared::platform::db::pool(&in_a_hurry(&url)).unwrap());
    (scene, proxy)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_is_told_once_whichever_reply_is_lost() {
    let (undisturbed, proxy) = scene().await;
    undisturbed.run(Status::Error, Some("the API refused"), at(0)).await;
    let expected = (undisturbed.titles(), undisturbed.db.count("notifications").await);
    assert_eq!(expected.0.len(), 1);
    let expected = &expected;

    for_each_answer(proxy.answers(), |number| async move {
        let (scene, proxy) = scene().await;
        let event = scene.ended(Status::Error, Some("the API refused"), at(0)).await;
        proxy.on_answer(number, Mischief::Swallow);
        let begun = Instant::now();

        let report = scene.tell(&event, at(0)).await;

        assert_eq!((report.told, report.failed), (1, 0));
        let kept = (scene.titles(), scene.db.count("notifications").await);
        assert_eq!(&kept, expected);
        assert_eq!(scene.db.count("incidents").await, 1);
        (proxy.struck(), begun.elapsed())
    })
    .await;
}

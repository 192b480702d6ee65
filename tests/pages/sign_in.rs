//! Signing in, sessions, and who is kept out.

use tests::{TestDb, Visitor};

#[tokio::test]
async fn nothing_is_readable_without_a_session() {
    let db = TestDb::new().await;

    let answer = Visitor::stranger(&db).get("/admin/nothing-here").await;
    let health = Visitor::stranger(&db).get("/healthz").await;

    assert_eq!((health.status.as_u16(), health.body.as_str()), (200, "ok\n"));
    assert_eq!(answer.status.as_u16(), 404);
    assert_eq!(
        Visitor::signed_in(&db, "Europe/Rome")
            .await
            .get("/admin/nothing-here")
            .await
            .status
            .as_u16(),
        404
    );
}

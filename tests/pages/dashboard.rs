//! The three SQL functions that front ends call.

use chrono::{TimeDelta, TimeZone as _, Utc};
use shared::dashboard::{self, Place, Quality, Scope};
use tests::TestDb;

#[tokio::test]
async fn smoke() {
    let db = TestDb::new().await;
    let client = db.client().await;
    client.batch_execute("insert into vapi_calls_raw (id, created_at, raw_json, document_hash, synced_at) select 'c' || n, '2026-01-10'::timestamptz - n * interval '1 hour', '{}', decode(repeat('00', 16), 'hex'), now() from generate_series(1, 30) n").await.unwrap();
    let to = Utc.with_ymd_and_hms(2026, 1, 11, 0, 0, 0).unwrap();
    let scope = Scope {
        assistant_id: None,
        from: to - TimeDelta::days(7),
        to,
    };
    for quality in Quality::ALL {
        let list = dashboard::list(&client, &scope, quality, Place::Newest, 10)
            .await
            .unwrap();
        println!("{quality} {}", list.len());
        let list = dashboard::list(&client, &scope, quality, Place::After(to - TimeDelta::days(2), ""), 10)
            .await
            .unwrap();
        println!("{quality} {:?}", list.iter().map(|l| &l.id).collect::<Vec<_>>());
    }
    println!("{:?}", dashboard::metrics(&client, &scope).await.unwrap());
    println!(
        "{:?}",
        dashboard::timeline(&client, &scope, "day", "Europe/Rome")
            .await
            .unwrap()
    );
    println!(
        "{:?}",
        client.query("select * from get_calls_list()", &[]).await.unwrap().len()
    );
}

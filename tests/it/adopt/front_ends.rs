//! The recipe of docs/front-ends.md, as it is written there, with the roles of a hosting platform.

use tokio_postgres::error::SqlState;

use super::{Earlier, take_over};

/// The first block of SQL in a document.
fn recipe() -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/front-ends.md");
    let text = std::fs::read_to_string(path).unwrap();
    let (_, rest) = text.split_once("```sql\n").unwrap();
    rest.split_once("```").unwrap().0.to_owned()
}

#[tokio::test]
async fn a_signed_in_user_has_the_three_functions_and_nobody_else_anything() {
    let earlier = Earlier::small().await;
    let client = earlier.db.client().await;
    let roles = "do $$ begin create role anon; exception when duplicate_object then null; end $$;
                 do $$ begin create role authenticated; exception when duplicate_object then null; end $$;
                 grant usage on schema public to anon, authenticated;
                 alter default privileges in schema public grant all on tables to anon, authenticated;
                 alter default privileges in schema public grant all on functions to anon, authenticated";
    client.batch_execute(roles).await.unwrap();
    take_over(&earlier.db).await;
    let functions = [
        "select (get_dashboard_metrics(p_date_from => '2000-01-01') ->> 'totalCalls')::bigint",
        "select count(*) from get_calls_list(p_date_from => '2000-01-01', p_limit => 100000)",
        "select sum(total_calls)::bigint from get_timeline_data(p_date_from => '2000-01-01')",
        "select (get_dashboard_metrics(p_date_from => '2000-01-01', p_framework => 'QCI Standard (earlier)')
                 ->> 'totalCalls')::bigint",
    ];

    let before = client
        .batch_execute("set role authenticated; select get_dashboard_metrics()")
        .await
        .unwrap_err();
    client.batch_execute("reset role").await.unwrap();
    client.batch_execute(&recipe()).await.unwrap();

    assert_eq!(before.code(), Some(&SqlState::INSUFFICIENT_PRIVILEGE));
    client.batch_execute("set role authenticated").await.unwrap();
    for function in functions {
        let row = client
            .query_one(function, &[])
            .await
            .unwrap_or_else(|error| panic!("{function}: {error:?}"));
        assert_eq!(row.get::<_, i64>(0), 856, "{function}");
    }
    for closed in [
        "select raw_json from vapi_calls_raw",
        "select transcript from vapi_calls_raw",
        "select coaching_tips from earlier_analyses",
        "select metadata from runs",
        "select * from before_callmark.vapi_calls_raw",
        "delete from vapi_calls_raw",
    ] {
        let refusal = client.batch_execute(closed).await.unwrap_err();
        assert_eq!(refusal.code(), Some(&SqlState::INSUFFICIENT_PRIVILEGE), "{closed}");
    }
    client.batch_execute("reset role; set role anon").await.unwrap();
    for function in functions {
        let refusal = client.query_one(function, &[]).await.unwrap_err();
        assert_eq!(refusal.code(), Some(&SqlState::INSUFFICIENT_PRIVILEGE), "{function}");
    }
}

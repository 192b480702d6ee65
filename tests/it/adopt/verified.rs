//! A verification finds what is not as it was adopted, in whichever table it is.

use super::{Earlier, take_over, verify};

/// A change of ours, and what the verification calls it.
const PLANTED: [(&str, &str); 24] = [
    ("delete from vapi_calls_raw where id = (select id from vapi_calls_raw order by id limit 1)", "calls: found"),
    ("update vapi_calls_raw set status = 'queued' where id = (select min(id) from vapi_calls_raw)", "calls: the same"),
    ("update vapi_calls_raw set transcript = 'x' where id = (select min(id) from vapi_calls_raw)", "calls: the same"),
    ("update vapi_calls_raw set raw_json = raw_json || '{\"x\": 1}' where id = (select max(id) from vapi_calls_raw)",
     "calls: the same"),
    ("update vapi_calls_raw set cost = cost + 1 where id = (select min(id) from vapi_calls_raw where cost > 0)",
     "calls: cost"),
    ("update vapi_calls_raw set duration_seconds = 7777 where id = (select min(id) from vapi_calls_raw)",
     "calls: seconds"),
    ("delete from vapi_assistant_prompt_history where assistant_id = (select min(assistant_id) from vapi_assistants);
      delete from vapi_assistants where assistant_id = (select min(assistant_id) from vapi_assistants)",
     "assistants: found"),
    ("update vapi_assistants set name = 'x' where assistant_id = (select min(assistant_id) from vapi_assistants)",
     "assistants: the same"),
    ("delete from vapi_assistant_prompt_history where version_number = 1", "versions: same"),
    ("update vapi_assistant_prompt_history set prompt = 'x' where version_number = 2", "versions: same"),
    ("update vapi_assistant_prompt_history set version_number = 9 where version_number = 2", "versions: same"),
    ("delete from runs where id = (select id from runs order by id limit 1)", "runs: found"),
    ("update runs set error_message = 'x' where id = (select id from runs order by id limit 1)", "runs: the same"),
    ("update runs set finished_at = finished_at + interval '1 s' where id = (select id from runs order by id limit 1)",
     "runs: the same"),
    ("update runs set records_fetched = 1 where id = (select id from runs order by id limit 1)", "runs: records"),
    ("update runs set api_cost = 3 where id = (select id from runs order by id limit 1)", "runs: cost"),
    ("update logs set message = 'x' where id = (select id from logs order by id limit 1)", "logs: the same"),
    ("update logs set meta = '{}' where id = (select id from logs order by id limit 1)", "logs: the same"),
    ("update logs set timestamp = now() where id = (select id from logs order by id limit 1)", "logs: the same"),
    ("update analysis_frameworks set prompt_template = 'x' where framework_type = 'earlier'", "frameworks: the same"),
    ("delete from earlier_analyses where call_id = (select min(call_id) from earlier_analyses)", "analyses: found"),
    ("update earlier_analyses set total_score = 1 where call_id = (select min(call_id) from earlier_analyses)",
     "analyses: sum of totals"),
    ("update earlier_analyses set coaching_tips = '[]' where call_id = (select min(call_id) from earlier_analyses)",
     "analyses: the same"),
    ("update earlier_analyses set brand_score = 40 where call_id = (select min(call_id) from earlier_analyses)",
     "analyses: sum of parts"),
];

#[tokio::test]
async fn a_difference_in_any_table_is_found_and_not_explained_away() {
    let earlier = Earlier::small().await;
    take_over(&earlier.db).await;
    assert!(verify(&earlier.db).await.is_good);
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;

    for (change, figure) in PLANTED {
        let copy = earlier.db.copy().await;
        copy.client().await.batch_execute(change).await.unwrap();

        let verified = verify(&copy).await;

        let told = verified.figures.iter().find(|it| it.what.starts_with(figure)).unwrap();
        assert!(!verified.is_good && !told.is_explained, "{change}: {verified:#?}");
    }
}

#[tokio::test]
async fn a_difference_in_the_earlier_tables_is_found_too() {
    let earlier = Earlier::small().await;
    take_over(&earlier.db).await;
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;

    for change in [
        "update before_callmark.vapi_calls_raw set raw_json = raw_json || '{\"cost\": 77}'
         where id = (select max(id) from before_callmark.vapi_calls_raw where raw_json is not null)",
        "insert into before_callmark.vapi_calls_raw (id, transcript) values ('late', 'AI: Hello.')",
        "update before_callmark.vapi_assistant_prompt_history set prompt = 'x' where version_number = 1",
        "update before_callmark.runs set records_fetched = records_fetched + 1",
        "delete from before_callmark.logs where id = (select id from before_callmark.logs order by id limit 1)",
        "update before_callmark.qci_analyses set total_score = 1 where id = 1",
    ] {
        let copy = earlier.db.copy().await;
        copy.client().await.batch_execute(change).await.unwrap();

        let verified = verify(&copy).await;

        assert!(!verified.is_good, "{change}: {verified:#?}");
    }
}

//! The pages on assistants.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use tests::{TestDb, Visitor};

/// Days that every test looks at, unless it says otherwise.
const MARCH: &str = "from=2026-03-01&to=2026-03-31";

/// Assistants and calls in a database, and somebody who looks at them.
struct Scene {
    db: TestDb,
    client: tokio_postgres::Client,
    visitor: Visitor,
}

impl Scene {
    async fn new() -> Self {
        let db = TestDb::new().await;
        let client = db.client().await;
        let visitor = Visitor::signed_in(&db, "UTC").await;
        Self { db, client, visitor }
    }

    async fn run(&self, statement: &str, parameters: &[&(dyn tokio_postgres::types::ToSql + Sync)]) {
        self.client.execute(statement, parameters).await.unwrap();
    }

    async fn assistant(&self, id: &str, name: Option<&str>) {
        let statement = "insert into vapi_assistants (assistant_id, name, model, raw_json, document_hash, synced_at)
                         values ($1, $2, 'gpt-4.1', '{}', decode(repeat('00', 16), 'hex'), now())";
        self.run(statement, &[&id, &name]).await;
    }

    async fn version(&self, id: &str, number: i32, changed_at: DateTime<Utc>, prompt: &str, model: &str) {
        let statement = "insert into vapi_assistant_prompt_history
                         (assistant_id, version_number, prompt, model, changed_at, raw_json, version_hash)
                         values ($1, $2, $3, $4, $5, '{}', '\\x00')";
        self.run(statement, &[&id, &number, &prompt, &model, &changed_at]).await;
    }

    async fn call(&self, id: &str, assistant: &str, at: DateTime<Utc>) {
        let statement = "insert into vapi_calls_raw
                         (id, assistant_id, assistant_name, created_at, raw_json, document_hash, synced_at)
                         values ($1, $2, 'Called ' || $2, $3, '{}', decode(repeat('00', 16), 'hex'), now())";
        self.run(statement, &[&id, &assistant, &at]).await;
    }

    async fn scored(&self, id: &str, assistant: &str, at: DateTime<Utc>, total: f64, issues: Value) {
        self.call(id, assistant, at).await;
        self.score(id, total, issues).await;
    }

    async fn score(&self, call: &str, total: f64, issues: Value) {
        let statement = "insert into qci_analyses
                         (call_id, framework_id, status, dynamics_score, points, applicable_max, total_score,
                          call_classification, analysis_model, key_issues, call_hash, analyzed_at)
                         select $1, id, 'scored', $2::float8, $2::float8, 100, $2::float8, 'good', 'model', $3, '\\x00', now()
                         from analysis_frameworks
                         where is_active";
        self.run(statement, &[&call, &total, &issues]).await;
    }

    async fn page(&mut self, address: &str) -> String {
        self.visitor.page(address).await
    }

    async fn status(&mut self, address: &str) -> u16 {
        self.visitor.get(address).await.status.as_u16()
    }
}

fn at(day: &str) -> DateTime<Utc> {
    format!("{day}T12:00:00Z").parse().unwrap()
}

/// The rows of a table's body, each as the texts of its cells.
fn rows(page: &str, label: &str) -> Vec<Vec<String>> {
    let Some((_, table)) = page.split_once(&format!("aria-label=\"{label}\">")) else {
        return Vec::new();
    };
    let body = table.split("<tbody>").nth(1).unwrap().split("</tbody>").next().unwrap();
    let cells = |row: &str| {
        row.split("</td>")
            .flat_map(|cell| cell.split("</th>"))
            .map(text)
            .collect::<Vec<_>>()
    };
    let rows = body.split("</tr>").map(cells).map(|mut cells| {
        cells.pop();
        cells
    });
    rows.filter(|cells| !cells.is_empty()).collect()
}

/// What is read of HTML.
fn text(html: &str) -> String {
    let mut text = String::new();
    let mut is_tag = false;
    for character in html.replace("</dt>", " ").replace("<br>", " ").chars() {
        match character {
            '<' => is_tag = true,
            '>' => is_tag = false,
            other if !is_tag => text.push(other),
            _ => {}
        }
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[tokio::test]
async fn every_assistant_is_listed_whether_vapi_lists_it_or_not() {
    let mut scene = Scene::new().await;
    scene.assistant("a-1", Some("Nora")).await;
    scene.assistant("a-2", Some("Bruno")).await;
    scene.assistant("a-3", None).await;
    scene
        .run(
            "update vapi_assistants set deleted_at = '2026-03-03 23:30Z' where assistant_id = 'a-2'",
            &[],
        )
        .await;
    scene.version("a-1", 1, at("2026-02-01"), "p", "m").await;
    scene.version("a-1", 2, at("2026-03-05"), "q", "m").await;
    scene.call("c-1", "a-1", at("2026-03-02")).await;
    scene.call("c-2", "a-1", at("2026-03-03")).await;
    scene.call("c-3", "a-4", at("2026-03-04")).await;
    scene.call("c-4", "a-4", at("2026-02-04")).await;

    let list = rows(&scene.page(&format!("/admin/assistants?{MARCH}")).await, "Assistants");

    let expected = [
        ["Nora", "gpt-4.1", "2", "5 Mar 2026, 12:00:00", "2", "–", ""],
        ["Called a-4 known from calls only", "–", "0", "–", "1", "–", ""],
        [
            "Bruno gone from Vapi since 3 Mar 2026",
            "gpt-4.1",
            "0",
            "–",
            "0",
            "–",
            "",
        ],
        ["a-3", "gpt-4.1", "0", "–", "0", "–", ""],
    ];
    assert_eq!(list, expected);
}

#[tokio::test]
async fn without_assistants_the_page_says_where_they_come_from() {
    let mut scene = Scene::new().await;

    let page = scene.page("/admin/assistants").await;

    assert!(page.contains("No assistants yet."), "{page}");
}

#[tokio::test]
async fn means_and_intervals_equal_a_naive_calculation() {
    let mut scene = Scene::new().await;
    let mut expected = Vec::new();
    for (assistant, number) in [("a-1", 1_u32), ("a-2", 2), ("a-3", 9), ("a-4", 40)] {
        let mut totals = Vec::new();
        for index in 0..number {
            let total = f64::from((index * 37 + number * 11) % 101);
            let day = at("2026-03-01") + TimeDelta::days(i64::from(index % 31));
            scene
                .scored(&format!("{assistant}-{index}"), assistant, day, total, json!([]))
                .await;
            totals.push(total);
        }
        expected.push((format!("Called {assistant} known from calls only"), naive(&totals)));
    }
    // Beyond the window, on either side; and what another framework said, or what is not a score.
    scene
        .scored(
            "before",
            "a-3",
            "2026-02-28T23:59:59Z".parse().unwrap(),
            100.0,
            json!([]),
        )
        .await;
    scene
        .scored(
            "after",
            "a-3",
            "2026-04-01T00:00:00Z".parse().unwrap(),
            100.0,
            json!([]),
        )
        .await;
    scene.run("insert into analysis_frameworks (name, version, rubric, prompt_template, model_config) select name, 2, rubric, prompt_template, model_config from analysis_frameworks", &[]).await;
    scene.run("insert into qci_analyses (call_id, framework_id, status, dynamics_score, points, applicable_max, total_score, call_classification, analysis_model, call_hash, analyzed_at) select 'a-3-0', id, 'scored', 1, 1, 100, 1, 'poor', 'm', '\\x00', now() from analysis_frameworks where version = 2", &[]).await;
    scene.call("skipped", "a-3", at("2026-03-05")).await;
    scene.run("insert into qci_analyses (call_id, framework_id, status, skip_reason, call_hash, analyzed_at) select 'skipped', id, 'skipped', 'voicemail', '\\x00', now() from analysis_frameworks where is_active", &[]).await;

    let list = rows(&scene.page(&format!("/admin/assistants?{MARCH}")).await, "Assistants");
    let one = scene.page(&format!("/admin/assistants/a-3?{MARCH}")).await;

    expected.reverse();
    let found: Vec<(String, String)> = list.into_iter().map(|row| (row[0].clone(), row[5].clone())).collect();
    assert_eq!(found, expected);
    // The tiles say the same as the list.
    let (mean, rest) = expected[1].1.split_once(" ± ").unwrap();
    let (margin, _) = rest.split_once(' ').unwrap();
    assert!(
        text(&one).contains(&format!(
            "Calls 10 Scored 9 Mean QCI {mean} ± {margin}, with 95 % confidence"
        )),
        "{}",
        text(&one)
    );
}

/// As the textbook has it, with Student's t from its table.
fn naive(totals: &[f64]) -> String {
    let n = f64::from(u32::try_from(totals.len()).unwrap());
    let mean = totals.iter().sum::<f64>() / n;
    let t = match totals.len() {
        1 => return format!("{mean:.1} (n 1)"),
        2 => 12.706,
        9 => 2.306,
        40 => 2.0227,
        other => panic!("no t for {other}"),
    };
    let deviation = (totals.iter().map(|total| (total - mean).powi(2)).sum::<f64>() / (n - 1.0)).sqrt();
    format!("{mean:.1} ± {:.1} (n {n})", t * deviation / n.sqrt())
}

#[tokio::test]
async fn calls_count_for_the_version_that_was_in_force() {
    let mut scene = Scene::new().await;
    scene.assistant("a-1", Some("Nora")).await;
    scene.version("a-1", 1, at("2026-03-05"), "p", "gpt-4.1").await;
    scene.version("a-1", 2, at("2026-03-10"), "p", "gpt-5").await;
    scene.version("a-1", 3, at("2026-03-15"), "q", "gpt-5").await;
    scene
        .scored(
            "before-1",
            "a-1",
            at("2026-03-05") - TimeDelta::microseconds(1),
            10.0,
            json!([]),
        )
        .await;
    scene
        .scored("first-of-1", "a-1", at("2026-03-05"), 20.0, json!([]))
        .await;
    scene
        .call("last-of-1", "a-1", at("2026-03-10") - TimeDelta::microseconds(1))
        .await;
    scene
        .scored("first-of-2", "a-1", at("2026-03-10"), 40.0, json!([]))
        .await;
    scene.scored("in-2", "a-1", at("2026-03-12"), 44.0, json!([])).await;
    scene.scored("in-3", "a-1", at("2026-03-31"), 60.0, json!([])).await;
    scene.scored("after", "a-1", at("2026-04-01"), 90.0, json!([])).await;

    let page = scene.page(&format!("/admin/assistants/a-1?{MARCH}")).await;

    let versions = rows(&page, "Versions");
    let expected = [
        ["3", "1", "60.0 (n 1)", "15 Mar 2026, 12:00:00", "prompt", "gpt-5"],
        ["2", "2", "42.0 ± 25.4 (n 2)", "10 Mar 2026, 12:00:00", "model", "gpt-5"],
        ["1", "2", "20.0 (n 1)", "5 Mar 2026, 12:00:00", "first seen", "gpt-4.1"],
        [
            "earlier",
            "1",
            "10.0 (n 1)",
            "before 5 Mar 2026, 12:00:00",
            "not known: version 1 is the first that was seen",
            "–",
        ],
    ];
    assert_eq!(versions, expected);
    assert!(page.contains("Version 3 has one scored call in this time: too few to compare it."));
}

#[tokio::test]
async fn a_difference_is_claimed_only_where_the_intervals_do_not_overlap() {
    for (newer, claim) in [
        (
            [50.0, 52.0, 54.0],
            "the intervals overlap, so no difference can be claimed",
        ),
        ([80.0, 82.0, 84.0], "Version 2 scores 32.0 points higher than version 1"),
        ([10.0, 12.0, 14.0], "Version 2 scores 38.0 points lower than version 1"),
    ] {
        let mut scene = Scene::new().await;
        scene.assistant("a-1", Some("Nora")).await;
        scene.version("a-1", 1, at("2026-03-01"), "p", "m").await;
        scene.version("a-1", 2, at("2026-03-10"), "q", "m").await;
        for (index, total) in [48.0, 50.0, 52.0].into_iter().enumerate() {
            scene
                .scored(&format!("old-{index}"), "a-1", at("2026-03-02"), total, json!([]))
                .await;
        }
        for (index, total) in newer.into_iter().enumerate() {
            scene
                .scored(&format!("new-{index}"), "a-1", at("2026-03-12"), total, json!([]))
                .await;
        }

        let page = scene.page(&format!("/admin/assistants/a-1?{MARCH}")).await;

        assert!(page.contains(claim), "{claim}: {page}");
    }
}

#[tokio::test]
async fn a_changed_prompt_is_shown_line_by_line() {
    let mut scene = Scene::new().await;
    scene.assistant("a-1", Some("Nora")).await;
    scene
        .version(
            "a-1",
            1,
            at("2026-03-01"),
            "You are Nora.\nBe brief.\nAsk for the name.",
            "m",
        )
        .await;
    scene
        .version(
            "a-1",
            2,
            at("2026-03-10"),
            "You are Nora.\nBe kind.\nAsk for the name.",
            "m",
        )
        .await;

    let page = scene.page(&format!("/admin/assistants/a-1?{MARCH}")).await;

    assert!(
        page.contains("<del>− Be brief.\n</del><ins>+ Be kind.\n</ins><span>  Ask for the name."),
        "{page}"
    );
}

#[tokio::test]
async fn versions_beyond_a_page_are_on_the_next() {
    let mut scene = Scene::new().await;
    scene.assistant("a-1", Some("Nora")).await;
    for number in 1..=23 {
        scene
            .version(
                "a-1",
                number,
                at("2026-01-01") + TimeDelta::days(i64::from(number)),
                &format!("p{number}"),
                "m",
            )
            .await;
    }

    let first = scene.page(&format!("/admin/assistants/a-1?{MARCH}")).await;
    let second = scene.page(&format!("/admin/assistants/a-1?{MARCH}&below=4")).await;

    let numbers = |page: &str| {
        rows(page, "Versions")
            .into_iter()
            .map(|row| row[0].clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        numbers(&first),
        (4..=23).rev().map(|number| number.to_string()).collect::<Vec<_>>()
    );
    assert!(
        first.contains("to=2026-03-31&#38;below=4\">Older versions</a>"),
        "{first}"
    );
    assert!(
        first.contains("<del>− p3\n</del><ins>+ p4\n</ins>"),
        "the last one, too, is beside the one before it"
    );
    assert_eq!(numbers(&second), ["3", "2", "1"]);
    assert!(second.contains(">Newest versions</a>") && !second.contains("Older versions"));
}

#[tokio::test]
async fn issues_that_recur_are_counted_by_call_with_the_newest_as_an_example() {
    let mut scene = Scene::new().await;
    let issue = |key: &str, text: &str| json!({"issue_key": key, "issue": text});
    let long = issue("talks_too_long", "Talks for a minute.");
    scene
        .scored(
            "c-1",
            "a-1",
            at("2026-03-01"),
            50.0,
            json!([issue("talks_too_long", "Old words.")]),
        )
        .await;
    scene
        .scored(
            "c-2",
            "a-1",
            at("2026-03-02"),
            50.0,
            json!([long, long, issue("no_next_step", "Ends abruptly.")]),
        )
        .await;
    scene.scored("c-3", "a-1", at("2026-03-03"), 50.0, json!([])).await;
    // Written by somebody else, in another shape.
    scene
        .scored("c-4", "a-1", at("2026-03-04"), 50.0, json!({"issue_key": "object"}))
        .await;
    scene
        .scored(
            "c-5",
            "a-1",
            at("2026-03-05"),
            50.0,
            json!(["text", null, {"issue": "No key."}]),
        )
        .await;
    scene
        .scored(
            "c-6",
            "a-2",
            at("2026-03-06"),
            50.0,
            json!([issue("talks_too_long", "Another's.")]),
        )
        .await;
    scene
        .scored(
            "c-7",
            "a-1",
            at("2026-04-06"),
            50.0,
            json!([issue("talks_too_long", "Too new.")]),
        )
        .await;

    let page = scene.page(&format!("/admin/assistants/a-1?{MARCH}")).await;

    let expected = [
        [
            "Talks for a minute. talks_too_long",
            "2",
            "40 %",
            "newest call with the issue talks_too_long",
        ],
        [
            "Ends abruptly. no_next_step",
            "1",
            "20 %",
            "newest call with the issue no_next_step",
        ],
    ];
    assert_eq!(rows(&page, "Recurring issues"), expected);
    assert_eq!(page.matches("href=\"/admin/calls/c-2\"").count(), 2, "{page}");
    assert!(page.contains("In the newest 5 scored calls of this time"));
}

#[tokio::test]
async fn issues_are_looked_for_in_the_newest_500_scored_calls() {
    let mut scene = Scene::new().await;
    let statement = "insert into vapi_calls_raw (id, assistant_id, created_at, raw_json, document_hash, synced_at)
                     select 'c-' || n, 'a-1', '2026-03-01'::timestamptz + n * interval '1 minute', '{}', '\\x00000000000000000000000000000000', now()
                     from generate_series(1, 510) as n";
    scene.run(statement, &[]).await;
    let statement =
        "insert into qci_analyses (call_id, framework_id, status, dynamics_score, points, applicable_max, total_score,
                                               call_classification, analysis_model, key_issues, call_hash, analyzed_at)
                     select call.id, framework.id, 'scored', 50, 50, 100, 50, 'good', 'm',
                            '[{\"issue_key\": \"k\", \"issue\": \"K.\"}]', '\\x00', now()
                     from vapi_calls_raw as call
                     cross join analysis_frameworks as framework";
    scene.run(statement, &[]).await;

    let page = scene.page(&format!("/admin/assistants/a-1?{MARCH}")).await;

    assert_eq!(
        rows(&page, "Recurring issues"),
        [["K. k", "500", "100 %", "newest call with the issue k"]]
    );
    assert!(page.contains("href=\"/admin/calls/c-510\"") && text(&page).contains("Scored 510"));
}

#[tokio::test]
async fn hostile_texts_are_text() {
    let mut scene = Scene::new().await;
    let hostile = "</pre><script>alert('\"&')</script>";
    scene.assistant("a-1", Some(hostile)).await;
    scene
        .version("a-1", 1, at("2026-03-01"), &format!("{hostile}\n1{hostile}"), hostile)
        .await;
    scene
        .version("a-1", 2, at("2026-03-02"), &format!("{hostile}\n2{hostile}"), hostile)
        .await;
    scene
        .scored(
            hostile,
            "a-1",
            at("2026-03-03"),
            50.0,
            json!([{"issue_key": hostile, "issue": hostile}]),
        )
        .await;

    for address in ["/admin/assistants", "/admin/assistants/a-1"] {
        let page = scene.page(&format!("{address}?{MARCH}")).await;

        assert!(page.contains("alert(") && !page.contains("<script>"), "{page}");
        assert!(!page.contains("style="), "{page}");
    }
}

#[tokio::test]
async fn any_id_can_be_followed() {
    let mut scene = Scene::new().await;
    for id in ["a/b", "a b?c#d&e=f", "ä%2F", "../calls", "\"'<>"] {
        scene.call(id, id, at("2026-03-03")).await;
    }

    let list = scene.page(&format!("/admin/assistants?{MARCH}")).await;

    let links: Vec<String> = list
        .split("href=\"/admin/assistants/")
        .skip(1)
        .map(|rest| rest.split('"').next().unwrap().replace("&#38;", "&"))
        .collect();
    assert_eq!(links.len(), 5);
    for link in links {
        let page = scene.page(&format!("/admin/assistants/{link}")).await;

        assert!(text(&page).contains("Calls 1 Scored 0"), "{link}: {page}");
        assert!(page.contains("known from its calls only"));
    }
}

#[tokio::test]
async fn an_assistant_that_is_gone_says_so_and_keeps_its_numbers() {
    let mut scene = Scene::new().await;
    scene.assistant("a-1", Some("Nora")).await;
    scene
        .run("update vapi_assistants set deleted_at = '2026-03-20 12:00Z'", &[])
        .await;
    scene.scored("c-1", "a-1", at("2026-03-02"), 71.5, json!([])).await;

    let page = scene.page(&format!("/admin/assistants/a-1?{MARCH}")).await;

    assert!(
        text(&page).contains("Gone from Vapi since 20 Mar 2026, 12:00:00."),
        "{page}"
    );
    assert!(
        text(&page).contains("Mean QCI 71.5 one call says nothing of the mean"),
        "{page}"
    );
}

#[tokio::test]
async fn unknown_assistants_and_odd_parameters_are_answered_with_a_page_that_says_so() {
    let mut scene = Scene::new().await;
    scene.assistant("a-1", Some("Nora")).await;

    for (address, status) in [
        ("/admin/assistants/a-2", 404),
        ("/admin/assistants/a%00", 404),
        ("/admin/assistants/%FF", 404),
        ("/admin/assistants?from=yesterday", 400),
        ("/admin/assistants?from=2026-03-02&to=2026-03-01", 400),
        ("/admin/assistants/a-1?below=x", 400),
        ("/admin/assistants/a-1?below=-1", 400),
        ("/admin/assistants/a-1?below=99999999999", 400),
        ("/admin/assistants/a-1?from=1970-01-01&to=9998-12-31", 200),
        ("/admin/assistants?from=1970-01-01&to=9998-12-31", 200),
        ("/admin/assistants/a-1?below=1", 200),
    ] {
        assert_eq!(scene.status(address).await, status, "{address}");
    }
    drop(scene.db);
}

#[tokio::test]
async fn days_are_those_of_the_viewer() {
    let mut scene = Scene::new().await;
    scene.visitor = Visitor::signed_in(&scene.db, "Pacific/Auckland").await;
    scene
        .scored("c-1", "a-1", "2026-02-28T11:00:00Z".parse().unwrap(), 50.0, json!([]))
        .await;
    scene
        .scored("c-2", "a-1", "2026-02-28T10:59:59Z".parse().unwrap(), 50.0, json!([]))
        .await;

    scene
        .scored("c-3", "a-1", "2026-02-28T12:00:00Z".parse().unwrap(), 80.0, json!([]))
        .await;
    scene
        .scored("c-4", "a-1", "2026-02-28T12:00:00Z".parse().unwrap(), 20.0, json!([]))
        .await;

    let page = scene.page("/admin/assistants/a-1?from=2026-03-01&to=2026-03-02").await;

    assert!(text(&page).contains("Calls 3 Scored 3"), "{page}");
    assert!(
        page.contains("<title>1 Mar: 1 excellent, 1 needs improvement, 1 poor</title>"),
        "{page}"
    );
    assert!(page.contains("<title>1 Mar: 50.0</title>"), "{page}");
}

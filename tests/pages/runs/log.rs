//! The log lines on a run's page: filters, pages, files.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use tests::{TestDb, Visitor, now};

use super::scene::{LIST, id, line, lines_of, link, run, say, store};

/// Whether a row is meant.
type Test = Box<dyn Fn(&Value) -> bool>;

const LEVELS: [&str; 4] = ["DEBUG", "INFO", "WARNING", "ERROR"];

/// A run and its address.
async fn with_lines(db: &TestDb, lines: &[Value]) -> String {
    let runs = [run(json!({})), run(json!({}))];
    store(db, &runs).await;
    say(db, id(&runs[0]), lines).await;
    say(db, id(&runs[1]), &[line(now(), "ERROR", "FETCH", "of another run")]).await;
    format!("{LIST}/{}", id(&runs[0]))
}

#[tokio::test]
async fn each_filter_finds_its_lines_on_the_page_and_in_both_files() {
    let db = TestDb::new().await;
    let at = |index: usize| now() - TimeDelta::minutes(9) + TimeDelta::seconds(i64::try_from(index).unwrap());
    let lines: Vec<Value> = (0..40)
        .map(|index| {
            let step = ["FETCH", "SAVE", "END"][index % 3];
            let mut line = line(
                at(index),
                LEVELS[index % 4],
                step,
                &format!("line {index} took 5% of_it"),
            );
            line["meta"] = json!({"Window": format!("w{}", index % 5)});
            line
        })
        .collect();
    let address = with_lines(&db, &lines).await;
    let mut visitor = Visitor::signed_in(&db, "UTC").await;
    let from = |least: usize| move |line: &Value| LEVELS[least..].contains(&line["level"].as_str().unwrap());
    let tests: Vec<(&str, Test)> = vec![
        ("", Box::new(|_| true)),
        ("level=debug", Box::new(from(0))),
        ("level=info", Box::new(from(1))),
        ("level=warning", Box::new(from(2))),
        ("level=error", Box::new(from(3))),
        ("step=SAVE", Box::new(|line| line["step"] == "SAVE")),
        (
            "text=LINE+1",
            Box::new(|line| line["message"].as_str().unwrap().starts_with("line 1")),
        ),
        ("text=w3", Box::new(|line| line["meta"]["Window"] == "w3")),
        ("text=window", Box::new(|_| true)),
        ("text=5%25+of_it", Box::new(|_| true)),
        ("text=5_+of", Box::new(|_| false)),
        (
            "level=warning&step=END&text=w1",
            Box::new(move |line| from(2)(line) && line["step"] == "END" && line["meta"]["Window"] == "w1"),
        ),
    ];

    for (query, test) in tests {
        let expected: Vec<&str> = lines.iter().filter(|line| test(line)).map(id).collect();

        let page = visitor.page(&format!("{address}?{query}")).await;
        let csv = visitor.page(&format!("{address}/logs.csv?{query}")).await;
        let ndjson = visitor.page(&format!("{address}/logs.ndjson?{query}")).await;

        assert_eq!(lines_of(&page), expected, "{query}");
        let records = csv::Reader::from_reader(csv.as_bytes()).into_records();
        let records: Vec<String> = records.map(|record| record.unwrap()[0].to_owned()).collect();
        assert_eq!(records, expected, "{query}");
        let objects: Vec<Value> = ndjson.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(objects.iter().map(id).collect::<Vec<_>>(), expected, "{query}");
        assert_eq!(page.contains("No lines match."), expected.is_empty(), "{query}");
    }
}

#[tokio::test]
async fn pages_of_lines_lead_to_the_end_and_back() {
    let db = TestDb::new().await;
    let instants: [DateTime<Utc>; 2] = [3, 2].map(|minutes| now() - TimeDelta::minutes(minutes));
    let lines: Vec<Value> = (0..530)
        .map(|index| line(instants[index / 300], "INFO", "SAVE", "x"))
        .collect();
    let address = with_lines(&db, &lines).await;
    let expected: Vec<&str> = lines.iter().map(id).collect();
    let mut visitor = Visitor::signed_in(&db, "UTC").await;

    let mut pages = vec![visitor.page(&format!("{address}?step=SAVE")).await];
    while let Some(next) = link(pages.last().unwrap(), "next") {
        pages.push(visitor.page(&next).await);
    }
    let sizes: Vec<usize> = pages.iter().map(|page| lines_of(page).len()).collect();
    let there: Vec<String> = pages.iter().flat_map(|page| lines_of(page)).collect();
    let mut back = vec![pages.pop().unwrap()];
    while let Some(previous) = link(back.last().unwrap(), "prev") {
        back.push(visitor.page(&previous).await);
    }
    let back: Vec<String> = back.iter().rev().flat_map(|page| lines_of(page)).collect();

    assert_eq!(sizes, [200, 200, 130]);
    assert_eq!(there, expected);
    assert_eq!(back, expected);
}

#[tokio::test]
async fn the_latest_lines_are_one_click_away() {
    let db = TestDb::new().await;
    let at = |index: i64| now() - TimeDelta::seconds(1000 - index);
    let lines: Vec<Value> = (0..450).map(|index| line(at(index), "INFO", "SAVE", "x")).collect();
    let address = with_lines(&db, &lines).await;
    let mut visitor = Visitor::signed_in(&db, "UTC").await;
    let page = visitor.page(&address).await;
    let (before, _) = page.split_once("#lines\">Latest</a>").unwrap();
    let (_, latest) = before.rsplit_once("href=\"").unwrap();

    let last = visitor.page(latest).await;

    let expected: Vec<&str> = lines[250..].iter().map(id).collect();
    assert_eq!(lines_of(&last), expected);
}

#[tokio::test]
async fn hostile_lines_are_escaped_and_clipped_and_whole_in_the_file() {
    let db = TestDb::new().await;
    let hostile = format!("<script>\u{202e}\u{1f4a5}{}", "é".repeat(600_000));
    let mut spoken = line(now(), "INFO", "<img src=x>", &hostile);
    spoken["meta"] = json!({"<b>": "x".repeat(1_000_000)});
    let formula = line(now(), "INFO", "SAVE", "=HYPERLINK(\"http://example.test\")");
    let address = with_lines(&db, &[spoken, formula]).await;
    let mut visitor = Visitor::signed_in(&db, "UTC").await;

    let page = visitor.page(&address).await;
    let csv = visitor.page(&format!("{address}/logs.csv")).await;

    assert!(!page.contains("<script>\u{202e}") && !page.contains("<img src=x") && !page.contains("<b>"));
    assert!(page.len() < 40_000, "{} bytes", page.len());
    let records: Vec<_> = csv::Reader::from_reader(csv.as_bytes())
        .into_records()
        .map(Result::unwrap)
        .collect();
    assert_eq!(records[0][5], hostile);
    assert_eq!(&records[1][5], "'=HYPERLINK(\"http://example.test\")");
}

#[tokio::test]
async fn parameters_of_the_log_that_cannot_be_used_are_named() {
    let db = TestDb::new().await;
    let address = with_lines(&db, &[]).await;
    let mut visitor = Visitor::signed_in(&db, "UTC").await;

    for (query, name) in [
        ("level=loud", "level"),
        ("after=7", "after"),
        ("before=1.'--", "before"),
    ] {
        let answer = visitor.get(&format!("{address}?{query}")).await;
        assert_eq!(answer.status.as_u16(), 400, "{query}");
        assert!(answer.body.contains(&format!("“{name}”")), "{}", answer.body);
    }
    let page = visitor
        .page(&format!("{address}?step=%27+or+1=1+--&text=%27+or+1=1+--"))
        .await;
    assert!(page.contains("No lines match."));
}

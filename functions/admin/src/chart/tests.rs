//! What charts look like, read as text.

use super::*;

fn series(name: &str, tone: &'static str, values: &[f64]) -> Series {
    Series {
        name: name.to_owned(),
        tone,
        values: values.iter().copied().map(Some).collect(),
    }
}

fn days(number: usize) -> Vec<String> {
    (1..=number).map(|day| format!("{day} Nov")).collect()
}

fn all_kinds(labels: &[String], unit: Unit, values: &[Option<f64>]) -> String {
    let series = || {
        vec![
            Series {
                name: "success".to_owned(),
                tone: "tone-success",
                values: values.to_vec(),
            },
            Series {
                name: "error".to_owned(),
                tone: "tone-error",
                values: values.to_vec(),
            },
        ]
    };
    let rows = labels
        .iter()
        .cloned()
        .zip(values.iter().map(|value| value.unwrap_or(0.0)));
    [
        stacked("Runs", unit, labels, series()).to_string(),
        lines("Runs", unit, labels, series()).to_string(),
        ranked("Runs", unit, rows.collect()).to_string(),
        sparkline("Runs", unit, values).to_string(),
    ]
    .concat()
}

/// The texts between these tags, in order.
fn between<'a>(html: &'a str, start: &str, end: &str) -> Vec<&'a str> {
    let parts = html.split(start).skip(1);
    parts.filter_map(|part| part.split(end).next()).collect()
}

fn ticks(highest: f64, unit: Unit) -> String {
    let ticks = scale::Scale::reaching(highest, unit).ticks();
    ticks.into_iter().map(|(_, text)| text).collect::<Vec<_>>().join(" ")
}

#[test]
fn ticks_are_few_and_round() {
    let tables = [
        (3.0, Unit::Count, "0 1 2 3"),
        (926.0, Unit::Count, "0 200 400 600 800 1,000"),
        (48_000.0, Unit::Count, "0 10k 20k 30k 40k 50k"),
        (0.0, Unit::Count, "0 1"),
        (0.3, Unit::Count, "0 1"),
        (72.4, Unit::Points, "0 20 40 60 80 100"),
        (0.42, Unit::Seconds, "0 100 ms 200 ms 300 ms 400 ms 500 ms"),
        (2.0, Unit::Seconds, "0 0.5 s 1.0 s 1.5 s 2.0 s"),
        (52.0, Unit::Seconds, "0 15 s 30 s 45 s 60 s"),
        (348.0, Unit::Seconds, "0 2 min 4 min 6 min"),
        (10_000.0, Unit::Seconds, "0 1 h 2 h 3 h"),
        (600_000.0, Unit::Seconds, "0 2 d 4 d 6 d 8 d"),
    ];

    for (highest, unit, expected) in tables {
        assert_eq!(ticks(highest, unit), expected, "{highest} {unit:?}");
    }
}

#[test]
fn no_value_reaches_beyond_the_highest_tick() {
    for unit in [Unit::Count, Unit::Seconds, Unit::Points] {
        for power in -12..30 {
            for mantissa in [1.0, 1.001, 2.0, 2.5, 3.3, 4.999, 7.0, 9.999] {
                let highest = mantissa * 10_f64.powi(power);

                let scale = scale::Scale::reaching(highest, unit);

                let is_inside = scale.share(highest) < 1.0 || (scale.share(highest * 0.999) < 1.0);
                assert!(is_inside, "{highest} {unit:?} {scale:?}");
                assert!((2..=6).contains(&scale.ticks().len()), "{highest} {unit:?} {scale:?}");
            }
        }
    }
}

#[test]
fn numbers_that_are_none_or_too_large_do_not_reach_the_picture() {
    let odd = [
        f64::NAN,
        f64::INFINITY,
        f64::NEG_INFINITY,
        -5.0,
        f64::MAX,
        f64::MIN,
        f64::MIN_POSITIVE,
        -0.0,
    ];
    for unit in [Unit::Count, Unit::Seconds, Unit::Points] {
        for number in odd {
            for values in [vec![Some(number)], vec![Some(1.0), Some(number), None, Some(number)]] {
                let html = all_kinds(&days(values.len()), unit, &values);

                assert!(
                    !html.contains("NaN") && !html.contains("inf"),
                    "{number} {unit:?}: {html}"
                );
                assert!(!html.contains("=\"-") || html.matches("=\"-").count() == html.matches("x=\"-8\"").count());
                assert!(html.len() < 20_000, "{number} {unit:?}: {html}");
            }
        }
    }
}

#[test]
fn any_number_of_labels_is_drawn_with_labels_that_do_not_overlap() {
    for number in 0..=400 {
        let labels = days(number);

        let shown = axis::thinned(&labels);

        let rare: Vec<f64> = shown
            .iter()
            .filter(|label| !label.is_dense)
            .map(|label| label.x.0)
            .collect();
        let room = 236.0 / 100.0;
        assert!(
            rare.windows(2).all(|pair| (pair[1] - pair[0]) * room >= 46.0),
            "{number}: {rare:?}"
        );
        assert_eq!(shown.last().map(|label| &label.text), labels.last());
        let html = all_kinds(&labels, Unit::Count, &vec![Some(3.0); number]);
        assert_eq!(html.matches("class=\"place\"").count(), 2 * number);
    }
}

#[test]
fn every_text_is_escaped() {
    let hostile = "</title><script>alert('\"&')</script>";
    let made = |make: fn(&str, Unit, &[String], Vec<Series>) -> Chart| {
        let values = series(hostile, "tone-1", &[1.0]);
        make(
            hostile,
            Unit::Count,
            &[hostile.to_owned()],
            vec![values.clone(), values],
        )
        .to_string()
    };

    let html = [
        made(stacked),
        made(lines),
        ranked(hostile, Unit::Count, vec![(hostile.to_owned(), 1.0)]).to_string(),
        sparkline(hostile, Unit::Count, &[Some(1.0)]).to_string(),
    ];

    for html in html {
        assert!(!html.contains("<script") && !html.contains("('\""), "{html}");
    }
}

#[test]
fn the_table_has_every_number_as_given() {
    let mut some = series("success", "tone-success", &[1200.0, 0.0, 7.0]);
    some.values[1] = None;
    let other = series("error", "tone-error", &[0.0, 2.0]);

    let html = stacked("Runs", Unit::Count, &days(3), vec![some, other]).to_string();

    assert_eq!(
        between(&html, "scope=\"col\" class=\"num\">", "<"),
        ["success", "error"]
    );
    assert_eq!(between(&html, "scope=\"row\">", "<"), ["1 Nov", "2 Nov", "3 Nov"]);
    assert_eq!(
        between(&html, "<td class=\"num\">", "<"),
        ["1,200", "0", "–", "2", "7", "–"]
    );
}

#[test]
fn a_chart_says_in_words_what_is_seen() {
    let values = vec![
        series("success", "tone-success", &[3.0, 9.0, 4.0]),
        series("error", "tone-error", &[0.0, 1.0, 0.0]),
    ];

    let html = stacked("Runs by status", Unit::Count, &days(3), values).to_string();

    assert_eq!(
        between(&html, "<desc>", "<"),
        ["3 values, 1 Nov to 3 Nov. success: 3 to 9, highest at 2 Nov, last 4. \
             error: 0 to 1, highest at 2 Nov, last 0."]
    );
    assert_eq!(
        between(&html, "<title>", "<"),
        [
            "Runs by status",
            "1 Nov: 3 success",
            "2 Nov: 9 success, 1 error",
            "3 Nov: 4 success"
        ]
    );
}

#[test]
fn bars_stand_on_each_other() {
    let values = vec![
        series("success", "tone-success", &[3.0]),
        series("error", "tone-error", &[1.0]),
    ];

    let html = stacked("Runs", Unit::Count, &days(1), values).to_string();

    let bars = between(&html, "<rect class=\"bar tone-", "/>");
    assert_eq!(
        bars[bars.len() - 2..],
        [
            "success\" x=\"46%\" y=\"44\" width=\"8%\" height=\"108\"",
            "error\" x=\"46%\" y=\"8\" width=\"8%\" height=\"35\""
        ]
    );
}

#[test]
fn a_line_breaks_where_there_is_no_value() {
    let mut line = series("p50", "tone-1", &[0.0, 5.0, 0.0, 10.0]);
    line.values[2] = None;

    let html = lines("Duration", Unit::Count, &days(4), vec![line]).to_string();

    assert_eq!(between(&html, " d=\"", "\""), ["M12.5 152L37.5 80M87.5 8"]);
    assert!(html.contains("<title>3 Nov: no value</title>"));
    assert!(!html.contains("legend"), "one series has a title and needs no legend");
}

#[test]
fn a_chart_of_nothing_says_so() {
    let zeros = || vec![series("success", "tone-success", &[0.0, 0.0])];
    let absent = || {
        vec![Series {
            values: vec![None, None],
            ..series("p50", "tone-1", &[])
        }]
    };

    for html in [
        stacked("Runs", Unit::Count, &days(2), zeros()),
        stacked("Runs", Unit::Count, &[], Vec::new()),
        stacked("Runs", Unit::Count, &days(2), Vec::new()),
        lines("Duration", Unit::Seconds, &days(2), absent()),
        lines("Duration", Unit::Seconds, &[], absent()),
        ranked("Errors", Unit::Count, Vec::new()),
    ] {
        assert_eq!(html.to_string().matches("Nothing in this time").count(), 1, "{html}");
    }
    // That something cost nothing is worth a line.
    assert!(
        !lines("Cost", Unit::Seconds, &days(2), zeros())
            .to_string()
            .contains("Nothing")
    );
}

#[test]
fn ranked_bars_are_shares_of_the_longest() {
    let rows = vec![("timeout".to_owned(), 8.0), ("rate limit".to_owned(), 2.0)];

    let html = ranked("Errors by kind", Unit::Count, rows).to_string();

    assert_eq!(
        between(&html, "<rect class=\"bar tone-1\" width=\"", "\""),
        ["100%", "25%"]
    );
    assert_eq!(between(&html, "<td class=\"num\">", "<"), ["8", "2"]);
}

#[test]
fn a_sparkline_says_its_range_and_last_value() {
    let html = sparkline("QCI of Nora", Unit::Points, &[Some(60.0), None, Some(72.42)]).to_string();

    assert_eq!(
        between(&html, "<title>", "<"),
        ["QCI of Nora: 60.0 to 72.4, last 72.4."]
    );
    assert_eq!(between(&html, " d=\"", "\""), ["M3 15.97M93 6.03"]);
}

#[test]
fn no_chart_carries_a_style_or_a_script() {
    let html = all_kinds(&days(40), Unit::Count, &[Some(1.0); 40]);

    assert!(!html.contains("style") && !html.contains("<script") && !html.contains("onload"));
}

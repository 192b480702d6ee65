//! Each oddity is served, and is odd in the way it says.

use serde_json::Value;
use simulator::vapi::Oddity;

use crate::client::{get, serve};

#[tokio::test]
async fn every_oddity_is_on_the_page_whatever_it_is() {
    let server = serve(0).await;
    for oddity in Oddity::ALL {
        let id = server.world().plant(oddity);
        assert_eq!(id.is_none(), oddity.has_unusable_id(), "{oddity:?}");
    }

    let page = get(&server, "/call").await;

    assert_eq!(server.requests()[0].rows, Oddity::ALL.len());
    assert_eq!(page.status, 200);
    assert_eq!(server.world().len(), Oddity::ALL.len());
    assert_eq!(server.world().call_ids().len(), Oddity::ALL.len() - 4);
}

/// The text of a page that holds this oddity alone.
async fn text_of(oddity: Oddity) -> String {
    let server = serve(0).await;
    server.world().plant(oddity);
    let page = get(&server, "/call").await;
    String::from_utf8(page.body).unwrap()
}

async fn value_of(oddity: Oddity) -> Value {
    let page: Value = serde_json::from_str(&text_of(oddity).await).unwrap();
    page[0].clone()
}

#[tokio::test]
async fn what_no_value_can_hold_is_served_as_text() {
    assert!(text_of(Oddity::LoneSurrogates).await.contains(r"before\ud83dafter"));
    assert!(text_of(Oddity::OverflowingCost).await.contains("\"cost\":1e400"));
    assert!(text_of(Oddity::DeepNesting).await.contains(&"[".repeat(1000)));
    assert!(text_of(Oddity::NullBytes).await.contains(r"before\u0000after"));
    assert!(text_of(Oddity::HugeMessage).await.len() > 10_000_000);
}

#[tokio::test]
async fn ids_can_be_unusable_in_four_ways() {
    assert!(value_of(Oddity::MissingId).await.get("id").is_none());
    assert_eq!(value_of(Oddity::EmptyId).await["id"], "");
    assert!(value_of(Oddity::NumericId).await["id"].is_number());
    assert!(value_of(Oddity::NullId).await["id"].is_null());
}

#[tokio::test]
async fn a_hostile_id_can_be_asked_for_when_it_is_escaped() {
    let server = serve(0).await;
    let id = server.world().plant(Oddity::HostileId).unwrap();
    let escaped: String = id
        .bytes()
        .map(|byte| format!("%{byte:02X}"))
        .collect::<Vec<_>>()
        .concat();

    let single = get(&server, &format!("/call/{escaped}")).await;
    let listed = get(&server, &format!("/call?id={escaped}")).await;

    assert_eq!(single.json()["id"], id);
    assert_eq!(listed.ids(), [id]);
}

#[tokio::test]
async fn optional_fields_can_be_wrong_missing_or_null() {
    let wrong = value_of(Oddity::WrongTypes).await;
    let required = value_of(Oddity::OnlyRequired).await;
    let nulls = value_of(Oddity::ExplicitNulls).await;

    assert!(wrong["cost"].is_string() && wrong["endedReason"].is_number() && wrong["startedAt"].is_object());
    assert_eq!(required.as_object().unwrap().len(), 4);
    assert!(nulls["artifact"].is_null() && nulls["messages"].is_null() && nulls["id"].is_string());
}

#[tokio::test]
async fn values_can_be_unheard_of() {
    let values = value_of(Oddity::UnknownValues).await;
    let fields = value_of(Oddity::UnknownFields).await;

    assert_eq!(values["status"], "levitating");
    assert!(fields["artifact"]["performanceMetrics"]["inventedField"].is_object());
}

#[tokio::test]
async fn dates_and_durations_can_be_absurd() {
    let absurd = value_of(Oddity::AbsurdDates).await;
    let unreadable = value_of(Oddity::UnreadableDates).await;
    let negative = value_of(Oddity::NegativeDurations).await;

    assert_eq!(absurd["startedAt"], "0000-01-01T00:00:00.000Z");
    assert!(unreadable["createdAt"].is_object());
    assert!(negative["startedAt"].as_str() > negative["endedAt"].as_str());
}

#[tokio::test]
async fn content_can_be_at_the_top_or_nowhere() {
    let old = value_of(Oddity::OldShape).await;
    let none = value_of(Oddity::NoContent).await;

    assert!(old["transcript"].is_string() && old.get("artifact").is_none());
    assert!(none["cost"].is_number() && none.get("messages").is_none());
}

#[tokio::test]
async fn secrets_stand_wherever_one_can_stand() {
    let text = text_of(Oddity::Secrets).await;

    for place in [
        "server",
        "header",
        "credential",
        "override",
        "twilio",
        "token",
        "password",
    ] {
        assert!(text.contains(&format!("SECRET-oddity-{place}")), "{place}");
    }
}

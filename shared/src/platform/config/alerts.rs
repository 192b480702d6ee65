//! Who is told of what went wrong, and how.

use chrono::TimeDelta;
use secrecy::SecretString;
use url::Url;

use super::Reader;

/// How messages reach people.
#[derive(Clone, Debug)]
pub struct Alerts {
    /// `SLACK_WEBHOOK_URL`: an incoming webhook; whoever knows it can write to the channel.
    pub slack: Option<SecretString>,
    /// `ALERT_EMAIL_FROM`, `ALERT_EMAIL_TO`.
    pub email: Option<Email>,
    /// `PAGES_URL`: where the pages are, for links.
    pub pages: Option<Url>,
    /// `CALLMARK_STACK`: what tells this installation from others in the same channel.
    pub stack: Option<String>,
    /// `VAPI_RETENTION_DAYS`: how long Vapi keeps calls.
    pub retention: TimeDelta,
}

/// From whom to whom e-mail goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Email {
    /// An address, or a name with an address in `<>`.
    pub from: String,
    /// Addresses.
    pub to: Vec<String>,
}

/// Amazon SES takes no more recipients of one message.
const RECIPIENTS: usize = 50;
const FROM: &str = "an address such as alerts@example.com";
const TO: &str = "at most 50 addresses with commas between";

impl Reader {
    /// `SLACK_WEBHOOK_URL`, `ALERT_EMAIL_FROM`, `ALERT_EMAIL_TO`, `PAGES_URL`, `CALLMARK_STACK`,
    /// `VAPI_RETENTION_DAYS`.
    ///
    /// A channel whose settings are wrong is left out, so that whoever goes on in spite of that has the other.
    pub fn alerts(&mut self) -> Alerts {
        Alerts {
            slack: self.slack(),
            email: self.email(),
            pages: self
                .text("PAGES_URL")
                .is_some()
                .then(|| self.checked_http_url("PAGES_URL", ""))
                .flatten(),
            stack: self.text("CALLMARK_STACK"),
            retention: TimeDelta::days(self.within("VAPI_RETENTION_DAYS", 14, 1, 3650, "days, from 1 to 3650")),
        }
    }

    fn slack(&mut self) -> Option<SecretString> {
        self.text("SLACK_WEBHOOK_URL")?;
        self.proxies();
        self.checked_http_url("SLACK_WEBHOOK_URL", "")
            .map(|url| String::from(url).into())
    }

    fn email(&mut self) -> Option<Email> {
        let (from, to) = (self.text("ALERT_EMAIL_FROM"), self.text("ALERT_EMAIL_TO"));
        let (from, to) = match (from, to) {
            (None, None) => return None,
            (Some(_), None) => {
                self.problem("ALERT_EMAIL_TO", "is missing", TO);
                return None;
            }
            (None, Some(_)) => {
                self.problem("ALERT_EMAIL_FROM", "is missing", FROM);
                return None;
            }
            (Some(from), Some(to)) => (from, to),
        };
        let to: Vec<String> = to.split(',').map(|address| address.trim().to_owned()).collect();
        let is_from = is_address(bare(&from));
        let is_to = to.len() <= RECIPIENTS && to.iter().all(|address| is_address(address));
        if !is_from {
            self.problem("ALERT_EMAIL_FROM", "is malformed", FROM);
        }
        if !is_to {
            self.problem("ALERT_EMAIL_TO", "is malformed", TO);
        }
        (is_from && is_to).then_some(Email { from, to })
    }
}

/// The address of `Name <address>`.
fn bare(from: &str) -> &str {
    from.strip_suffix('>')
        .and_then(|rest| rest.split_once('<'))
        .map_or(from, |(_, address)| address)
}

/// Whether this may be an address: what it is in truth, only the mail server knows.
fn is_address(text: &str) -> bool {
    let is_printable = text
        .bytes()
        .all(|byte| (b'!'..=b'~').contains(&byte) && !b"<>,;\"".contains(&byte));
    is_printable
        && text
            .rsplit_once('@')
            .is_some_and(|(name, host)| !name.is_empty() && !host.is_empty())
}

#[cfg(test)]
mod tests {
    use super::super::tests::reader;
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> (Alerts, Option<String>) {
        let mut reader = reader(pairs);
        let alerts = reader.alerts();
        (alerts, reader.finish().err().map(|error| error.to_string()))
    }

    #[test]
    fn without_a_channel_nothing_is_wrong() {
        let (alerts, problem) = read(&[]);

        assert!(alerts.slack.is_none() && alerts.email.is_none());
        assert_eq!(problem, None);
    }

    #[test]
    fn e_mail_goes_from_a_name_to_several() {
        let (alerts, problem) = read(&[
            ("ALERT_EMAIL_FROM", "Callmark <alerts@example.com>"),
            ("ALERT_EMAIL_TO", "ada@example.com, bob@example.org"),
        ]);

        assert_eq!(problem, None);
        let email = alerts.email.unwrap();
        assert_eq!(email.from, "Callmark <alerts@example.com>");
        assert_eq!(email.to, ["ada@example.com", "bob@example.org"]);
    }

    #[test]
    fn a_channel_that_is_wrong_is_named_and_the_other_stays() {
        let (alerts, problem) = read(&[
            ("SLACK_WEBHOOK_URL", "https://hooks.example.com/services/private"),
            ("ALERT_EMAIL_TO", "ada@example.com"),
        ]);
        assert!(alerts.slack.is_some() && alerts.email.is_none());
        assert!(problem.unwrap().starts_with("ALERT_EMAIL_FROM is missing"));

        let (alerts, problem) = read(&[
            ("SLACK_WEBHOOK_URL", "private words"),
            ("ALERT_EMAIL_FROM", "alerts@example.com"),
            ("ALERT_EMAIL_TO", "ada@example.com"),
        ]);
        assert!(alerts.slack.is_none() && alerts.email.is_some());
        let problem = problem.unwrap();
        assert!(problem.starts_with("SLACK_WEBHOOK_URL is malformed") && !problem.contains("private"));
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for (from, to) in [
            ("alerts", "ada@example.com"),
            ("a@b\r\nBcc: c@d", "ada@example.com"),
            ("alerts@example.com", "ada@example.com,"),
            ("alerts@example.com", "ada@example.com bob@example.com"),
            ("alerts@example.com", "Ada <ada@example.com>"),
            ("alerts@example.com", &["a@b"; 51].join(",")),
        ] {
            let (alerts, problem) = read(&[("ALERT_EMAIL_FROM", from), ("ALERT_EMAIL_TO", to)]);
            assert!(alerts.email.is_none() && problem.is_some(), "{from} {to}");
        }
    }
}

//! Who is there beside the adoption: a reader of what people built on the tables, and a look at open transactions.

use std::time::{Duration, Instant};

use anyhow::Result;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::connect;

/// How often either looks.
const OFTEN: Duration = Duration::from_millis(20);

/// What was seen.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Seen {
    /// How long a transaction of ours was open.
    pub(crate) longest_transaction: Duration,
    /// How long a statement of the reader took.
    pub(crate) longest_wait: Duration,
}

/// Both, at work.
pub(crate) struct Beside {
    reader: JoinHandle<Result<Duration>>,
    look: JoinHandle<Result<Duration>>,
    end: CancellationToken,
}

impl Beside {
    pub(crate) async fn start(url: &str) -> Result<Self> {
        let (client, statistics, end) = (connect(url).await?, connect(url).await?, CancellationToken::new());
        let (one, other) = (end.clone(), end.clone());
        Ok(Self {
            reader: tokio::spawn(async move {
                let mut longest = Duration::ZERO;
                while !one.is_cancelled() {
                    let begun = Instant::now();
                    client.query("select * from long_calls where id < '0001'", &[]).await?;
                    longest = longest.max(begun.elapsed());
                    tokio::time::sleep(OFTEN).await;
                }
                Ok(longest)
            }),
            look: tokio::spawn(async move {
                let mut longest = Duration::ZERO;
                while !other.is_cancelled() {
                    let row = statistics
                        .query_one(
                            "select coalesce(max(extract(epoch from clock_timestamp() - xact_start)), 0)::float8
                             from pg_stat_activity
                             where application_name = 'callmark'",
                            &[],
                        )
                        .await?;
                    longest = longest.max(Duration::from_secs_f64(row.get::<_, f64>(0).max(0.0)));
                    tokio::time::sleep(OFTEN).await;
                }
                Ok(longest)
            }),
            end,
        })
    }

    pub(crate) async fn stop(self) -> Result<Seen> {
        self.end.cancel();
        Ok(Seen {
            longest_wait: self.reader.await??,
            longest_transaction: self.look.await??,
        })
    }
}

//! What goes on beside a change of the database: statements over and over, and the longest wait for a lock.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::time::sleep;
use tokio_postgres::Client;

/// Runs a statement over and over until told to stop; how often, and the longest that it took.
pub async fn again_and_again(
    client: Client,
    stop: Arc<AtomicBool>,
    statement: impl Fn(usize) -> String,
    pause: Duration,
) -> (usize, Duration) {
    let (mut count, mut longest) = (0, Duration::ZERO);
    while !stop.load(Ordering::Relaxed) {
        let begun = Instant::now();
        let done = client.batch_execute(&statement(count)).await;
        done.expect("a statement beside");
        longest = longest.max(begun.elapsed());
        count += 1;
        sleep(pause).await;
    }
    (count, longest)
}

/// The longest wait for a lock until told to stop, among those that an SQL condition on `lock` and `activity` holds of.
pub async fn longest_wait(client: Client, stop: Arc<AtomicBool>, whose: &str) -> Duration {
    let look = format!(
        "select coalesce(max(extract(epoch from clock_timestamp() - lock.waitstart)), 0)::float8
         from pg_locks as lock
         join pg_stat_activity as activity using (pid)
         where not lock.granted and {whose}"
    );
    let mut longest = 0_f64;
    while !stop.load(Ordering::Relaxed) {
        let row = client.query_one(&look, &[]).await.expect("looking at locks");
        longest = longest.max(row.get(0));
        sleep(Duration::from_millis(10)).await;
    }
    Duration::from_secs_f64(longest)
}

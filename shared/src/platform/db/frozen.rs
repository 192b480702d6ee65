//! Processes that were frozen in the middle of a `COPY`: no timeout of PostgreSQL ends one that waits for its client.

use std::time::Duration;

use tokio_postgres::types::Type;

use super::client::{Executor as _, connect};
use super::pool::{APPLICATION, Pool};

/// Ends `COPY`s of ours that have waited for their client for so long that it cannot be alive: a living one gives its
/// connection up, or its statement ends, long before. Called by whoever waited for a lock in vain.
pub(super) async fn end_frozen(pool: &Pool) {
    let age = (pool.limits.statement * 2).max(Duration::from_secs(5));
    let asked = async {
        let client = connect(pool).await.map_err(|error| error.to_string())?;
        client
            .query_typed_one(
                r"
                select count(*) filter (where pg_terminate_backend(pid))
                from pg_stat_activity
                where datname = current_database()
                  and usename = current_user
                  and application_name = $1
                  and pid <> pg_backend_pid()
                  and state = 'active'
                  and wait_event_type = 'Client'
                  and query ilike 'copy %'
                  and query_start < clock_timestamp() - make_interval(secs => $2)
                ",
                &[(&APPLICATION, Type::TEXT), (&age.as_secs_f64(), Type::FLOAT8)],
            )
            .await
            .map(|row| row.get::<_, i64>(0))
            .map_err(|error| error.to_string())
    };
    match asked.await {
        Ok(0) => {}
        Ok(ended) => tracing::warn!("ended {ended} connections of a process of ours that was frozen in a COPY"),
        // Whoever waits for the lock says so anyway.
        Err(error) => tracing::debug!("looking for frozen processes: {error}"),
    }
}

//! Which process holds a run's lease, so that the next one on this machine need not wait for a dead one's deadline.
//!
//! Linux only: elsewhere a run says nothing of its process, and its lease ends at its deadline.

use std::fs;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use shared::platform::db::Pool;
use shared::platform::event::Bus;
use shared::platform::{clock, db};
use shared::run;
use shared::run::Failure;

/// Lets the runs of this process say that it holds them.
pub(crate) fn announce() {
    if let Some(holder) = of_process(std::process::id()) {
        run::set_holder(holder);
    }
}

/// Closes the runs of a script whose process on this machine has ended, and tells the bus; says of how many.
pub(crate) async fn free_lease(pool: &Pool, bus: &Bus, script_name: &str) -> Result<usize> {
    db::retry(pool, || async {
        let mut client = db::connect(pool).await?;
        let transaction = client.transaction().await?;
        run::close_gone(&transaction, script_name, clock::now(), is_gone).await?;
        transaction.commit().await?;
        Ok(())
    })
    .await?;
    run::announce_lost(pool, bus, script_name).await
}

/// A look of the watchdog, which sees here what it cannot see elsewhere: which processes have ended.
pub(crate) async fn look(deps: &watchdog::Deps) -> Result<watchdog::Report> {
    let mut freed = 0;
    for script_name in [sync::SCRIPT, qci::SCRIPT] {
        freed += free_lease(&deps.pool, &deps.bus, script_name)
            .await
            .context("looking for processes that have ended")?;
    }
    let mut report = watchdog::handle(deps, clock::now())
        .await
        .map_err(|Failure(error)| error)?;
    report.lost += freed;
    Ok(report)
}

/// The process, in a way that no other one shares: ids are given again, after a restart and in each container.
fn of_process(pid: u32) -> Option<Value> {
    let (boot, namespace) = machine()?;
    let started = started(pid)?;
    Some(json!({"boot": boot, "pid_namespace": namespace, "pid": pid, "started": started}))
}

/// This start of this machine, and the container that we see the processes of.
fn machine() -> Option<(String, String)> {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let namespace = fs::read_link("/proc/self/ns/pid").ok()?;
    Some((boot.trim().to_owned(), namespace.to_string_lossy().into_owned()))
}

/// When a living process started, in ticks since the machine did; nothing of one that has ended.
fn started(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name may hold blanks and brackets; what follows the last bracket is fields.
    let (_, fields) = stat.rsplit_once(')')?;
    let fields: Vec<&str> = fields.split_whitespace().collect();
    let is_living = !matches!(*fields.first()?, "Z" | "X");
    is_living.then(|| fields.get(19)?.parse().ok())?
}

/// Whether this process ran where we run, and has ended. In doubt it has not.
fn is_gone(holder: &Value) -> bool {
    let Some((boot, namespace)) = machine() else {
        return false;
    };
    if holder["boot"] != json!(boot) || holder["pid_namespace"] != json!(namespace) {
        return false;
    }
    let pid = holder["pid"].as_u64().and_then(|pid| u32::try_from(pid).ok());
    let known = holder["started"].as_u64();
    pid.zip(known).is_some_and(|(pid, known)| started(pid) != Some(known))
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn only_a_process_that_ran_here_and_has_ended_is_gone() {
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let holder = of_process(child.id()).unwrap();
        let with = |name: &str, value: Value| {
            let mut other = holder.clone();
            other[name] = value;
            other
        };

        assert!(!is_gone(&holder), "it lives");
        assert!(is_gone(&with("started", json!(1))), "another process has its number");
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(is_gone(&holder));
        assert!(!is_gone(&with("boot", json!("another machine"))));
        assert!(!is_gone(&with("pid_namespace", json!("pid:[1]"))), "another container");
        for odd in [json!(null), json!({}), json!({"pid": -1}), json!("text")] {
            assert!(!is_gone(&odd), "{odd}");
        }
    }
}

//! `abandon`: how long work goes on for which nobody waits any more.

use super::{
    at_rest,
    clients::{Clients, End},
    judge, requests,
};
use crate::{
    Result,
    subject::{Subject, SubjectOptions},
};
use std::time::{Duration, Instant};
use tokio::{task::JoinSet, time::sleep};

#[derive(clap::Args)]
pub struct AbandonOptions {
    /// Slow requests at once: every second client leaves, the others wait for Backref's timeout
    #[arg(long, default_value_t = 64)]
    requests: usize,
    /// Statements in each
    #[arg(long, default_value_t = 8)]
    fields: usize,
    /// Backref's timeout, in seconds
    #[arg(long, default_value_t = 3)]
    request_timeout: u64,
    #[command(flatten)]
    subject: SubjectOptions,
}

/// Work that ends so soon after its client counts as ended with it.
const SOON: Duration = Duration::from_millis(500);

pub async fn run(options: &AbandonOptions) -> Result<()> {
    let mut targets = Vec::new();
    let timeout = options.request_timeout.to_string();
    let settings = [("RUST_LOG", "off"), ("REQUEST_TIMEOUT", &timeout)];
    for kind in options.subject.kinds() {
        let mut subject = options.subject.start(kind, &settings).await?;
        let clients = Clients::of(subject.server.address);
        at_rest(&clients).await?;
        let start = Instant::now();
        let mut slow = JoinSet::new();
        for number in 0..options.requests {
            let clients = clients.clone();
            let request = clients.request(&requests::slow(number, options.fields));
            let patience = Duration::from_secs(match number % 2 {
                0 => 60,
                _ => options.request_timeout / 2,
            });
            slow.spawn(async move { clients.ask(&request, start + patience).await });
        }
        let mut ends = Vec::new();
        while let Some(end) = slow.join_next().await {
            ends.push(end?);
        }
        let answered = start.elapsed();
        let busy = until_idle(&mut subject).await?;
        let count = |end| ends.iter().filter(|found| **found == end).count();
        println!(
            "\n{kind}\n{} slow requests, {} good, {} refused, {} failed, {} clients left; over after {:.2} s\n\
             work went on for {:.2} s",
            options.requests,
            count(End::Good),
            count(End::Refused),
            count(End::Failed),
            count(End::Late) + count(End::Broken),
            answered.as_secs_f64(),
            busy.as_secs_f64()
        );
        let latest = Duration::from_secs(options.request_timeout) + SOON;
        targets.push((
            format!(
                "{kind}: all are answered after {:.2} ≤ {:.1} s",
                answered.as_secs_f64(),
                latest.as_secs_f64()
            ),
            answered <= latest,
        ));
        targets.push((
            format!(
                "{kind}: work goes on for {:.2} ≤ {:.1} s",
                busy.as_secs_f64(),
                SOON.as_secs_f64()
            ),
            busy <= SOON,
        ));
    }
    judge(&targets)
}

/// How long it takes until neither the server nor the database works.
async fn until_idle(subject: &mut Subject) -> Result<Duration> {
    const STEP: Duration = Duration::from_millis(50);
    let start = Instant::now();
    let mut idle_since = start;
    let mut used = subject.server.cpu()?;
    // Three steps without work, or two minutes with.
    while idle_since.elapsed() < STEP * 4 && start.elapsed() < Duration::from_secs(120) {
        sleep(STEP).await;
        let now = subject.server.cpu()?;
        // A tick is 10 ms, and what asks PostgreSQL below is not the server's.
        let works = now.saturating_sub(used) > Duration::from_millis(10);
        used = now;
        if works || subject.database.running().await? > 0 {
            idle_since = Instant::now();
        }
    }
    Ok(idle_since - start)
}

//! `slow`: how long small requests take while some others take very long.

use super::{
    Latencies, PAUSE, at_rest,
    clients::{Clients, End},
    judge, probe, requests,
};
use crate::{Result, subject::SubjectOptions};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

#[derive(clap::Args)]
pub struct SlowOptions {
    /// Slow requests at once, each with a text of its own
    #[arg(long, default_value_t = 12)]
    requests: usize,
    /// Statements in each
    #[arg(long, default_value_t = 4)]
    fields: usize,
    #[command(flatten)]
    subject: SubjectOptions,
}

pub async fn run(options: &SlowOptions) -> Result<()> {
    let mut targets = Vec::new();
    for kind in options.subject.kinds() {
        let subject = options.subject.start(kind, &[("RUST_LOG", "off")]).await?;
        let clients = Clients::of(subject.server.address);
        let rest = at_rest(&clients).await?;
        let start = Instant::now();
        let mut slow = JoinSet::new();
        for number in 0..options.requests {
            let clients = clients.clone();
            let request = clients.request(&requests::slow(number, options.fields));
            slow.spawn(async move {
                let end = clients
                    .ask(&request, start + Duration::from_secs(300))
                    .await;
                (end, start.elapsed())
            });
        }
        // They are all under way.
        tokio::time::sleep(Duration::from_millis(100)).await;
        let (mut small, mut failed, mut ends) = (Vec::new(), 0, Vec::new());
        while !slow.is_empty() {
            let (end, took) = probe(&clients).await;
            failed += usize::from(end != End::Good);
            small.push(took);
            while let Some(done) = slow.try_join_next() {
                ends.push(done?);
            }
            tokio::time::sleep(PAUSE).await;
        }
        let small = Latencies::of(small.into_iter());
        let good = ends.iter().filter(|(end, _)| *end == End::Good).count();
        let slow = Latencies::of(ends.iter().map(|(_, took)| *took));
        println!(
            "\n{kind}\nat rest, small: p50 {:.2} ms, p99 {:.2} ms\n{} slow requests, {good} answered: p50 {:.0} ms, \
             the last after {:.0} ms\nbeside them {} small ones, {failed} not answered: p50 {:.2} ms, p99 {:.2} ms, \
             at most {:.2} ms",
            rest.percentile(50),
            rest.percentile(99),
            options.requests,
            slow.percentile(50),
            slow.highest(),
            small.0.len(),
            small.percentile(50),
            small.percentile(99),
            small.highest()
        );
        let times = small.percentile(99) / rest.percentile(99);
        targets.push((
            format!("{kind}: p99 of small requests {times:.1} ≤ 10 times its p99 at rest, and all are answered"),
            times <= 10.0 && failed == 0,
        ));
    }
    judge(&targets)
}

//! `overload`: the capacity of a server, and what is left of it when more is asked.

use super::{
    Latencies, PAUSE, at_rest,
    clients::{Clients, End, Sent},
    judge, probe,
    requests::{Class, SLOW, mix},
};
use crate::{
    Result,
    database::Kind,
    process::own_cpu,
    subject::{Subject, SubjectOptions},
};
use std::time::{Duration, Instant};

#[derive(clap::Args)]
pub struct OverloadOptions {
    /// How much is offered, in capacities
    #[arg(long, default_value_t = 3.0)]
    times: f64,
    /// How long
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// How long a client waits for its answer, in milliseconds
    #[arg(long, default_value_t = 2_000)]
    deadline: u64,
    /// Clients with which the capacity is measured, each with one request at a time
    #[arg(long, default_value_t = 32)]
    connections: usize,
    /// How many of a thousand requests are slow ones: with more of them, fewer requests are more than the server can do, and
    /// the clients, on the same processors, have less to do
    #[arg(long, default_value_t = SLOW, value_parser = clap::value_parser!(u64).range(1..=500))]
    slow: u64,
    #[command(flatten)]
    subject: SubjectOptions,
}

/// Clients that send later than this do not offer what they are said to, and their times are not the server's.
const BEHIND: Duration = Duration::from_millis(50);

pub async fn run(options: &OverloadOptions) -> Result<()> {
    let mut targets = Vec::new();
    for kind in options.subject.kinds() {
        let subject = options.subject.start(kind, &[("RUST_LOG", "off")]).await?;
        targets.extend(drill(options, kind, &subject).await?);
    }
    judge(&targets)
}

async fn drill(
    options: &OverloadOptions,
    kind: Kind,
    subject: &Subject,
) -> Result<Vec<(String, bool)>> {
    let clients = Clients::of(subject.server.address);
    let (mix, seconds) = (mix(options.slow), Duration::from_secs(options.seconds));
    let rest = at_rest(&clients).await?;
    let costs = costs(&clients, subject, &mix).await?;
    println!(
        "\n{kind}\nat rest, small: p50 {:.2} ms, p99 {:.2} ms",
        rest.percentile(50),
        rest.percentile(99)
    );
    for (class, cost) in mix.iter().zip(&costs) {
        println!("CPU of a {} request: {:.2} ms", class.name, cost * 1e3);
    }
    eprintln!("{kind}: capacity");
    // Caches and connections are made before.
    let connections = options.connections;
    clients.closed_loop(&mix, connections, seconds / 5).await?;
    let start = Instant::now();
    let sent = clients.closed_loop(&mix, connections, seconds).await?;
    let capacity = Done::of(&sent, &costs, start, seconds);
    println!(
        "capacity, {connections} clients: {:.0} answers/s, {:.2} s of work/s",
        capacity.answers, capacity.work
    );
    print_classes(&mix, &sent);

    let rate = capacity.answers * options.times;
    eprintln!("{kind}: {rate:.0} requests/s");
    let patience = Duration::from_millis(options.deadline);
    let (start, cpu) = (Instant::now(), own_cpu()?);
    let servers = subject.server.cpu()?;
    let sent = clients.open_loop(&mix, rate, seconds, patience).await?;
    let (elapsed, cpu) = (start.elapsed(), own_cpu()?.saturating_sub(cpu));
    let servers = subject.server.cpu()?.saturating_sub(servers);
    let done = Done::of(&sent, &costs, start, seconds);
    let end = start + seconds;
    let again = until_at_rest(&clients, &rest, end).await;

    let small = latencies(&sent, |sent| sent.class == 0 && sent.end == End::Good);
    let offered = sent.len() as f64 / seconds.as_secs_f64();
    let refused = latencies(&sent, |sent| sent.end == End::Refused);
    println!(
        "offered: {:.1} times the capacity, {offered:.0}/s, deadline {} ms; the clients took {:.0} % of the machine, the server {:.0} %",
        offered / capacity.answers,
        options.deadline,
        share_of_machine(cpu, elapsed)?,
        share_of_machine(servers, elapsed)?
    );
    print_classes(&mix, &sent);
    let behind = Latencies::of(sent.iter().map(|sent| sent.behind));
    println!(
        "the clients were behind: p50 {:.2} ms, p99 {:.2} ms",
        behind.percentile(50),
        behind.percentile(99)
    );
    if behind.percentile(50) > BEHIND.as_secs_f64() * 1e3 {
        let why = "the clients could not send so much in time, which says nothing of the server; raise --slow";
        return Err(format!("{kind}: {why}").into());
    }
    let by_work = done.work / capacity.work;
    println!(
        "goodput: {by_work:.2} of the capacity by work, {:.2} by answers",
        done.answers / capacity.answers
    );
    println!(
        "refused: p50 {:.2} ms, p99 {:.2} ms, the last after {:.0} ms",
        refused.percentile(50),
        refused.percentile(99),
        refused.highest()
    );
    let times = small.percentile(99) / rest.percentile(50);
    println!(
        "small requests: p99 {:.2} ms, {times:.1} times the p50 at rest and {:.1} times its p99",
        small.percentile(99),
        small.percentile(99) / rest.percentile(99)
    );
    println!(
        "at rest again {:.0} ms after the end",
        again.as_secs_f64() * 1e3
    );
    Ok(vec![
        (
            format!("{kind}: goodput {by_work:.2} ≥ 0.8 of the capacity, by work"),
            by_work >= 0.8,
        ),
        (
            format!("{kind}: p99 of small requests {times:.1} ≤ 10 times at rest"),
            times <= 10.0,
        ),
        (
            format!(
                "{kind}: at rest again after {:.1} ≤ 1 s",
                again.as_secs_f64()
            ),
            again <= Duration::from_secs(1),
        ),
    ])
}

/// CPU seconds of each class, of the server and of the database together.
async fn costs(clients: &Clients, subject: &Subject, mix: &[Class]) -> Result<Vec<f64>> {
    let used = || {
        let database = subject.database.cpu()?.unwrap_or_default();
        Ok::<_, crate::Error>(subject.server.cpu()? + database)
    };
    let mut costs = Vec::new();
    for class in mix {
        let before = used()?;
        // One at a time, for long enough that the kernel's ticks do not matter.
        let alone = std::slice::from_ref(class);
        let sent = clients
            .closed_loop(alone, 1, Duration::from_secs(1))
            .await?;
        if sent.iter().any(|sent| sent.end != End::Good) {
            return Err(format!("a {} request fails at rest", class.name).into());
        }
        costs.push((used()? - before).as_secs_f64() / sent.len() as f64);
    }
    Ok(costs)
}

/// What was done in a second: good answers, and their work in seconds of CPU, as it is at rest.
struct Done {
    answers: f64,
    work: f64,
}

impl Done {
    /// Of the answers that came within `duration`: those that come later are the tail of work done within it, as some that
    /// came within it were begun before.
    fn of(sent: &[Sent], costs: &[f64], start: Instant, duration: Duration) -> Self {
        let within =
            |sent: &&Sent| sent.end == End::Good && sent.at + sent.took <= start + duration;
        let good = sent.iter().filter(within);
        let seconds = duration.as_secs_f64();
        Self {
            answers: good.clone().count() as f64 / seconds,
            work: good.map(|sent| costs[sent.class]).sum::<f64>() / seconds,
        }
    }
}

/// How long after the end of the load three small requests in a row take what they do at rest.
async fn until_at_rest(clients: &Clients, rest: &Latencies, end: Instant) -> Duration {
    let (mut calm, mut since) = (0, end);
    while calm < 3 && end.elapsed() < Duration::from_secs(60) {
        let start = Instant::now();
        let (answer, took) = probe(clients).await;
        if answer == End::Good && took.as_secs_f64() * 1e3 <= 2.0 * rest.percentile(99) {
            since = if calm == 0 { start } else { since };
            calm += 1;
        } else {
            calm = 0;
        }
        tokio::time::sleep(PAUSE).await;
    }
    since.saturating_duration_since(end)
}

fn print_classes(mix: &[Class], sent: &[Sent]) {
    println!(
        "  {:8} {:>8} {:>8} {:>8} {:>8} {:>8} {:>8} {:>10} {:>10}",
        "", "sent", "good", "refused", "failed", "late", "broken", "p50 ms", "p99 ms"
    );
    for (number, class) in mix.iter().enumerate() {
        let count = |end| {
            let of_it = sent.iter().filter(|sent| sent.class == number);
            of_it.filter(|sent| sent.end == end).count()
        };
        let good = latencies(sent, |sent| sent.class == number && sent.end == End::Good);
        println!(
            "  {:8} {:>8} {:>8} {:>8} {:>8} {:>8} {:>8} {:>10.2} {:>10.2}",
            class.name,
            sent.iter().filter(|sent| sent.class == number).count(),
            count(End::Good),
            count(End::Refused),
            count(End::Failed),
            count(End::Late),
            count(End::Broken),
            good.percentile(50),
            good.percentile(99)
        );
    }
}

fn latencies(sent: &[Sent], counts: impl Fn(&Sent) -> bool) -> Latencies {
    let counted = sent.iter().filter(|sent| counts(sent));
    Latencies::of(counted.map(|sent| sent.took))
}

/// In percent of all processors.
fn share_of_machine(cpu: Duration, elapsed: Duration) -> Result<f64> {
    let processors = std::thread::available_parallelism()?.get() as f64;
    Ok(100.0 * cpu.as_secs_f64() / elapsed.as_secs_f64() / processors)
}

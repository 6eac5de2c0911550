//! `hang`: PostgreSQL stands still for some seconds, and goes on as if nothing had been.

use super::{
    at_rest,
    clients::{Clients, End, Sent},
    judge,
    requests::{SLOW, mix},
};
use crate::{
    Result,
    database::Kind,
    process::{Stopped, processes_of},
    subject::SubjectOptions,
};
use std::time::{Duration, Instant};
use tokio::time::sleep;

#[derive(clap::Args)]
pub struct HangOptions {
    /// How long PostgreSQL stands still, in seconds
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Requests a second
    #[arg(long, default_value_t = 200.0)]
    rate: f64,
    /// How long a client waits for its answer, in milliseconds
    #[arg(long, default_value_t = 2_000)]
    deadline: u64,
    /// Backref's own timeout, in seconds
    #[arg(long, default_value_t = 30)]
    request_timeout: u64,
    #[command(flatten)]
    subject: SubjectOptions,
}

/// How long it is watched before and after.
const BEFORE: Duration = Duration::from_secs(2);
const AFTER: Duration = Duration::from_secs(8);

pub async fn run(options: &HangOptions) -> Result<()> {
    let timeout = options.request_timeout.to_string();
    let settings = [("RUST_LOG", "off"), ("REQUEST_TIMEOUT", &timeout)];
    let subject = options.subject.start(Kind::Postgres, &settings).await?;
    let postmaster = subject.database.postmaster();
    let postmaster = postmaster.ok_or("PostgreSQL's processes are not of this machine")?;
    let clients = Clients::of(subject.server.address);
    at_rest(&clients).await?;

    // What is slow by itself would say nothing here.
    let [small, medium, large, _] = mix(SLOW);
    let hang = Duration::from_secs(options.seconds);
    let load = tokio::spawn({
        let (rate, patience) = (options.rate, Duration::from_millis(options.deadline));
        let duration = BEFORE + hang + AFTER;
        let clients = clients.clone();
        async move {
            clients
                .open_loop(&[small, medium, large], rate, duration, patience)
                .await
        }
    });
    sleep(BEFORE).await;
    let began = Instant::now();
    let stopped = Stopped::stop(processes_of(postmaster)?)?;
    sleep(hang).await;
    drop(stopped);
    let ended = Instant::now();
    let sent = load.await??;

    let during = |at: Instant| (began..ended).contains(&at);
    println!(
        "\nPostgreSQL stands still for {} s, {:.0} requests/s",
        options.seconds, options.rate
    );
    print_ends("before", sent.iter().filter(|sent| sent.at < began));
    print_ends("while it does", sent.iter().filter(|sent| during(sent.at)));
    for second in 0..AFTER.as_secs() as u32 {
        let from = ended + Duration::from_secs(1) * second;
        let within = |sent: &&Sent| (from..from + Duration::from_secs(1)).contains(&sent.at);
        let name = format!("second {} after", second + 1);
        print_ends(&name, sent.iter().filter(within));
    }
    let after = sent.iter().filter(|sent| sent.at >= ended);
    let last_bad = after
        .filter(|sent| sent.end != End::Good)
        .map(|sent| sent.at)
        .max();
    let again = last_bad.map_or(Duration::ZERO, |at| at - ended);
    let seconds = again.as_secs_f64();
    judge(&[(
        format!(
            "every request is answered that is sent {seconds:.2} ≤ 1 s after it goes on, or later"
        ),
        seconds <= 1.0,
    )])
}

fn print_ends<'a>(name: &str, sent: impl Iterator<Item = &'a Sent>) {
    let sent: Vec<&Sent> = sent.collect();
    let count = |end| sent.iter().filter(|sent| sent.end == end).count();
    println!(
        "{name:16} {:>6} sent, {:>6} good, {:>6} refused, {:>6} failed, {:>6} late, {:>6} broken",
        sent.len(),
        count(End::Good),
        count(End::Refused),
        count(End::Failed),
        count(End::Late),
        count(End::Broken)
    );
}

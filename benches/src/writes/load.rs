//! Requests by number: each is another one, and all servers are sent the same.

use super::{
    field::Contender,
    works::{Ground, Work},
};
use crate::{
    Result,
    client::{Connection, Run},
};
use std::{
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};
use tokio::task::JoinSet;

/// Sends the requests with these numbers on so many connections, each the next when it has its answer.
pub async fn send(
    contender: &Contender,
    work: &'static Work,
    ground: &Arc<Ground>,
    numbers: Range<u64>,
    connections: usize,
) -> Result<Run> {
    let next = Arc::new(AtomicU64::new(numbers.start));
    let mut open = Vec::new();
    for _ in 0..connections {
        open.push(Connection::open(contender.server.address).await?);
    }
    let start = Instant::now();
    let mut tasks = JoinSet::new();
    for mut connection in open {
        let (next, ground, asker) = (next.clone(), ground.clone(), contender.asker.clone());
        tasks.spawn(async move {
            let mut latencies = Vec::new();
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= numbers.end {
                    return Ok::<_, crate::Error>(latencies);
                }
                let request = asker.request(work, &ground, number)?;
                let start = Instant::now();
                let (status, answer) = connection.ask(&request).await?;
                latencies.push(start.elapsed());
                let text = String::from_utf8_lossy(answer);
                if status != 200
                    || text.contains("\"errors\"")
                    || !text.contains(&work.sign(number))
                {
                    return Err(
                        format!("{}, request {number}: {status} {text:.500}", work.name).into(),
                    );
                }
            }
        });
    }
    let mut latencies = Vec::new();
    while let Some(done) = tasks.join_next().await {
        latencies.extend(done??);
    }
    let elapsed = start.elapsed();
    latencies.sort_unstable();
    Ok(Run { latencies, elapsed })
}

/// Sends one request, and gives the answer.
pub async fn ask(
    contender: &Contender,
    work: &Work,
    ground: &Ground,
    number: u64,
) -> Result<Vec<u8>> {
    let mut connection = Connection::open(contender.server.address).await?;
    let request = contender.asker.request(work, ground, number)?;
    let (status, answer) = connection.ask(&request).await?;
    match status {
        200 => Ok(answer.to_vec()),
        _ => Err(format!("{status} {:.500}", String::from_utf8_lossy(answer)).into()),
    }
}

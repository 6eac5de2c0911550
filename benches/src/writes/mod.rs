//! `writes`: what a change costs, against the same statements by hand and against the peers' mutations.
//!
//! Each server has a database of its own, a copy of the same one, and is sent the same requests by their numbers;
//! so all grow alike, and what they leave can be compared row by row.

mod contention;
mod field;
mod load;
mod report;
mod works;

pub use contention::{ContentionOptions, run as contention};

use crate::{
    Result,
    answers::{difference, reduce},
    contender::Role,
    database::Kind,
    overload::judge,
    peers::Peer,
    results::Sample,
};
use field::{Contender, Field};
use serde_json::Value;
use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use works::{Ground, WORKS, Work};

#[derive(clap::Args)]
pub struct WritesOptions {
    /// How often each is measured, all taking turns
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// How long Backref is to take for one measurement, in milliseconds; the others are sent as many requests
    #[arg(long, default_value_t = 1000)]
    millis: u64,
    /// Only these, separated by commas
    #[arg(long, value_delimiter = ',', value_parser = WORKS.map(|work| work.name))]
    only: Vec<String>,
    /// Connections that send requests; an eighth of them where one writes 1,000 rows
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u16).range(1..))]
    connections: u16,
    /// Connections that each server may open to the database; Backref and the floor write on half of them
    #[arg(long, default_value_t = 16)]
    pool: u32,
    /// Posts that are there before
    #[arg(long, default_value_t = 100_000)]
    posts: u32,
    /// Only this database
    #[arg(long, value_enum)]
    database: Option<Kind>,
    /// The release build of `backref`; by default the one beside this program
    #[arg(long)]
    backref: Option<PathBuf>,
    /// Only these peers, separated by commas; `none` for none
    #[arg(long, value_delimiter = ',')]
    peers: Option<Vec<String>>,
    /// Take the peers as they are installed
    #[arg(long)]
    no_install: bool,
    /// Write the section of `results.md` beside the bench's sources
    #[arg(long)]
    write: bool,
}

impl WritesOptions {
    fn peers(&self) -> Result<Vec<Peer>> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers");
        field::peers(&folder, self.peers.as_deref(), !self.no_install)
    }

    fn has(&self, work: &Work) -> bool {
        self.only.is_empty() || self.only.iter().any(|wanted| wanted == work.name)
    }

    fn connections(&self, work: &Work) -> usize {
        let connections = usize::from(self.connections);
        match work.first {
            // Where one is many.
            ..10 => (connections / 8).max(1),
            _ => connections,
        }
    }
}

/// Fails if Backref and the floor differ, or a target is missed.
pub async fn run(options: &WritesOptions) -> Result<()> {
    let mut fields = Vec::new();
    let kinds = [Kind::Postgres, Kind::Sqlite];
    for kind in kinds {
        if options.database.is_none_or(|wanted| wanted == kind) {
            let mut field = Field::start(options, kind).await?;
            trial(options, &mut field).await?;
            fields.push(report::Figures::of(&field));
        }
    }
    let versions = fields.iter().map(report::Figures::version);
    let machine = crate::report::machine(&versions.collect::<Vec<_>>())?;
    let method = format!(
        "{machine}. {} connections, {} where one writes 1,000 rows; {} rounds, in each as many requests to everyone as \
         Backref does in {} ms; {} posts before; medians",
        options.connections,
        (options.connections / 8).max(1),
        options.rounds,
        options.millis,
        options.posts,
    );
    println!("{method}");
    fields.iter().for_each(report::Figures::print);
    if options.write {
        report::write(&method, &fields)?;
    }
    judge(&report::targets(&fields))
}

async fn trial(options: &WritesOptions, field: &mut Field) -> Result<()> {
    let first = &mut field.contenders[0];
    let ground = Arc::new(Ground::of(&mut first.database).await?);
    for (w, work) in WORKS.iter().enumerate() {
        for contender in &mut field.contenders {
            if !options.has(work) {
                contender.cells[w] = Err("it is not asked for".to_owned());
            }
        }
        if !options.has(work) {
            continue;
        }
        compare(field, w, &ground).await?;
        let mut next = 1 + work.first;
        let count = count(options, field, w, &ground).await?;
        for round in 0..options.rounds {
            eprintln!(
                "{}: {}, round {} of {}, {count} requests each",
                field.kind,
                work.name,
                round + 1,
                options.rounds
            );
            let others = field.contenders.len();
            for turn in 0..others {
                let contender = &mut field.contenders[(turn + round) % others];
                if !contender.is_asked(w) {
                    continue;
                }
                match measure(
                    contender,
                    w,
                    &ground,
                    next,
                    count,
                    options.connections(work),
                )
                .await
                {
                    Ok(sample) => {
                        if let Ok(samples) = &mut contender.cells[w] {
                            samples.push(sample);
                        }
                    }
                    Err(error) if contender.role == Role::Peer => {
                        contender.cells[w] = Err(error.to_string());
                    }
                    Err(error) => return Err(format!("{}: {error}", contender.name).into()),
                }
            }
            next += count + count / 4;
        }
        same_rows(field, w).await?;
    }
    Ok(())
}

/// Sends the first request to each, and compares what they answer and leave.
async fn compare(field: &mut Field, w: usize, ground: &Ground) -> Result<()> {
    let work = &WORKS[w];
    let mut expected = None;
    for contender in &mut field.contenders {
        let outcome = match load::ask(contender, work, ground, 0).await {
            Ok(answer) => same_answer(&answer, &mut expected, contender.role),
            Err(error) => Err(error),
        };
        if let Err(error) = outcome {
            if contender.role != Role::Peer {
                return Err(format!("{}, {}: {error}", contender.name, work.name).into());
            }
            eprintln!("{} is not asked {}: {error}", contender.name, work.name);
            contender.cells[w] = Err(error.to_string());
        }
    }
    same_rows(field, w).await
}

fn same_answer(answer: &[u8], expected: &mut Option<String>, role: Role) -> Result<()> {
    let text = String::from_utf8_lossy(answer);
    if text.contains("\"errors\"") {
        return Err(format!("it answers {text:.500}").into());
    }
    let found = without_keys(&text);
    let Some(expected) = expected else {
        *expected = Some(found);
        return Ok(());
    };
    if role != Role::Peer {
        return match *expected == found {
            true => Ok(()),
            false => Err(difference(expected, &found).into()),
        };
    }
    let (ours, theirs) = (content(expected)?, content(&text)?);
    match ours == theirs {
        true => Ok(()),
        false => Err(difference(&ours.to_string(), &theirs.to_string()).into()),
    }
}

/// An answer without the keys of posts and users, which depend on what else was written.
fn without_keys(answer: &str) -> String {
    let mut parts = answer
        .split("\"Post:")
        .flat_map(|part| part.split("\"User:"));
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        text.push_str("\"of:");
        text.push_str(part.trim_start_matches(|c: char| c.is_ascii_digit()));
    }
    text
}

/// What an answer says, in whatever form, without ids.
fn content(answer: &str) -> Result<Value> {
    let json: Value = serde_json::from_str(answer)?;
    let mut data = reduce(None, json);
    let mut payload = data["data"].take();
    // Down to the row, or rows: `{ createPost: { post: … } }`.
    while let Value::Object(fields) = &mut payload
        && fields.len() == 1
        && let Some(inner) = fields.values_mut().next()
    {
        payload = inner.take();
    }
    // An update of one row may give a list of one.
    if let Value::Array(rows) = &mut payload
        && rows.len() == 1
    {
        payload = rows.remove(0);
    }
    remove_ids(&mut payload);
    Ok(payload)
}

fn remove_ids(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.remove("id");
            fields.values_mut().for_each(remove_ids);
        }
        Value::Array(items) => items.iter_mut().for_each(remove_ids),
        _ => {}
    }
}

/// That all have left the same rows. A peer that has not is not measured any more.
async fn same_rows(field: &mut Field, w: usize) -> Result<()> {
    let work = &WORKS[w];
    let mut expected: Option<Vec<String>> = None;
    for contender in &mut field.contenders {
        if !contender.is_asked(w) {
            continue;
        }
        let found = work.state(&mut contender.database).await?;
        let Some(expected) = &expected else {
            expected = Some(found);
            continue;
        };
        let other = expected
            .iter()
            .zip(&found)
            .find(|(ours, theirs)| ours != theirs);
        let error = match other {
            Some((ours, theirs)) => difference(ours, theirs),
            None if expected.len() != found.len() => {
                format!("it leaves {} rows, not {}", found.len(), expected.len())
            }
            None => continue,
        };
        if contender.role != Role::Peer {
            return Err(format!("{}, {}: {error}", contender.name, work.name).into());
        }
        eprintln!("{}, {}: other rows: {error}", contender.name, work.name);
        contender.cells[w] = Err(format!("it leaves other rows: {error}"));
    }
    match expected {
        Some(rows) if rows.is_empty() => Err(format!("{}: nobody leaves rows", work.name).into()),
        _ => Ok(()),
    }
}

/// How many requests Backref does in the time given. All are sent the first ones, which warm them up.
async fn count(
    options: &WritesOptions,
    field: &mut Field,
    w: usize,
    ground: &Arc<Ground>,
) -> Result<u64> {
    let work = &WORKS[w];
    let connections = options.connections(work);
    let mut rate = 1.0;
    for contender in &mut field.contenders {
        if !contender.is_asked(w) {
            continue;
        }
        let sent = load::send(contender, work, ground, 1..1 + work.first, connections).await;
        match sent {
            Ok(run) if contender.role == Role::Backref => {
                rate = work.first as f64 / run.elapsed.as_secs_f64();
            }
            Ok(_) => {}
            Err(error) if contender.role == Role::Peer => {
                contender.cells[w] = Err(error.to_string())
            }
            Err(error) => return Err(format!("{}: {error}", contender.name).into()),
        }
    }
    let count = rate * Duration::from_millis(options.millis).as_secs_f64();
    Ok((count as u64).max(connections as u64))
}

/// One measurement, after a quarter as many requests that are not counted.
async fn measure(
    contender: &mut Contender,
    w: usize,
    ground: &Arc<Ground>,
    next: u64,
    count: u64,
    connections: usize,
) -> Result<Sample> {
    let work = &WORKS[w];
    contender.database.settle().await?;
    let counted = next + count / 4;
    load::send(contender, work, ground, next..counted, connections).await?;
    let statements = contender.database.statements().await?;
    let (server, database) = (contender.server.cpu()?, contender.database.cpu()?);
    let run = load::send(
        contender,
        work,
        ground,
        counted..counted + count,
        connections,
    )
    .await?;
    let server = contender.server.cpu()?.saturating_sub(server);
    let after = contender.database.cpu()?.zip(database);
    let database = after.map(|(after, before)| after.saturating_sub(before));
    let after = contender.database.statements().await?.zip(statements);
    let statements = after.map(|(after, before)| after - before);
    Ok(Sample::new(&run, server, database, statements))
}

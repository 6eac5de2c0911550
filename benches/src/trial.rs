//! The trial of one database: its servers take turns, query by query and round by round.

use crate::{
    Options, Result, answers,
    client::{Load, Question, Target},
    contender::{self, Contender, Programs, Role},
    curves,
    database::Database,
    peers::Peer,
    process::Server,
    queries::Query,
    results::{Cell, Field, Sample, Standing},
};
use std::time::Duration;

/// Before a measurement, so that connections, prepared statements and caches are in place.
pub const WARM_UP: Duration = Duration::from_secs(1);
/// Before a measurement on one connection, which follows one on many.
const WARM_UP_ALONE: Duration = Duration::from_millis(200);

/// Starts the servers, compares their answers and measures them. Fails if Backref, a floor or the
/// textbook do; a peer that does is noted.
pub async fn run(
    options: &Options,
    programs: &Programs<'_>,
    peers: &[Peer],
    queries: &[&'static Query],
    mut database: Database,
) -> Result<Field> {
    let contenders = contender::start_all(options, programs, peers, queries, &database).await?;
    let absent = answers::compare(&database, queries, &contenders).await?;
    let mut standings: Vec<Standing> = Vec::new();
    for (contender, absent) in contenders.iter().zip(absent) {
        for (query, reason) in queries.iter().zip(&absent) {
            if let Some(reason) = reason.as_ref().filter(|_| contender.role == Role::Peer) {
                eprintln!("{} is not asked {}: {reason}", contender.name, query.name);
            }
        }
        let cells = queries.iter().zip(absent).map(|(query, absent)| Cell {
            query: query.name,
            busy: Vec::new(),
            alone: Vec::new(),
            absent,
        });
        standings.push(Standing {
            name: contender.name.clone(),
            about: contender.about.clone(),
            role: contender.role,
            peak_memory: None,
            end_memory: None,
            cells: cells.collect(),
        });
    }

    for round in 0..options.rounds() {
        for (q, query) in queries.iter().enumerate() {
            eprintln!(
                "{}: round {} of {}, {}",
                database.kind,
                round + 1,
                options.rounds(),
                query.name
            );
            for turn in 0..contenders.len() {
                let c = (turn + round) % contenders.len();
                let cell = &mut standings[c].cells[q];
                if cell.absent.is_some() {
                    continue;
                }
                match turn_of(options, &contenders[c], q, &mut database).await {
                    Ok((busy, alone, memory)) => {
                        cell.busy.push(busy);
                        cell.alone.push(alone);
                        let peak = &mut standings[c].peak_memory;
                        *peak = Some(memory.max(peak.unwrap_or(0)));
                    }
                    Err(error) if contenders[c].role == Role::Peer => {
                        eprintln!("{}, {}: {error}", contenders[c].name, query.name);
                        cell.absent = Some(error.to_string());
                    }
                    Err(error) => {
                        let (kind, name) = (database.kind, &contenders[c].name);
                        return Err(format!("{kind}, {}: {name}: {error}", query.name).into());
                    }
                }
            }
        }
    }
    for (contender, standing) in contenders.iter().zip(&mut standings) {
        if let Ok(server) = &contender.server {
            standing.end_memory = server.memory(database.file()).ok();
        }
    }

    let mut curves = None;
    if let Some(Ok(backref)) = contenders
        .iter()
        .find(|contender| contender.role == Role::Backref)
        .map(|contender| &contender.server)
    {
        curves = curves::measure(options, backref, &mut database).await?;
    }
    Ok(Field {
        kind: database.kind,
        standings,
        curves,
    })
}

/// A run with all connections, the memory after it, and a run with one connection.
async fn turn_of(
    options: &Options,
    contender: &Contender,
    query: usize,
    database: &mut Database,
) -> Result<(Sample, Sample, u64)> {
    let (Ok(server), Ok(question)) = (&contender.server, &contender.questions[query]) else {
        return Err("it is not run".into());
    };
    let (connections, seconds) = (options.connections.into(), options.seconds());
    let busy = measure(
        server,
        question,
        database,
        connections,
        WARM_UP.min(seconds),
        seconds,
    )
    .await?;
    let memory = server.memory(database.file())?;
    let alone = measure(server, question, database, 1, WARM_UP_ALONE, seconds / 2).await?;
    Ok((busy, alone, memory))
}

/// One run.
pub async fn measure(
    server: &Server,
    question: &Question,
    database: &mut Database,
    connections: usize,
    warm_up: Duration,
    duration: Duration,
) -> Result<Sample> {
    let mut target = Target::new(server.address, question, &database.users);
    target.learn_length().await?;
    let mut load = Load::open(target, connections).await?;
    load.run(warm_up).await?;

    let statements = database.statements().await?;
    let (server_cpu, database_cpu) = (server.cpu()?, database.cpu()?);
    let run = load.run(duration).await?;
    // Sums of ticks: a child that ends without having used one may take one with it.
    let server_cpu = server.cpu()?.saturating_sub(server_cpu);
    let database_cpu = database
        .cpu()?
        .zip(database_cpu)
        .map(|(after, before)| after.saturating_sub(before));
    let statements = database
        .statements()
        .await?
        .zip(statements)
        .map(|(after, before)| after - before);
    Ok(Sample::new(&run, server_cpu, database_cpu, statements))
}

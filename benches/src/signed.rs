//! `signed`: what it costs that somebody known asks: his token, and rules that are bound to him.

use crate::{
    Result,
    client::{Question, Target, UserForm},
    database::Database,
    overload::judge,
    process::Server,
    queries::QUERIES,
    subject::SubjectOptions,
    trial,
};
use backref::graph::Subject;
use backref::identity::tokens::{TokenSettings, Tokens};
use std::time::Duration;

#[derive(clap::Args)]
pub struct SignedOptions {
    /// How often each query is measured for each of the two, who take turns
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Length of one measurement, in milliseconds
    #[arg(long, default_value_t = 1000)]
    millis: u64,
    /// Connections that send requests
    #[arg(long, default_value_t = 32)]
    connections: usize,
    #[command(flatten)]
    subject: SubjectOptions,
}

const SECRET: &str = "for measurements alone, and for nothing else";

pub async fn run(options: &SignedOptions) -> Result<()> {
    let mut targets = Vec::new();
    for kind in options.subject.kinds() {
        let settings = [("RUST_LOG", "off"), ("JWT_SECRET", SECRET)];
        let subject = options.subject.start(kind, &settings).await?;
        let (server, mut database) = (subject.server, subject.database);
        let token = author(&server, &database).await?;
        println!(
            "\n{kind}: CPU of server and database, microseconds a request: anonymous, signed in"
        );
        for (q, query) in QUERIES.iter().enumerate() {
            let (mut anonymous, mut signed) = (Vec::new(), Vec::new());
            for round in 0..options.rounds {
                let mut turns = [(None, &mut anonymous), (Some(token.clone()), &mut signed)];
                if round % 2 == 1 {
                    turns.reverse();
                }
                for (token, samples) in turns {
                    let sample = trial::measure(
                        &server,
                        &question(q, token),
                        &mut database,
                        options.connections,
                        Duration::from_millis(options.millis / 3),
                        Duration::from_millis(options.millis),
                    )
                    .await?;
                    samples.push(sample.server_cpu + sample.database_cpu.unwrap_or(0.0));
                }
            }
            let (anonymous, signed) = (median(anonymous), median(signed));
            let ratio = signed / anonymous;
            println!("{}: {anonymous:.0}, {signed:.0}: {ratio:.3}", query.name);
            targets.push((
                format!(
                    "{kind}: {} signed in / anonymous {ratio:.3} ≤ 1.10",
                    query.name
                ),
                ratio <= 1.10,
            ));
        }
    }
    judge(&targets)
}

fn question(q: usize, token: Option<String>) -> Question {
    let query = &QUERIES[q];
    Question {
        path: "/graphql".to_owned(),
        document: query.document.to_owned(),
        user: query.takes_user.then_some(UserForm::Global),
        token,
    }
}

/// The token of an author who sees what everybody does.
async fn author(server: &Server, database: &Database) -> Result<String> {
    let tokens = Tokens::new(TokenSettings::secret(SECRET))?;
    'users: for user in &database.users[..] {
        let subject = Subject::new(user.to_string()).with_role("author");
        let token = tokens.sign(&subject, None).ok_or("no token is signed")?;
        for q in 0..QUERIES.len() {
            let ask = async |token| {
                let target = Target::new(server.address, &question(q, token), &database.users);
                target.ask(database.users[0]).await
            };
            if ask(None).await? != ask(Some(token.clone())).await? {
                continue 'users;
            }
        }
        return Ok(token);
    }
    Err("every author sees more than everybody does".into())
}

fn median(mut of: Vec<f64>) -> f64 {
    of.sort_by(f64::total_cmp);
    of[of.len() / 2]
}

//! `contention`: many who write the same few rows, who must neither lose a change nor see an error for it.

use super::field::administrator;
use crate::{
    Result,
    client::{Connection, post},
    contender::start_backref,
    database::{Content, Database, Kind},
    overload::judge,
    process::Server,
};
use serde_json::{Value, json};
use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::task::JoinSet;

#[derive(clap::Args)]
pub struct ContentionOptions {
    /// Clients
    #[arg(long, default_value_t = 32)]
    connections: usize,
    /// Upserts of ten keys, of all clients together
    #[arg(long, default_value_t = 32_000)]
    upserts: u64,
    /// How far they count, each from the version that it read
    #[arg(long, default_value_t = 10_000)]
    count: u64,
    /// How long each of the two may take, in seconds
    #[arg(long, default_value_t = 300)]
    patience: u64,
    /// Only this database
    #[arg(long, value_enum)]
    database: Option<Kind>,
    /// The release build of `backref`; by default the one beside this program
    #[arg(long)]
    backref: Option<PathBuf>,
    /// Connections that it may open to the database
    #[arg(long, default_value_t = 16)]
    pool: u32,
}

const UPSERT: &str = "mutation($create: UserCreate!, $update: UserUpdate!) { \
     upsertUser(create: $create, update: $update, on: USERNAME) { id name } }";

const READ: &str = "query($id: ID!) { post(id: $id) { version } }";

const COUNT: &str = "mutation($id: ID!, $input: PostUpdate!, $version: Int!) { \
     updatePost(id: $id, input: $input, expectedVersion: $version) { version } }";

const SECRET: &str = super::field::SECRET;

/// Fails on an error, a lost update or a row too many.
pub async fn run(options: &ContentionOptions) -> Result<()> {
    let mut targets = Vec::new();
    for kind in [Kind::Postgres, Kind::Sqlite] {
        if options.database.is_some_and(|wanted| wanted != kind) {
            continue;
        }
        let backref = crate::contender::backref(options.backref.as_deref())?;
        let content = Content {
            posts: 1000,
            is_durable: true,
        };
        let mut database = Database::filled(kind, &backref, content).await?;
        let settings = [("RUST_LOG", "warn"), ("JWT_SECRET", SECRET)];
        let server = start_backref(&backref, &database, options.pool, &settings).await?;
        let crowd = Crowd {
            token: administrator(&database)?.into(),
            connections: options.connections,
            patience: Duration::from_secs(options.patience),
        };
        let tally = crowd.upsert(&server, options.upserts).await?;
        tally.print(kind, "upserts of ten keys");
        targets.push((format!("{kind}: upserts without error"), tally.errors == 0));
        let rows = "SELECT count(*) FROM \"user\" WHERE username LIKE 'crowd%'".to_owned();
        let rows = database.keys(rows).await?;
        targets.push((format!("{kind}: {rows:?} rows of ten keys"), rows == [10]));

        let first = "SELECT id FROM post ORDER BY id LIMIT 1".to_owned();
        let post = *database
            .keys(first)
            .await?
            .first()
            .ok_or("there are no posts")?;
        let version = format!("SELECT CAST(version AS bigint) FROM post WHERE id = {post}");
        let before = database.keys(version.clone()).await?;
        let tally = crowd.count(&server, post, options.count).await?;
        tally.print(kind, "counted by expectedVersion");
        let after = database.keys(version).await?;
        let counted = after.iter().sum::<i64>() - before.iter().sum::<i64>();
        targets.push((format!("{kind}: counting without error"), tally.errors == 0));
        targets.push((
            format!("{kind}: {} successes counted to {counted}", tally.done),
            counted == options.count as i64 && tally.done == options.count,
        ));
    }
    judge(&targets)
}

/// The clients.
struct Crowd {
    token: Arc<str>,
    connections: usize,
    patience: Duration,
}

/// What became of requests.
#[derive(Default)]
struct Tally {
    done: u64,
    /// Of a version that had passed, which is no error.
    conflicts: u64,
    errors: u64,
    example: Option<String>,
    elapsed: Duration,
}

impl Tally {
    fn add(&mut self, other: Tally) {
        self.done += other.done;
        self.conflicts += other.conflicts;
        self.errors += other.errors;
        self.example = self.example.take().or(other.example);
    }

    fn fail(&mut self, answer: String) {
        self.errors += 1;
        self.example.get_or_insert(answer);
    }

    fn print(&self, kind: Kind, what: &str) {
        let seconds = self.elapsed.as_secs_f64();
        println!(
            "{kind}: {what}: {} in {seconds:.1} s, {:.0} a second, {} conflicts, {} errors{}",
            self.done,
            self.done as f64 / seconds,
            self.conflicts,
            self.errors,
            self.example
                .as_ref()
                .map_or_else(String::new, |text| format!(", such as {text:.300}")),
        );
    }
}

impl Crowd {
    async fn upsert(&self, server: &Server, requests: u64) -> Result<Tally> {
        let next = Arc::new(AtomicU64::new(0));
        self.all(
            server,
            async move |client: &mut Client, tally: &mut Tally| {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= requests {
                    return Ok(false);
                }
                let username = format!("crowd{}", number % 10);
                let email = format!("{username}@example.org");
                let variables = json!({
                    "create": { "username": username, "name": "New", "email": email },
                    "update": { "name": format!("Changed {number}") },
                });
                let answer = client.ask(UPSERT, variables).await?;
                match answer["data"]["upsertUser"]["id"].is_string() {
                    true => tally.done += 1,
                    false => tally.fail(answer.to_string()),
                }
                Ok(true)
            },
        )
        .await
    }

    async fn count(&self, server: &Server, post: i64, most: u64) -> Result<Tally> {
        let id = format!("Post:{post}");
        let counted = Arc::new(AtomicU64::new(0));
        self.all(
            server,
            async move |client: &mut Client, tally: &mut Tally| {
                // Who begins to count takes one of what is left, and gives it back if another was first.
                if counted.fetch_add(1, Ordering::Relaxed) >= most {
                    return Ok(false);
                }
                let read = client.ask(READ, json!({ "id": id })).await?;
                let mut version = read["data"]["post"]["version"].clone();
                loop {
                    let input = json!({ "title": format!("Counted from {version}") });
                    let variables = json!({ "id": id, "input": input, "version": version });
                    let answer = client.ask(COUNT, variables).await?;
                    if answer["data"]["updatePost"]["version"].is_i64() {
                        tally.done += 1;
                        return Ok(true);
                    }
                    if answer["errors"][0]["extensions"]["code"] != "CONFLICT" {
                        tally.fail(answer.to_string());
                        return Ok(true);
                    }
                    tally.conflicts += 1;
                    if client.is_late() {
                        return Ok(false);
                    }
                    let read = client.ask(READ, json!({ "id": id })).await?;
                    version = read["data"]["post"]["version"].clone();
                }
            },
        )
        .await
    }

    /// Has every client work until there is no more, or time is over.
    async fn all<F>(&self, server: &Server, work: F) -> Result<Tally>
    where
        F: AsyncFn(&mut Client, &mut Tally) -> Result<bool> + Clone + Send + 'static,
    {
        let start = Instant::now();
        let mut tasks = JoinSet::new();
        let set = tokio::task::LocalSet::new();
        for _ in 0..self.connections {
            let mut client = Client {
                connection: Connection::open(server.address).await?,
                address: server.address,
                token: self.token.clone(),
                deadline: start + self.patience,
            };
            let work = work.clone();
            tasks.spawn_local_on(
                async move {
                    let mut tally = Tally::default();
                    while !client.is_late() && work(&mut client, &mut tally).await? {}
                    Ok::<_, crate::Error>(tally)
                },
                &set,
            );
        }
        let all = async {
            let mut total = Tally::default();
            while let Some(done) = tasks.join_next().await {
                total.add(done??);
            }
            Ok(total)
        };
        let mut total: Tally = set
            .run_until(all)
            .await
            .map_err(|error: crate::Error| error)?;
        total.elapsed = start.elapsed();
        Ok(total)
    }
}

struct Client {
    connection: Connection,
    address: std::net::SocketAddr,
    token: Arc<str>,
    deadline: Instant,
}

impl Client {
    async fn ask(&mut self, document: &str, variables: Value) -> Result<Value> {
        let body = json!({ "query": document, "variables": variables }).to_string();
        let request = post(self.address, "/graphql", Some(&self.token), &body);
        let (_, answer) = self.connection.ask(&request).await?;
        Ok(serde_json::from_slice(answer)?)
    }

    fn is_late(&self) -> bool {
        Instant::now() > self.deadline
    }
}

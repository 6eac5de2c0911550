//! How Backref's cost grows: with the rows that it returns, and not with those that it does not.
//!
//! The second curve needs users who have very many posts, and so it is measured last, on databases that
//! end with the trial.

use crate::{
    Options, Result,
    client::Question,
    database::{Database, Kind},
    process::Server,
    results::{Sample, median},
    trial::{WARM_UP, measure as sample},
};

const ROWS: [usize; 4] = [1, 10, 100, 1000];
const FAN_OUTS: [usize; 4] = [5, 50, 500, 5000];

/// CPU of server and database, in microseconds a request.
pub struct Curves {
    /// By the number of posts that are returned, each with its author.
    pub rows: Vec<Point>,
    /// By the number of posts that each of 20 users has, of which 5 are returned; not on a database that
    /// was there before.
    pub fan_out: Option<Vec<Point>>,
}

pub struct Point {
    pub count: usize,
    pub cpu: f64,
}

/// The line that fits points best, by least squares.
pub struct Line {
    pub base: f64,
    pub slope: f64,
}

impl Curves {
    /// The cost of a request and of each row of it.
    pub fn line(&self) -> Line {
        let n = self.rows.len() as f64;
        let mean = |value: fn(&Point) -> f64| self.rows.iter().map(value).sum::<f64>() / n;
        let (x, y) = (mean(|point| point.count as f64), mean(|point| point.cpu));
        let (mut above, mut below) = (0.0, 0.0);
        for point in &self.rows {
            let dx = point.count as f64 - x;
            above += dx * (point.cpu - y);
            below += dx * dx;
        }
        let slope = above / below;
        Line {
            base: y - slope * x,
            slope,
        }
    }
}

/// Nothing, if the database's CPU time is not known.
pub async fn measure(
    options: &Options,
    server: &Server,
    database: &mut Database,
) -> Result<Option<Curves>> {
    let kind = database.kind;
    eprintln!("{kind}: rows returned");
    let questions = ROWS.map(|limit| {
        (
            limit,
            format!("{{ posts(limit: {limit}) {{ id title createdAt author {{ id name }} }} }}"),
        )
    });
    let Some(rows) = curve(options, server, database, &questions).await? else {
        return Ok(None);
    };
    if !database.is_temporary() {
        eprintln!("{kind}: no fan-out, which would need new rows in a database that stays");
        return Ok(Some(Curves {
            rows,
            fan_out: None,
        }));
    }
    eprintln!("{kind}: rows not returned");
    database.execute(insertion(kind)).await?;
    let mut questions = Vec::new();
    for fan_out in FAN_OUTS {
        let users = database
            .keys(format!(
                r#"SELECT id FROM "user" WHERE username LIKE 'fan-{fan_out}-%' ORDER BY id"#
            ))
            .await?;
        let ids: Vec<String> = users.iter().map(|key| format!(r#""User:{key}""#)).collect();
        questions.push((
            fan_out,
            format!(
                "{{ users(limit: 20, where: {{ id: {{ in: [{}] }} }}) {{ id posts(limit: 5) {{ id title }} }} }}",
                ids.join(", ")
            ),
        ));
    }
    let fan_out = curve(options, server, database, &questions).await?;
    Ok(Some(Curves { rows, fan_out }))
}

/// The median of the rounds for each question, the questions taking turns.
async fn curve(
    options: &Options,
    server: &Server,
    database: &mut Database,
    questions: &[(usize, String)],
) -> Result<Option<Vec<Point>>> {
    let mut samples: Vec<Vec<Sample>> = questions.iter().map(|_| Vec::new()).collect();
    let connections = options.connections.into();
    for _ in 0..options.rounds() {
        for ((_, document), samples) in questions.iter().zip(&mut samples) {
            let question = Question {
                path: "/graphql".to_owned(),
                document: document.clone(),
                user: None,
                token: None,
            };
            let (warm_up, duration) = (WARM_UP.min(options.seconds()), options.seconds());
            let taken = sample(server, &question, database, connections, warm_up, duration);
            samples.push(taken.await?);
        }
    }
    let points = questions.iter().zip(&samples).map(|((count, _), samples)| {
        let cpu = median(samples, Sample::total_cpu)?;
        Some(Point { count: *count, cpu })
    });
    Ok(points.collect())
}

/// 20 users for each fan-out, who have that many posts.
fn insertion(kind: Kind) -> &'static str {
    match kind {
        Kind::Postgres => {
            r#"
            INSERT INTO "user" (username, name, email, created_at, updated_at)
            SELECT 'fan-' || f || '-' || n, 'Fan ' || n, f || '-' || n || '@fan.example', '2030-01-01', '2030-01-01'
            FROM unnest(ARRAY[5, 50, 500, 5000]) f, generate_series(1, 20) n;
            INSERT INTO post (author_id, title, slug, body, status, created_at, updated_at)
            SELECT id, 'One of many', username || '-' || n, 'Many.', 'published', at, at
            FROM (
                SELECT id, username, n, timestamptz '2030-01-01' + n * interval '1 second' AS at
                FROM "user", generate_series(1, split_part(username, '-', 2)::integer) n WHERE username LIKE 'fan-%'
            ) posts ORDER BY n, id;
            ANALYZE "user", post"#
        }
        Kind::Sqlite => {
            r#"
            WITH RECURSIVE fan(f) AS (VALUES (5), (50), (500), (5000)),
            series(n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM series WHERE n < 20)
            INSERT INTO "user" (username, name, email, created_at, updated_at)
            SELECT 'fan-' || f || '-' || n, 'Fan ' || n, f || '-' || n || '@fan.example',
                '2030-01-01T00:00:00+00:00', '2030-01-01T00:00:00+00:00'
            FROM fan, series;
            WITH RECURSIVE series(n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM series WHERE n < 5000)
            INSERT INTO post (author_id, title, slug, body, status, created_at, updated_at)
            SELECT id, 'One of many', username || '-' || n, 'Many.', 'published', at, at
            FROM (
                SELECT id, username, n, strftime('%Y-%m-%dT%H:%M:%S+00:00', '2030-01-01', n || ' seconds') AS at
                FROM "user", series WHERE username LIKE 'fan-%' AND n <= CAST(substr(username, 5) AS INTEGER)
            ) ORDER BY n, id;
            ANALYZE;
            PRAGMA wal_checkpoint(TRUNCATE);"#
        }
    }
}

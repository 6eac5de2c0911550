//! The regression guard: how many instructions requests take where PostgreSQL's answers are canned. Unlike
//! time, instructions do not depend on what else the machine does.
//!
//! `count` says what is counted, in a process of its own under callgrind; `figures` judges it.

mod canned;
mod count;
mod figures;

pub use count::{Options as CountOptions, run as count};

use crate::{Result, cluster::Cluster};
use backref::{
    blog::seed,
    serve::database::{Connect, Url},
};
use count::{MARKS, REQUESTS, TIMES};
use figures::Figure;
use indicatif::ProgressBar;
use migration::{Migrator, MigratorTrait};
use sqlx::postgres::PgConnectOptions;
use std::{
    fs,
    path::{Path, PathBuf},
    process::Stdio,
};
use tokio::process::Command;

const RENEW: &str = "cargo run --release -p backref-bench -- guard --write";

/// Enough rows to fill the queries' pages, and no table of more than PostgreSQL looks at for its
/// statistics: with samples of it, plans would change, and with them the order of what has none.
const CONTENT: seed::Options = seed::Options {
    users: 1_000,
    posts: 10_000,
    comments: 30_000,
    tags: 500,
    seed: 1,
};

#[derive(clap::Args)]
pub struct Options {
    /// Take what is found for what is expected: write `instructions.txt`
    #[arg(long)]
    write: bool,
    /// Keep callgrind's files here, one for each figure, for callgrind_annotate
    #[arg(long)]
    keep: Option<PathBuf>,
}

/// Counts, and compares with what is expected.
pub async fn run(options: &Options) -> Result<()> {
    if cfg!(debug_assertions) {
        return Err(format!("only the release build's instructions count: {RENEW}").into());
    }
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("instructions.txt");
    let mut found = measure(options.keep.as_deref()).await?;
    if options.write {
        figures::write(&file, &found)?;
    }
    let Err(differs) = figures::compare(&file, &found, RENEW) else {
        return Ok(());
    };
    println!(
        "{differs}\n\nOnce more: how memory happens to lie counts too. The lower figures stand."
    );
    for (figure, again) in found.iter_mut().zip(measure(None).await?) {
        figure.instructions = figure.instructions.min(again.instructions);
    }
    figures::compare(&file, &found, RENEW)
}

async fn measure(keep: Option<&Path>) -> Result<Vec<Figure>> {
    if let Some(keep) = keep {
        fs::create_dir_all(keep)?;
    }
    let valgrind = Command::new("valgrind").arg("--version").output().await;
    valgrind
        .map_err(|error| format!("valgrind does not start: {error}; apt-get install valgrind"))?;
    let cluster = Cluster::start(false)?;
    fill(&cluster.url).await?;
    let postgres: PgConnectOptions = cluster.url.parse()?;
    let postgres = format!("{}:{}", postgres.get_host(), postgres.get_port());
    let directory = tempfile::Builder::new()
        .prefix("backref-guard-")
        .tempdir()?;
    let counts = directory.path().join("counts");
    let [from, to] = MARKS;
    let output = Command::new("valgrind")
        // Else a byte that the C library moves is an instruction on some processors.
        .env("GLIBC_TUNABLES", "glibc.cpu.hwcaps=-ERMS,-FSRM")
        .args(["--tool=callgrind", "--quiet"])
        .arg(format!("--zero-before=*{from}*"))
        .arg(format!("--dump-before=*{to}*"))
        .arg(format!("--callgrind-out-file={}", counts.display()))
        .arg(std::env::current_exe()?)
        .args(["count", "--postgres", &postgres, "--directory"])
        .arg(directory.path())
        .stderr(Stdio::inherit())
        .kill_on_drop(true)
        .output()
        .await?;
    if !output.status.success() {
        return Err(format!("the program that is counted: {}", output.status).into());
    }
    // callgrind numbers its files from 1.
    let mut parts = (1..).map(|part| counts.with_extension(part.to_string()));
    let mut found = Vec::new();
    for name in String::from_utf8(output.stdout)?.lines() {
        let counted = parts.by_ref().take(TIMES);
        let counted = counted.map(|file| Ok((total(&file)?, file)));
        let mut counted = counted.collect::<Result<Vec<_>>>()?;
        counted.sort();
        let (median, file) = &counted[TIMES / 2];
        if let Some(keep) = keep {
            fs::copy(file, keep.join(name.replace(' ', "-")))?;
        }
        found.push(Figure {
            name: name.to_owned(),
            instructions: median / REQUESTS as u64,
        });
    }
    Ok(found)
}

/// Migrates and fills an empty database.
async fn fill(url: &str) -> Result<()> {
    let connection = url.parse::<Url>()?.connect(Connect::with(1)).await?;
    Migrator::up(&connection, None).await?;
    seed::run(&connection, &CONTENT, &ProgressBar::hidden()).await?;
    Ok(connection.close().await?)
}

/// The instructions of a file that callgrind has written.
fn total(file: &Path) -> Result<u64> {
    let text = fs::read_to_string(file).map_err(|error| {
        format!(
            "{}: {error}; does the program have symbols?",
            file.display()
        )
    })?;
    let total = text.lines().find_map(|line| line.strip_prefix("summary: "));
    Ok(total.ok_or("callgrind's file has no sum")?.trim().parse()?)
}

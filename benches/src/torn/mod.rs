//! `torn`: many answers from a server, each judged while writers change what it shows.

mod attack;

use crate::{
    Result,
    client::{Connection, request},
    subject::SubjectOptions,
};
use std::{net::SocketAddr, time::Instant};

#[derive(clap::Args)]
pub struct TornOptions {
    /// Requests to each database; those whose client leaves before the answer are not judged
    #[arg(long, default_value_t = 100_000)]
    requests: usize,
    /// Clients, each with one request at a time
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u16).range(2..))]
    connections: u16,
    #[command(flatten)]
    subject: SubjectOptions,
}

/// Fails if a single answer is torn, stale or an error.
pub async fn run(options: &TornOptions) -> Result<()> {
    let (mut asked, mut wrong) = (0, 0);
    for kind in options.subject.kinds() {
        // What fails is counted here, and need not be told there.
        let subject = options.subject.start(kind, &[("RUST_LOG", "off")]).await?;
        let mut clients = Vec::new();
        for _ in 0..options.connections {
            clients.push(Http::open(subject.server.address).await?);
        }
        let start = Instant::now();
        let tally = attack::run(&subject.database.url.parse()?, clients, options.requests).await?;
        println!("{kind}, {:.0} s\n{tally}\n", start.elapsed().as_secs_f64());
        asked += tally.asked();
        wrong += tally.wrong();
    }
    match wrong {
        0 => Ok(()),
        _ => Err(format!("{wrong} of {asked} answers are torn, stale or failed").into()),
    }
}

struct Http {
    address: SocketAddr,
    connection: Connection,
}

impl Http {
    async fn open(address: SocketAddr) -> Result<Self> {
        let connection = Connection::open(address).await?;
        Ok(Self {
            address,
            connection,
        })
    }
}

impl attack::Client for Http {
    async fn ask(&mut self, document: &str) -> Result<Vec<u8>, String> {
        let request = request(self.address, document);
        let answer = self.connection.ask(&request).await;
        let (_, body) = answer.map_err(|error| error.to_string())?;
        Ok(body.to_vec())
    }

    async fn renew(&mut self) -> Result<(), String> {
        let opened = Connection::open(self.address).await;
        self.connection = opened.map_err(|error| error.to_string())?;
        Ok(())
    }
}

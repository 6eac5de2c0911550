//! A way to a database that can be stopped up, or cut.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use backref::serve::database::Url;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use super::TestDatabase;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    Open,
    /// Connections are taken, and nothing goes through, until it is open again.
    Stopped,
    /// Connections are closed, those that come too.
    Cut,
}

pub struct Proxy {
    way: watch::Sender<Way>,
    connections: Arc<AtomicUsize>,
}

impl Proxy {
    /// A way to this database, of which its URL is from now on.
    pub async fn before(database: &mut TestDatabase) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let own = listener.local_addr().expect("its address");
        let target = detour(database, own);
        Proxy::to(target, listener)
    }

    fn to(target: SocketAddr, listener: TcpListener) -> Self {
        let proxy = Proxy {
            way: watch::Sender::new(Way::Open),
            connections: Arc::default(),
        };
        let (way, connections) = (proxy.way.subscribe(), proxy.connections.clone());
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                connections.fetch_add(1, Ordering::Relaxed);
                tokio::spawn(carry(client, target, way.clone()));
            }
        });
        proxy
    }

    pub fn is(&self, way: Way) {
        self.way.send_replace(way);
    }

    /// How many connections have come.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }
}

/// Has the URL of a database lead to this address, and returns where it led before.
pub fn detour(database: &mut TestDatabase, own: SocketAddr) -> SocketAddr {
    let url = database.url.shown();
    let (start, rest) = url.split_once('@').expect("a user");
    let (host, name) = rest.split_once('/').expect("a name");
    let target = host.parse().expect("an address");
    let through = format!("{start}@{own}/{name}");
    database.url = through.parse::<Url>().expect("a URL");
    target
}

async fn carry(client: TcpStream, target: SocketAddr, mut way: watch::Receiver<Way>) {
    if !is_open(&mut way).await {
        return;
    }
    let Ok(server) = TcpStream::connect(target).await else {
        return;
    };
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    tokio::select! {
        () = pass(from_client, to_server, way.clone()) => {}
        () = pass(from_server, to_client, way) => {}
    }
}

async fn pass(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut way: watch::Receiver<Way>) {
    let mut buffer = vec![0; 64 << 10];
    while is_open(&mut way).await {
        let read = tokio::select! {
            _ = way.changed() => continue,
            read = from.read(&mut buffer) => read.unwrap_or(0),
        };
        if read == 0 || !is_open(&mut way).await || to.write_all(&buffer[..read]).await.is_err() {
            return;
        }
    }
}

/// Waits while it is stopped; false if it is cut, or the test over.
async fn is_open(way: &mut watch::Receiver<Way>) -> bool {
    let decided = way.wait_for(|way| *way != Way::Stopped).await;
    decided.is_ok_and(|way| *way == Way::Open)
}

//! A way to PostgreSQL on which one statement fails, or the connection ends. It reads the messages that go to the database,
//! and changes one of them such that the database itself refuses it.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use super::TestDatabase;
use super::proxy::detour;

/// What goes wrong, once. Statements are counted from 1, since it was said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The database refuses a statement.
    Statement(usize),
    /// The connection ends before a statement is there.
    Lost(usize),
    /// The database refuses to commit.
    Commit,
    /// The connection ends before the COMMIT is there, or before its answer is.
    LostCommit,
    LostAnswer,
}

pub struct FaultyWay(Arc<Mutex<Ahead>>);

/// What is to go wrong, and how many statements have passed.
#[derive(Default)]
struct Ahead {
    fault: Option<Fault>,
    statements: usize,
}

impl FaultyWay {
    /// A way to this database, of which its URL is from now on.
    pub async fn before(database: &mut TestDatabase) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let own = listener.local_addr().expect("its address");
        let target = detour(database, own);
        let ahead = Arc::<Mutex<Ahead>>::default();
        let way = FaultyWay(ahead.clone());
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(carry(client, target, ahead.clone()));
            }
        });
        way
    }

    /// Has this go wrong from now on.
    pub fn will(&self, fault: Fault) {
        *self.0.lock().expect("no panic") = Ahead {
            fault: Some(fault),
            statements: 0,
        };
    }

    /// Nothing goes wrong any more.
    pub fn is_good(&self) {
        *self.0.lock().expect("no panic") = Ahead::default();
    }

    /// Whether it has gone wrong.
    pub fn has(&self) -> bool {
        self.0.lock().expect("no panic").fault.is_none()
    }
}

/// What becomes of a message.
enum Fate {
    Passes,
    /// Another goes in its place.
    Becomes(Vec<u8>),
    /// The connection ends.
    Ends,
    /// It passes, and the connection ends when it is answered.
    EndsAnswered,
}

impl Ahead {
    fn meet(&mut self, message: &[u8]) -> Fate {
        let is_commit = message.starts_with(b"Q") && message[5..].starts_with(b"COMMIT");
        let at = match message[0] {
            b'E' => {
                self.statements += 1;
                Some(self.statements)
            }
            _ => None,
        };
        let fate = match self.fault {
            Some(Fault::Statement(k)) if at == Some(k) => Fate::Becomes(execute("of nothing")),
            Some(Fault::Lost(k)) if at == Some(k) => Fate::Ends,
            Some(Fault::Commit) if is_commit => Fate::Becomes(query(FAILED_COMMIT)),
            Some(Fault::LostCommit) if is_commit => Fate::Ends,
            Some(Fault::LostAnswer) if is_commit => Fate::EndsAnswered,
            _ => return Fate::Passes,
        };
        self.fault = None;
        fate
    }
}

/// Ends a transaction without committing it, and fails.
const FAILED_COMMIT: &str = "ROLLBACK; SELECT 1 / 0";

/// Executes a portal that there need not be.
fn execute(portal: &str) -> Vec<u8> {
    let all_rows = [0; 4];
    message(b'E', &[portal.as_bytes(), b"\0", &all_rows].concat())
}

fn query(sql: &str) -> Vec<u8> {
    message(b'Q', &[sql.as_bytes(), b"\0"].concat())
}

fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = (body.len() as u32 + 4).to_be_bytes();
    [&[kind], &length[..], body].concat()
}

async fn carry(client: TcpStream, target: SocketAddr, ahead: Arc<Mutex<Ahead>>) {
    let Ok(server) = TcpStream::connect(target).await else {
        return;
    };
    // Messages are sent one by one, and none waits for the next.
    client.set_nodelay(true).expect("a setting");
    server.set_nodelay(true).expect("a setting");
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let ends = watch::Sender::new(false);
    let until = ends.subscribe();
    tokio::select! {
        () = ask(from_client, to_server, &ahead, ends) => {}
        () = answer(from_server, to_client, until) => {}
    }
}

/// Passes on what is asked, message by message.
async fn ask(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    ahead: &Mutex<Ahead>,
    ends: watch::Sender<bool>,
) {
    // The first messages have no kind: what asks for encryption, then that with the user's name.
    let mut is_started = false;
    loop {
        let Some(message) = next(&mut from, is_started).await else {
            return;
        };
        let asks_for_encryption = message.get(4..6) == Some(&[4, 210]);
        let fate = match is_started {
            true => ahead.lock().expect("no panic").meet(&message),
            false => Fate::Passes,
        };
        is_started |= !asks_for_encryption;
        let sent = match fate {
            Fate::Passes => message,
            Fate::Becomes(other) => other,
            Fate::Ends => return,
            Fate::EndsAnswered => {
                ends.send_replace(true);
                message
            }
        };
        if to.write_all(&sent).await.is_err() {
            return;
        }
    }
}

async fn next(from: &mut OwnedReadHalf, has_kind: bool) -> Option<Vec<u8>> {
    let kind = usize::from(has_kind);
    let mut message = vec![0; kind + 4];
    from.read_exact(&mut message).await.ok()?;
    let length: [u8; 4] = message[kind..].try_into().ok()?;
    let whole = kind + u32::from_be_bytes(length) as usize;
    let start = message.len();
    message.resize(whole.max(start), 0);
    from.read_exact(&mut message[start..]).await.ok()?;
    Some(message)
}

/// Passes on what is answered, until that is not to be known any more.
async fn answer(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, ends: watch::Receiver<bool>) {
    let mut buffer = vec![0; 64 << 10];
    loop {
        let read = from.read(&mut buffer).await.unwrap_or(0);
        if read == 0 || *ends.borrow() || to.write_all(&buffer[..read]).await.is_err() {
            return;
        }
    }
}

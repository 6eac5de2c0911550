//! A PostgreSQL with canned answers: what it is asked for the first time it asks a real one, what it is
//! asked again it answers from memory, in the same bytes. Of the protocol it knows where messages end.

use crate::Result;
use std::{
    cell::Cell,
    io,
    net::SocketAddr,
    path::{Path, PathBuf},
    rc::Rc,
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpStream, UnixListener, UnixStream},
};

/// The types of messages that end a question, an answer and a session, see "Message Formats" in
/// PostgreSQL's manual.
const SYNC: u8 = b'S';
const QUERY: u8 = b'Q';
const READY_FOR_QUERY: u8 = b'Z';
const TERMINATE: u8 = b'X';

/// Listens on a socket in a directory, for one client after the other.
///
/// It runs on the thread that is counted: from another one, its answers would come in pieces of any size,
/// and how often they are read would be a matter of luck. What it adds to a request is always the same.
pub struct Canned {
    directory: PathBuf,
    learned: Rc<Cell<usize>>,
}

/// All messages until an answer is wanted, and that answer.
struct Exchange {
    question: Vec<u8>,
    answer: Vec<u8>,
}

impl Canned {
    /// Must be called within a `LocalSet`.
    pub fn start(directory: &Path, postgres: SocketAddr) -> Result<Self> {
        let listener = UnixListener::bind(directory.join(".s.PGSQL.5432"))?;
        let learned = Rc::new(Cell::new(0));
        let canned = Self {
            directory: directory.to_owned(),
            learned: learned.clone(),
        };
        tokio::task::spawn_local(async move {
            let mut memory = Vec::new();
            while let Ok((client, _)) = listener.accept().await {
                // The client learns of an error by the end of its connection.
                if let Err(error) = serve(client, postgres, &mut memory, &learned).await {
                    eprintln!("between Backref and PostgreSQL: {error}");
                }
            }
        });
        Ok(canned)
    }

    pub fn url(&self) -> String {
        let directory = self.directory.display();
        format!("postgres://postgres@localhost:5432/postgres?host={directory}&sslmode=disable")
    }

    /// How many questions were put to the real one.
    pub fn learned(&self) -> usize {
        self.learned.get()
    }
}

async fn serve(
    client: UnixStream,
    postgres: SocketAddr,
    memory: &mut Vec<Exchange>,
    learned: &Cell<usize>,
) -> io::Result<()> {
    let mut client = BufReader::new(client);
    let mut postgres = BufReader::new(TcpStream::connect(postgres).await?);
    let mut question = Vec::new();
    // A session's first message is the only one without a type.
    read_rest(&mut client, &mut question).await?;
    loop {
        let known = memory.iter().find(|known| known.question == question);
        match known {
            Some(known) => client.write_all(&known.answer).await?,
            None => {
                learned.set(learned.get() + 1);
                postgres.write_all(&question).await?;
                let mut answer = Vec::new();
                read_until(&mut postgres, &[READY_FOR_QUERY], &mut answer).await?;
                client.write_all(&answer).await?;
                memory.push(Exchange {
                    question: question.clone(),
                    answer,
                });
            }
        }
        question.clear();
        if read_until(&mut client, &[SYNC, QUERY, TERMINATE], &mut question).await? == TERMINATE {
            return Ok(());
        }
    }
}

/// Reads messages up to one of these types, and says which it was.
async fn read_until(
    from: &mut (impl AsyncRead + Unpin),
    types: &[u8],
    messages: &mut Vec<u8>,
) -> io::Result<u8> {
    loop {
        let found = from.read_u8().await?;
        messages.push(found);
        read_rest(from, messages).await?;
        if types.contains(&found) {
            return Ok(found);
        }
    }
}

/// Reads a message without its type: its length, which counts itself, and what it says.
async fn read_rest(from: &mut (impl AsyncRead + Unpin), messages: &mut Vec<u8>) -> io::Result<()> {
    let length = from.read_u32().await?;
    messages.extend(length.to_be_bytes());
    let start = messages.len();
    let rest = (length as usize).saturating_sub(size_of::<u32>());
    messages.resize(start + rest, 0);
    from.read_exact(&mut messages[start..]).await?;
    Ok(())
}

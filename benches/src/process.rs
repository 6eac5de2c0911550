//! Processes: servers that are started and stopped, and the CPU time that `/proc` books on them.

use crate::Result;
use std::{fs, net::SocketAddr, path::Path, time::Duration};
use tokio::{
    net::TcpStream,
    process::{Child, Command},
    time::{Instant, sleep},
};

/// A server on loopback, killed when dropped.
pub struct Server {
    pub name: &'static str,
    pub address: SocketAddr,
    child: Child,
}

impl Server {
    /// Starts `program` with `arguments` and `--listen`, and nothing in its environment but what is
    /// given, and waits until it accepts connections.
    pub async fn start(
        name: &'static str,
        program: &Path,
        arguments: &[&str],
        environment: &[(&str, &str)],
    ) -> Result<Self> {
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()?));
        let mut child = Command::new(program)
            .args(arguments)
            .args(["--listen", &address.to_string()])
            .env_clear()
            .envs(environment.iter().copied())
            .stdout(std::process::Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| format!("{}: {error}", program.display()))?;
        let deadline = Instant::now() + Duration::from_secs(30);
        while TcpStream::connect(address).await.is_err() {
            if let Some(status) = child.try_wait()? {
                return Err(format!("{name} ended at start: {status}").into());
            }
            if Instant::now() > deadline {
                return Err(format!("{name} does not listen on {address}").into());
            }
            sleep(Duration::from_millis(20)).await;
        }
        Ok(Self {
            name,
            address,
            child,
        })
    }

    /// CPU time the server has used so far.
    pub fn cpu(&self) -> Result<Duration> {
        let pid = self.child.id().ok_or("the server has ended")?;
        Ok(ticks(Stat::read(pid)?.own))
    }
}

pub fn free_port() -> Result<u16> {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0))?;
    Ok(listener.local_addr()?.port())
}

/// CPU time of a process, of its children, and of those children that have ended.
pub fn cpu_with_children(pid: u32) -> Result<Duration> {
    let stat = Stat::read(pid)?;
    let mut total = stat.own + stat.ended_children;
    for entry in fs::read_dir("/proc")? {
        let name = entry?.file_name();
        let Some(child) = name.to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        // A process may end while the directory is read.
        if let Ok(child) = Stat::read(child)
            && child.parent == pid
        {
            total += child.own;
        }
    }
    Ok(ticks(total))
}

/// The parent of a process, if it is one of this machine and has the name given.
pub fn parent_if_named(pid: u32, name: &str) -> Option<u32> {
    let found = fs::read_to_string(format!("/proc/{pid}/comm")).ok()?;
    (found.trim() == name).then_some(Stat::read(pid).ok()?.parent)
}

/// Some fields of `/proc/PID/stat`, see proc(5); times in ticks.
struct Stat {
    parent: u32,
    own: u64,
    ended_children: u64,
}

impl Stat {
    fn read(pid: u32) -> Result<Self> {
        let text = fs::read_to_string(format!("/proc/{pid}/stat"))?;
        // The name of the program, in parentheses, may contain anything.
        let (_, rest) = text.rsplit_once(')').ok_or("unknown format of stat")?;
        let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
        let field = |number: usize| fields[number - 3].parse::<u64>();
        Ok(Self {
            parent: field(4)?.try_into()?,
            own: field(14)? + field(15)?,
            ended_children: field(16)? + field(17)?,
        })
    }
}

/// Linux counts a hundred ticks a second in `/proc` on every architecture that matters here.
fn ticks(count: u64) -> Duration {
    Duration::from_millis(count * 10)
}

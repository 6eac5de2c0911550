//! Processes: servers that are started and stopped, and the CPU time and memory that `/proc` books on
//! them and their children.

use crate::Result;
use std::{
    collections::HashMap,
    fs,
    net::SocketAddr,
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};
use tokio::{
    net::TcpStream,
    process::Child,
    time::{Instant, sleep},
};

/// How long a server may take to listen.
const START: Duration = Duration::from_secs(60);

/// A server on loopback. Dropped, it is killed with its children.
pub struct Server {
    pub address: SocketAddr,
    /// Of the process and of the group that it leads.
    id: u32,
    child: Child,
}

impl Server {
    /// Starts a command that will listen on the address given, with nothing in its environment but what
    /// it was given, and waits until it accepts connections.
    pub async fn start(command: Command, address: SocketAddr) -> Result<Self> {
        let program = command.get_program().display().to_string();
        let mut command = tokio::process::Command::from(command);
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| format!("{program}: {error}"))?;
        let id = child.id().ok_or("it ended at once")?;
        let mut server = Self { address, id, child };
        let deadline = Instant::now() + START;
        while TcpStream::connect(address).await.is_err() {
            if let Some(status) = server.child.try_wait()? {
                return Err(format!("it ended at start: {status}").into());
            }
            if Instant::now() > deadline {
                return Err(format!("it does not listen on {address}").into());
            }
            sleep(Duration::from_millis(20)).await;
        }
        Ok(server)
    }

    /// CPU time the server has used so far, with its children.
    pub fn cpu(&self) -> Result<Duration> {
        cpu_with_children(self.id)
    }

    /// Bytes of the server and its children that are resident, mappings of a database file apart.
    pub fn memory(&self, file: Option<&Path>) -> Result<u64> {
        let mut total = 0;
        for (pid, _) in descendants(self.id)? {
            // A child may end meanwhile.
            match fs::read_to_string(format!("/proc/{pid}/smaps")) {
                Ok(maps) => total += resident(&maps, file),
                Err(error) if pid == self.id => return Err(error.into()),
                Err(_) => {}
            }
        }
        Ok(total)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The group may be gone, and there is nobody left to tell.
        let _ = Command::new("kill")
            .args(["-KILL", "--", &format!("-{}", self.id)])
            .stderr(Stdio::null())
            .status();
    }
}

pub fn free_port() -> Result<u16> {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0))?;
    Ok(listener.local_addr()?.port())
}

/// CPU time of a process, of its children and theirs, and of those that have ended.
pub fn cpu_with_children(pid: u32) -> Result<Duration> {
    loop {
        let all = descendants(pid)?;
        // A child that ended meanwhile may be neither among those read nor in its parent's sum.
        if all[&pid].ended_children == Stat::read(pid)?.ended_children {
            let all = all.values().map(|stat| stat.own + stat.ended_children);
            return Ok(ticks(all.sum()));
        }
    }
}

/// CPU time of this process, without its children.
pub fn own_cpu() -> Result<Duration> {
    Ok(ticks(Stat::read(std::process::id())?.own))
}

/// A process, its children and theirs.
pub fn processes_of(pid: u32) -> Result<Vec<u32>> {
    Ok(descendants(pid)?.into_keys().collect())
}

/// Processes that stand still as long as this value lives.
pub struct Stopped(Vec<u32>);

impl Stopped {
    pub fn stop(processes: Vec<u32>) -> Result<Self> {
        signal("-STOP", &processes)?;
        Ok(Self(processes))
    }
}

impl Drop for Stopped {
    fn drop(&mut self) {
        // Some may be gone, and there is nobody left to tell.
        let _ = signal("-CONT", &self.0);
    }
}

fn signal(name: &str, processes: &[u32]) -> Result<()> {
    let mut command = Command::new("kill");
    command.arg(name).arg("--");
    let status = command
        .args(processes.iter().map(u32::to_string))
        .stderr(Stdio::null())
        .status()?;
    match status.success() {
        true => Ok(()),
        false => Err(format!("kill {name}: {status}").into()),
    }
}

/// The parent of a process, if it is one of this machine and has the name given.
pub fn parent_if_named(pid: u32, name: &str) -> Option<u32> {
    let found = fs::read_to_string(format!("/proc/{pid}/comm")).ok()?;
    (found.trim() == name).then_some(Stat::read(pid).ok()?.parent)
}

/// A process, its children and theirs.
fn descendants(pid: u32) -> Result<HashMap<u32, Stat>> {
    let mut all = HashMap::new();
    for entry in fs::read_dir("/proc")? {
        let name = entry?.file_name();
        let found = name.to_str().and_then(|name| name.parse().ok());
        // A process may end while the directory is read.
        if let Some(found) = found
            && let Ok(stat) = Stat::read(found)
        {
            all.insert(found, stat);
        }
    }
    let own = all.remove(&pid).ok_or("the process has ended")?;
    let mut kin = HashMap::from([(pid, own)]);
    loop {
        let children = all.extract_if(|_, stat| kin.contains_key(&stat.parent));
        let children: Vec<_> = children.collect();
        if children.is_empty() {
            return Ok(kin);
        }
        kin.extend(children);
    }
}

/// Resident bytes by the text of `/proc/PID/smaps`, without those of mappings of the file, its log
/// and its index.
fn resident(maps: &str, file: Option<&Path>) -> u64 {
    let file = file.and_then(Path::to_str);
    let mut total = 0;
    let mut counts = true;
    for line in maps.lines() {
        if let Some(rest) = line.strip_prefix("Rss:") {
            let size = rest.trim().trim_end_matches(" kB").parse::<u64>();
            total += if counts { size.unwrap_or(0) * 1024 } else { 0 };
        } else if let Some((range, _)) = line.split_once(' ')
            && range.contains('-')
        {
            // The head of a mapping: its range, and at the end the file's name.
            counts = !file.is_some_and(|file| line.contains(file));
        }
    }
    total
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

#[cfg(test)]
mod tests {
    use super::resident;
    use std::path::Path;

    #[test]
    fn mappings_of_the_database_file_do_not_count() {
        let maps = "\
5581-5582 r-xp 00000000 08:01 42                         /usr/bin/server
Rss:                 100 kB
7f00-7f01 r--s 00000000 08:01 43                         /tmp/blog.db
Rss:                2000 kB
7f01-7f02 rw-s 00000000 08:01 44                         /tmp/blog.db-shm
Rss:                  30 kB
7f02-7f03 rw-p 00000000 00:00 0
Rss:                   4 kB
";
        assert_eq!(resident(maps, Some(Path::new("/tmp/blog.db"))), 104 * 1024);
        assert_eq!(resident(maps, None), 2134 * 1024);
    }
}

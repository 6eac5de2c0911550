//! Where to listen: `--listen` as people write it.

use std::convert::Infallible;
use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::TcpListener;

/// What follows the host where no port is given.
const PORT: u16 = 8000;
/// Connections that the system keeps until they are accepted.
const BACKLOG: i32 = 1024;

/// `8000` (of this machine alone), `:8000` (of all its addresses), `localhost:8000`, `[::1]:8000`, `example.org`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listen {
    host: Host,
    port: u16,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Host {
    /// Of every interface, by both versions of IP.
    All,
    /// This machine, by both versions of IP.
    Localhost,
    Address(IpAddr),
    Name(String),
}

/// Why a text names no place to listen.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    #[error(
        "`{0}` is no port from 0 to 65535; write --listen (LISTEN) as HOST:PORT, like 127.0.0.1:8000, or as PORT"
    )]
    Port(String),
    #[error(
        "`{0}` may end with a port or not; write an IPv6 address in brackets, like --listen (LISTEN) [::1]:8000"
    )]
    Brackets(String),
    #[error(
        "`{0}` is no host; write --listen (LISTEN) as HOST:PORT, like 127.0.0.1:8000 or localhost:8000, or as PORT, without a scheme or a path"
    )]
    Host(String),
    #[error("cannot find the host `{host}`: {cause}; name another with --listen (LISTEN)")]
    Unknown { host: String, cause: io::Error },
    #[error("cannot listen on {address}: {cause}; choose another address with --listen (LISTEN)")]
    Bind {
        address: SocketAddr,
        cause: io::Error,
    },
}

impl FromStr for Listen {
    type Err = ListenError;

    fn from_str(text: &str) -> Result<Self, ListenError> {
        let text = text.trim();
        if let Ok(address) = text.parse::<SocketAddr>() {
            return Ok(Listen {
                host: Host::Address(address.ip()),
                port: address.port(),
            });
        }
        if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
            return Ok(Listen {
                host: Host::Address(Ipv4Addr::LOCALHOST.into()),
                port: port(text)?,
            });
        }
        if let Some(rest) = text.strip_prefix('[') {
            let (address, rest) = rest
                .split_once(']')
                .ok_or_else(|| ListenError::Host(text.to_owned()))?;
            let address: Ipv6Addr = address
                .parse()
                .map_err(|_| ListenError::Host(text.to_owned()))?;
            let port = match rest.strip_prefix(':') {
                Some(digits) => port(digits)?,
                None if rest.is_empty() => PORT,
                None => return Err(ListenError::Host(text.to_owned())),
            };
            return Ok(Listen {
                host: Host::Address(address.into()),
                port,
            });
        }
        if text.matches(':').count() > 1 {
            let is_address = text.parse::<Ipv6Addr>().is_ok();
            return Err(match is_address {
                true => ListenError::Brackets(text.to_owned()),
                false => ListenError::Host(text.to_owned()),
            });
        }
        let (host, port) = match text.split_once(':') {
            Some((host, digits)) => (host, port(digits)?),
            None => (text, PORT),
        };
        let Ok(host) = host.parse::<Host>();
        match host {
            Host::Name(name) if !is_name(&name) => Err(ListenError::Host(text.to_owned())),
            Host::All if text.is_empty() => Err(ListenError::Host(text.to_owned())),
            host => Ok(Listen { host, port }),
        }
    }
}

fn port(digits: &str) -> Result<u16, ListenError> {
    let digits_only = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    let port = digits_only.then(|| digits.parse().ok()).flatten();
    port.ok_or_else(|| ListenError::Port(digits.to_owned()))
}

impl FromStr for Host {
    type Err = Infallible;

    fn from_str(host: &str) -> Result<Self, Infallible> {
        Ok(match host.parse::<IpAddr>() {
            Ok(address) => Host::Address(address),
            Err(_) if host.is_empty() || host == "*" => Host::All,
            Err(_) if host.eq_ignore_ascii_case("localhost") => Host::Localhost,
            Err(_) => Host::Name(host.to_owned()),
        })
    }
}

fn is_name(host: &str) -> bool {
    let fine = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
    // What consists of digits and dots is meant as an address, and is none.
    let named = host.chars().any(|c| !c.is_ascii_digit() && c != '.');
    named && host.chars().all(fine)
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            Host::All => write!(f, ":{}", self.port),
            Host::Localhost => write!(f, "localhost:{}", self.port),
            Host::Address(IpAddr::V6(address)) => write!(f, "[{address}]:{}", self.port),
            Host::Address(address) => write!(f, "{address}:{}", self.port),
            Host::Name(name) => write!(f, "{name}:{}", self.port),
        }
    }
}

impl Listen {
    /// Listens on each of its addresses: of several, those that this machine does not have are left out, and one at least
    /// is there.
    pub async fn bind(&self) -> Result<Vec<TcpListener>, ListenError> {
        let mut listeners: Vec<TcpListener> = Vec::new();
        let mut missing = None;
        let mut port = self.port;
        for address in self.addresses().await? {
            let address = SocketAddr::new(address, port);
            match self.listener(address) {
                Ok(listener) => {
                    // Where the system is to choose a port, all have the one that it chose first.
                    port = listener.local_addr().map_or(port, |a| a.port());
                    listeners.push(listener);
                }
                Err(cause) if is_missing(&cause) => missing = Some((address, cause)),
                Err(cause) => return Err(ListenError::Bind { address, cause }),
            }
        }
        match missing {
            Some((address, cause)) if listeners.is_empty() => {
                Err(ListenError::Bind { address, cause })
            }
            _ => Ok(listeners),
        }
    }

    async fn addresses(&self) -> Result<Vec<IpAddr>, ListenError> {
        let name = match &self.host {
            Host::All => {
                return Ok(vec![
                    Ipv4Addr::UNSPECIFIED.into(),
                    Ipv6Addr::UNSPECIFIED.into(),
                ]);
            }
            Host::Localhost => {
                return Ok(vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]);
            }
            Host::Address(address) => return Ok(vec![*address]),
            Host::Name(name) => name,
        };
        let unknown = |cause| ListenError::Unknown {
            host: name.clone(),
            cause,
        };
        let found = tokio::net::lookup_host((name.as_str(), self.port)).await;
        let mut addresses: Vec<IpAddr> = Vec::new();
        for address in found.map_err(unknown)? {
            if !addresses.contains(&address.ip()) {
                addresses.push(address.ip());
            }
        }
        match addresses.is_empty() {
            true => Err(unknown(io::Error::other("it has no address"))),
            false => Ok(addresses),
        }
    }

    fn listener(&self, address: SocketAddr) -> io::Result<TcpListener> {
        let kind = Type::STREAM.nonblocking().cloexec();
        let socket = Socket::new(Domain::for_address(address), kind, Some(Protocol::TCP))?;
        // A server that is started again does not wait for the system to forget the connections of the last.
        #[cfg(unix)]
        socket.set_reuse_address(true)?;
        if address.is_ipv6() && matches!(self.host, Host::All) {
            // IPv4 has a socket of its own.
            socket.set_only_v6(true)?;
        }
        socket.bind(&address.into())?;
        socket.listen(BACKLOG)?;
        TcpListener::from_std(socket.into())
    }
}

/// Whether this machine does not have the address, or not that version of IP.
fn is_missing(error: &io::Error) -> bool {
    const EAFNOSUPPORT: [i32; 2] = [97, 47];
    let unsupported = error
        .raw_os_error()
        .is_some_and(|c| EAFNOSUPPORT.contains(&c));
    unsupported || error.kind() == io::ErrorKind::AddrNotAvailable
}

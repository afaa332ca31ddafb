//! Which addresses actions may reach.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use ipnet::IpNet;

/// What an operator allows on top of public addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Allowed {
    /// A host by name, wherever it is.
    Host(String),
    /// Addresses, by whatever name.
    Net(IpNet),
}

/// An option about requests that can't be read.
#[derive(Debug, thiserror::Error)]
pub enum ParseError {
    /// Neither the name of a host, nor an address, nor a range of them.
    #[error("`{0}` is neither a host name nor an address nor a range of addresses (10.0.0.0/8)")]
    Allowed(String),
    /// Not a host and the server that stands in for it.
    #[error("`{0}` is not of the form HOST=URL (api.example.com=http://127.0.0.1:8080)")]
    Override(String),
}

impl FromStr for Allowed {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
        if let Ok(address) = bare.parse::<IpAddr>() {
            return Ok(Self::Net(address.into()));
        }
        if let Ok(net) = bare.parse::<IpNet>() {
            return Ok(Self::Net(net.trunc()));
        }
        match url::Host::parse(text) {
            Ok(url::Host::Domain(name)) if !text.contains(['/', ':']) => Ok(Self::Host(name)),
            _ => Err(ParseError::Allowed(text.to_owned())),
        }
    }
}

impl fmt::Display for Allowed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host(name) => f.write_str(name),
            Self::Net(net) => net.fmt(f),
        }
    }
}

/// Decides about every address that a connection is made to. Public ones are allowed.
#[derive(Clone, Debug, Default)]
pub struct EgressPolicy {
    /// Whether the server itself (127.0.0.0/8, ::1) may be reached.
    pub loopback: bool,
    pub allowed: Vec<Allowed>,
}

impl EgressPolicy {
    /// True if `address`, to which `host` (lower case, no brackets) led, may be reached.
    pub fn permits(&self, host: &str, address: IpAddr) -> bool {
        let address = embedded(address);
        let is_listed = self.allowed.iter().any(|allowed| match allowed {
            Allowed::Host(name) => name.eq_ignore_ascii_case(host.trim_end_matches('.')),
            Allowed::Net(net) => net.contains(&address),
        });
        is_listed || (self.loopback && address.is_loopback()) || is_public(address)
    }
}

/// The IPv4 address that an IPv6 address stands for: mapped, compatible, NAT64, 6to4, Teredo has none.
fn embedded(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address else { return address };
    let segments = v6.segments();
    let v4 = |high: u16, low: u16| {
        let [a, b] = high.to_be_bytes();
        let [c, d] = low.to_be_bytes();
        IpAddr::V4(Ipv4Addr::new(a, b, c, d))
    };
    match segments {
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0, 0, 0, 0, 0xffff, 0, high, low] => v4(high, low),
        [0, 0, 0, 0, 0, 0, high, low] if high != 0 => v4(high, low),
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => v4(high, low),
        [0x2002, high, low, ..] => v4(high, low),
        _ => address,
    }
}

fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_public_v4(v4),
        IpAddr::V6(v6) => is_public_v6(v6),
    }
}

/// Not one of <https://www.iana.org/assignments/iana-ipv4-special-registry>.
fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    !(a == 0
        || address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_multicast()
        || address.is_documentation()
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 192 && b == 88 && c == 99)
        || (a == 198 && (b == 18 || b == 19))
        || a >= 240)
}

/// Global unicast (2000::/3) without Teredo, benchmarks, documentation and the like.
fn is_public_v6(address: Ipv6Addr) -> bool {
    let [first, second, ..] = address.segments();
    (0x2000..0x4000).contains(&first)
        && !(first == 0x2001 && second < 0x0200)
        && !(first == 0x2001 && second == 0x0db8)
        && !(first == 0x3fff && second < 0x1000)
}

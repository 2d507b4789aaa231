//! Whom the limits by address bind.

use std::net::{IpAddr, Ipv6Addr};

/// What one client has: an address of IPv4, but of IPv6 a network of 64 bits, of which they take whichever address they like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Client(IpAddr);

impl Client {
    /// Who has this address.
    pub fn of(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
            address @ IpAddr::V4(_) => address,
        })
    }
}

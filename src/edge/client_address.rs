//! Where a request comes from. Behind a load balancer the other end of its connection is the balancer, and the client stands
//! in `X-Forwarded-For`. Anybody can write that, so it is believed of the proxies in `server.trusted_proxies` alone.

use std::net::{IpAddr, SocketAddr};

use actix_web::HttpRequest;
use ipnet::IpNet;

use super::server::EdgeContext;
use crate::protocol::error::{ErrorType, WireError};
use crate::requests::Client;

const FORWARDED_FOR: &str = "x-forwarded-for";

/// Networks of proxies that say for whom they speak.
#[derive(Clone, Debug, Default)]
pub struct TrustedProxies(pub Vec<IpNet>);

impl TrustedProxies {
    fn is_one(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }

    /// The client: of the connection's other end and those that `forwarded` names, nearest last, the nearest that is no
    /// proxy of ours. What stands before it somebody else has written.
    fn client<'a>(&self, peer: IpAddr, forwarded: impl DoubleEndedIterator<Item = &'a str>) -> IpAddr {
        let mut nearest_first = forwarded.rev();
        let mut client = peer.to_canonical();
        while self.is_one(client) {
            let Some(before) = nearest_first.next().and_then(address) else { break };
            client = before.to_canonical();
        }
        client
    }
}

/// Whose share of something is taken from an address: none's where a proxy of ours does not say for whom it asks, since anybody
/// may be behind it.
pub(super) fn client_at(context: &EdgeContext, address: Option<IpAddr>) -> Option<Client> {
    address.filter(|address| !context.settings.trusted_proxies.is_one(*address)).map(Client::of)
}

/// An address as proxies write it, perhaps with a port.
fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    bare.parse().ok().or_else(|| text.parse().ok().map(|address: SocketAddr| address.ip()))
}

/// Who asks; none where the connection does not say.
pub(super) fn client_address(context: &EdgeContext, request: &HttpRequest) -> Option<IpAddr> {
    let peer = request.peer_addr()?.ip();
    let headers: Vec<&str> =
        request.headers().get_all(FORWARDED_FOR).filter_map(|value| value.to_str().ok()).collect();
    Some(context.settings.trusted_proxies.client(peer, headers.iter().flat_map(|header| header.split(','))))
}

/// The same, of somebody who is about to prove who they are: addresses that do so too often are held back.
///
/// # Errors
/// `too_many_requests`.
pub(super) fn admitted_address(
    context: &EdgeContext,
    request: &HttpRequest,
) -> Result<Option<IpAddr>, WireError> {
    let address = client_address(context, request);
    if address.is_some_and(|address| !context.limits.admits_login(address)) {
        return Err(WireError::of(ErrorType::TooManyRequests));
    }
    Ok(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(peer: &str, forwarded: &[&str]) -> String {
        let trusted = ["10.0.0.0/8", "fd00::/8"].map(|network| network.parse().expect("a network"));
        let peer = peer.parse().expect("an address");
        let names = forwarded.iter().flat_map(|header| header.split(','));
        TrustedProxies(trusted.to_vec()).client(peer, names).to_string()
    }

    #[test]
    fn proxies_of_ours_are_believed_and_nobody_else() {
        for (peer, forwarded, expected) in [
            ("203.0.113.1", &["198.51.100.9"][..], "203.0.113.1"),
            ("10.0.0.1", &[], "10.0.0.1"),
            ("10.0.0.1", &["198.51.100.9"], "198.51.100.9"),
            ("10.0.0.1", &["1.1.1.1, 198.51.100.9"], "198.51.100.9"),
            ("10.0.0.1", &["1.1.1.1", "198.51.100.9, 10.0.0.2"], "198.51.100.9"),
            ("::ffff:10.0.0.1", &["198.51.100.9:4711"], "198.51.100.9"),
            ("fd00::1", &["[2001:db8::7]:443"], "2001:db8::7"),
            ("fd00::1", &["[2001:db8::7]"], "2001:db8::7"),
            ("10.0.0.1", &["10.0.0.3"], "10.0.0.3"),
            ("10.0.0.1", &["198.51.100.9, nonsense"], "10.0.0.1"),
            ("10.0.0.1", &[" "], "10.0.0.1"),
        ] {
            assert_eq!(client(peer, forwarded), expected, "{peer} {forwarded:?}");
        }
    }
}

//! Ports that nobody else is given.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use socket2::{Domain, Socket, Type};

/// A port of this machine for as long as the value lives. Whoever connects to it is refused until somebody listens there: this
/// process, or a server that is told the port, as often as it is started. The system gives it to nobody by itself.
pub(crate) struct Reserved {
    socket: Socket,
    address: SocketAddr,
}

impl Reserved {
    /// Any that is free.
    pub(crate) fn new() -> Self {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        // As servers do, which may bind the same port therefore.
        socket.set_reuse_address(true).expect("an option");
        socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).expect("a port");
        let address = socket.local_addr().ok().and_then(|address| address.as_socket());
        Self { socket, address: address.expect("an address") }
    }

    /// `127.0.0.1:PORT`
    pub(crate) fn address(&self) -> String {
        self.address.to_string()
    }

    /// The port.
    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    /// From now on this process listens.
    pub(crate) fn listen(self) -> TcpListener {
        self.socket.listen(128).expect("nobody else listens there");
        self.socket.into()
    }
}

//! What is listened with while the store cannot be reached yet: the process lives, and takes nobody.

use std::net::SocketAddr;

use actix_web::dev::ServerHandle;
use actix_web::{App, HttpResponse, HttpServer, web};

use super::health::healthz;
use super::web::error_response;
use crate::protocol::error::{ErrorType, WireError};

/// A listener that answers `/healthz` well, `/readyz` not, and everything else with `service_unavailable`.
pub struct WaitingRoom(Option<ServerHandle>);

impl WaitingRoom {
    /// Listens; not on a port that the system is to choose, since nobody could know it. Must run inside an actix system.
    ///
    /// # Errors
    /// If the address cannot be listened on.
    pub fn open(listen: SocketAddr, tls: Option<rustls::ServerConfig>) -> std::io::Result<Self> {
        if listen.port() == 0 {
            return Ok(Self(None));
        }
        let app = || {
            App::new()
                .route("/healthz", web::get().to(healthz))
                .route("/readyz", web::get().to(not_ready))
                .default_service(web::to(come_back))
        };
        let server = HttpServer::new(app).workers(1).disable_signals();
        let server = match tls {
            Some(tls) => server.bind_rustls_0_23(listen, tls)?,
            None => server.bind(listen)?,
        }
        .run();
        let handle = server.handle();
        tokio::task::spawn_local(server);
        Ok(Self(Some(handle)))
    }

    /// Frees the address.
    pub async fn close(self) {
        if let Some(handle) = self.0 {
            handle.stop(false).await;
        }
    }
}

async fn not_ready() -> HttpResponse {
    HttpResponse::ServiceUnavailable().body("waiting for the store\n")
}

async fn come_back() -> HttpResponse {
    error_response(&WireError::of(ErrorType::ServiceUnavailable))
}

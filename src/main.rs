//! The program: everything it does is in the library.

use std::process::ExitCode;

/// Many small, short-lived allocations on many threads are what it is best at. Without huge pages, which make an idle session half
/// as large again (docs/performance.md).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // The one provider of the process: two of them, and every use of TLS has to choose.
    if rustls::crypto::ring::default_provider().install_default().is_err() {
        unreachable!("nobody else has installed a provider yet");
    }
    switchboard::cli::run(std::env::args_os())
}

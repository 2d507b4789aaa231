//! The binary: reads the settings and runs a node.
use switchboard::config::{Inputs, load};
fn main() {
    tracing_subscriber::fmt().init();
    rustls::crypto::ring::default_provider().install_default().ok();
    let (config, _) = load(&Inputs::of_process(None, vec![])).into_result().unwrap();
    if let Err(e) = switchboard::node::run(config) {
        eprintln!("{e:?}");
        std::process::exit(1)
    }
}

//! stub
#![allow(missing_docs)]
use crate::protocol::version::Surface;
use std::time::Duration;
#[derive(Default)]
pub struct Metrics;
impl Metrics {
    pub fn session_cut(&self) {}
    pub fn push_sent(&self) {}
    pub fn request(&self, _: Surface, _: &str, _: Duration) {}
    pub fn login(&self, _: Surface) {}
    pub fn session_opened(&self, _: Surface) {}
    pub fn session_closed(&self, _: Surface) {}
    pub fn set_resident_chats(&self, _: usize) {}
    pub fn observe_store(&self, _: &crate::store::Pulse) {}
    pub fn render(&self) -> String {
        String::new()
    }
}

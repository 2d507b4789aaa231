//! Sockets: login, logout, pings, request ids, why they end.

mod ends;
mod login;
mod own;
mod pings;
mod push_filter;
mod request_ids;
mod resume;

/// Does something before a token ends. A machine that is too busy for that, so that it comes to nothing, does it again with
/// a token that lives longer.
async fn before_its_end<T>(mut attempt: impl AsyncFnMut(u64) -> Option<T>) -> T {
    for seconds in [3, 10, 30, 90] {
        if let Some(done) = attempt(seconds).await {
            return done;
        }
    }
    panic!("a token of 90 seconds ended before its use");
}

//! The owners of state: chats, routers, and the directory that finds or starts them.
//!
//! No API version and no socket is known here. The cast:
//!
//! - [`chat::ChatActor`] owns one chat with its active thread. It is the only one who decides about the chat,
//!   and the only one who writes its log.
//! - The router behind [`router::RouterHandle`] assigns the chats of one license to agents.
//! - [`Actors`] is the directory: it starts both on demand on the arbiters of the web server's workers.
//! - [`delivery::Delivery`] is how actors push without knowing sessions.
//!
//! The life of one command: [`Actors::ask`] finds the chat's actor; the actor queues it; a *turn* takes all that
//! is queued, decides each on the state that the earlier ones leave, appends one batch, validates, and only then
//! answers and pushes. Any other outcome than success stops the actor; the next command starts it from the log.

pub mod again;
pub mod ahead;
pub mod barrier;
pub mod catching_up;
mod changed;
pub mod chat;
pub mod customer_chats;
pub mod decisions;
pub mod delivery;
mod directory;
pub mod elsewhere;
mod error;
mod forward;
mod near;
pub mod pending;
pub mod period;
pub mod post;
pub mod reading;
pub mod recovery;
mod reports;
mod residents;
pub mod roll;
pub mod router;
mod settings;
mod shards;
pub mod timers;
mod unsettled;
pub mod visits;

pub use directory::{Actors, ActorsParts, ChatKey, Origin, SessionId};
pub use error::AskError;
pub use roll::{Present, RollCall};
pub use settings::{ActorSettings, LicenseSource};

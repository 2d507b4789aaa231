//! The end of sessions whose token is taken back, or whose customer is banned.

use std::collections::HashSet;
use std::sync::Arc;

use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};
use uuid::Uuid;

use super::handle::{SessionHandle, SessionUser, Wake};
use super::registry::Registry;
use crate::domain::id::CustomerId;
use crate::store::StoreError;
use crate::tenants::{Revoked, Tenants, TokenId};

const TOKEN: &str = "access_token_revoked";
const BANNED: &str = "customer_banned";

/// What was taken back since somebody last listened.
#[derive(Default)]
struct Heard {
    revoked: Vec<Revoked>,
    /// There was more, of which nothing is known.
    has_missed: bool,
}

/// Ends sessions for as long as the node lives, by whatever is taken back from now on.
pub fn follow(registry: Arc<Registry>, tenants: Tenants) -> impl Future<Output = ()> {
    let mut revoked = tenants.tokens.revoked();
    async move {
        while let Some(heard) = listen(&mut revoked).await {
            end(&registry, &heard.revoked);
            if heard.has_missed {
                tracing::warn!("tokens were taken back too fast to be told; all sessions are looked at");
                look_at_all(&registry, &tenants).await;
            }
        }
    }
}

/// All that there is to hear, so that many revocations are one look at the sessions. None once nothing more will come.
async fn listen(revoked: &mut Receiver<Revoked>) -> Option<Heard> {
    let mut heard = Heard::default();
    match revoked.recv().await {
        Ok(first) => heard.revoked.push(first),
        Err(RecvError::Lagged(_)) => heard.has_missed = true,
        Err(RecvError::Closed) => return None,
    }
    loop {
        match revoked.try_recv() {
            Ok(next) => heard.revoked.push(next),
            Err(TryRecvError::Lagged(_)) => heard.has_missed = true,
            Err(TryRecvError::Empty | TryRecvError::Closed) => return Some(heard),
        }
    }
}

fn end(registry: &Registry, revoked: &[Revoked]) {
    let mut tokens = HashSet::new();
    for revoked in revoked {
        match revoked {
            Revoked::Agent(token) => drop(tokens.insert(token.to_string())),
            Revoked::Customer(token) => drop(tokens.insert(token.to_string())),
            Revoked::Banned(license, customer) => {
                let customer = CustomerId::new(customer.to_string());
                registry.disconnect_user(&SessionUser::Customer(*license, customer), BANNED);
            }
        }
    }
    if !tokens.is_empty() {
        registry.disconnect_tokens(&tokens, TOKEN);
    }
}

/// Ends each session that may not go on, by what is known of its token.
async fn look_at_all(registry: &Registry, tenants: &Tenants) {
    for session in registry.sessions() {
        match reason_to_end(&session, tenants).await {
            Ok(Some(reason)) => session.wake(Wake::Disconnect(reason)),
            Ok(None) => {}
            Err(error) => {
                tracing::warn!(session.id = session.id, %error, "nobody knows whether its token is good");
            }
        }
    }
}

async fn reason_to_end(
    session: &SessionHandle,
    tenants: &Tenants,
) -> Result<Option<&'static str>, StoreError> {
    let (Some(user), Some(token)) = (session.user(), session.token()) else { return Ok(None) };
    let license = match user {
        SessionUser::Agent(license, _) | SessionUser::Customer(license, _) => license,
    };
    let customer = match &user {
        SessionUser::Customer(_, customer) => Uuid::try_parse(customer.as_str()).ok(),
        SessionUser::Agent(..) => None,
    };
    let token = match &user {
        SessionUser::Agent(..) => TokenId::parse(&token).map(Revoked::Agent),
        SessionUser::Customer(..) => Uuid::try_parse(&token).ok().map(Revoked::Customer),
    };
    let ban = customer.map(|customer| Revoked::Banned(license, customer));
    for (revoked, reason) in [(token, TOKEN), (ban, BANNED)] {
        if let Some(revoked) = revoked
            && tenants.is_revoked(license, revoked).await?
        {
            return Ok(Some(reason));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;
    use std::time::Duration;

    use actix::{Actor, Context, Handler};
    use actix_rt::Arbiter;
    use parking_lot::Mutex;
    use tokio::sync::broadcast;

    use super::*;
    use crate::clock::SystemClock;
    use crate::domain::id::{AgentId, LicenseId};
    use crate::id_source::OsIds;
    use crate::observe::Metrics;
    use crate::protocol::version::Surface;
    use crate::sessions::cut::Cut;
    use crate::sessions::outbox::{Outbox, OutboxLimits};
    use crate::sessions::registry::SessionCounts;
    use crate::store::embedded::{EmbeddedOptions, EmbeddedStore};
    use crate::tenants::{Credentials, make_demo_license};

    #[tokio::test]
    async fn what_waits_is_heard_at_once_and_so_is_that_something_was_missed() {
        let (told, mut revoked) = broadcast::channel(2);
        let token = |number| Revoked::Customer(Uuid::from_u128(number));
        drop(told.send(token(1)).and(told.send(token(2))));
        let heard = listen(&mut revoked).await.expect("something");
        assert_eq!((heard.revoked, heard.has_missed), (vec![token(1), token(2)], false));
        (3..8).for_each(|number| drop(told.send(token(number))));
        let heard = listen(&mut revoked).await.expect("something");
        assert_eq!((heard.revoked, heard.has_missed), (vec![token(6), token(7)], true));
        drop(told);
        assert!(listen(&mut revoked).await.is_none());
    }

    /// Notes what a session is asked to do.
    #[derive(Clone, Default)]
    struct Asked(Arc<Mutex<Vec<Wake>>>);

    impl Actor for Asked {
        type Context = Context<Self>;
    }

    impl Handler<Wake> for Asked {
        type Result = ();

        fn handle(&mut self, wake: Wake, _: &mut Self::Context) {
            self.0.lock().push(wake);
        }
    }

    struct Scene {
        registry: Arc<Registry>,
        tenants: Tenants,
        demo: Credentials,
        _folder: tempfile::TempDir,
    }

    impl Scene {
        async fn set() -> Self {
            let folder = tempfile::tempdir().expect("a folder");
            let options =
                EmbeddedOptions { reserve_bytes: 0, ..EmbeddedOptions::new(folder.path().join("store")) };
            let store = Arc::new(EmbeddedStore::open(&options).expect("a store"));
            let tenants = Tenants::new(store, Arc::new(SystemClock), Arc::new(OsIds));
            let file = folder.path().join("demo.json");
            let made = make_demo_license(&tenants, "http://127.0.0.1:8080", &file).await;
            let demo = made.expect("made").expect("a first license");
            let counts =
                SessionCounts { agent: 10, customer: 10, unauthorized: 10, unauthorized_of_client: 0 };
            let registry = Registry::new(counts, Arc::new(Metrics::default()));
            Self { registry, tenants, demo, _folder: folder }
        }

        fn license(&self) -> LicenseId {
            self.demo.license_id
        }

        /// A session that is logged in with a token.
        fn session(&self, user: SessionUser, token: String) -> (Asked, actix::Addr<Asked>) {
            let cut = Cut::new(None, Arbiter::current(), Arc::new(AtomicBool::new(true)));
            let (surface, outbox) = (Surface::Agent, Outbox::new(OutboxLimits::default()));
            let handle = Arc::new(SessionHandle::new(self.registry.next_id(), surface, outbox, cut, 0));
            let asked = Asked::default();
            let address = asked.clone().start();
            handle.begins(address.clone().recipient());
            self.registry.opened(handle.clone());
            handle.set_token(token);
            assert!(self.registry.logged_in(&handle, &user));
            (asked, address)
        }

        async fn agent(&self, number: usize) -> (AgentId, TokenId) {
            let agent = &self.demo.agents[number];
            let now = self.tenants.clock.now();
            let proven = self.tenants.tokens.authenticate(&agent.token, now).await.expect("good");
            (proven.agent, proven.token_id)
        }
    }

    #[actix_rt::test]
    async fn if_something_was_missed_every_session_that_may_not_go_on_ends() {
        let scene = Scene::set().await;
        let (now, license) = (scene.tenants.clock.now(), scene.license());
        let mut sessions = Vec::new();
        for number in 0..2 {
            let (agent, token) = scene.agent(number).await;
            sessions.push(scene.session(SessionUser::Agent(license, agent), token.to_string()));
        }
        let customer = |number| CustomerId::new(Uuid::from_u128(number).to_string());
        for number in 1..3 {
            let user = SessionUser::Customer(license, customer(number));
            sessions.push(scene.session(user, Uuid::from_u128(number + 10).to_string()));
        }
        scene.tenants.tokens.revoke(license, scene.agent(0).await.1, now).await.expect("taken back");
        let until = now.after(Duration::from_secs(60));
        scene.tenants.customer_tokens.ban(license, &customer(1), until, now).await.expect("banned");
        look_at_all(&scene.registry, &scene.tenants).await;
        let mut told = Vec::new();
        for (asked, address) in &sessions {
            address.send(Wake::Ping).await.expect("it lives");
            told.push(asked.0.lock().clone());
        }
        let ended = |reason| vec![Wake::Disconnect(reason), Wake::Ping];
        assert_eq!(told, [ended(TOKEN), vec![Wake::Ping], ended(BANNED), vec![Wake::Ping]]);
    }
}

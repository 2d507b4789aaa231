use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::*;
use crate::domain::id::{AgentId, LicenseId};

const SMITH: &str = "smith@example.com";

fn new_token(license: LicenseId, agent: &str, kind: TokenKind) -> NewToken {
    let agent = AgentId::new(agent);
    NewToken { license, agent, kind, scopes: None, lifetime: None, label: String::new() }
}

#[actix_rt::test]
async fn good_tokens_say_who_calls() {
    let test = TestTenants::new();
    let demo = test.demo().await;
    let tokens = &test.tenants.tokens;
    for agent in &demo.agents {
        let headers = [
            (format!("Bearer {}", agent.token), TokenKind::Bearer),
            (format!("bearer {}", agent.token), TokenKind::Bearer),
            (agent.token.clone(), TokenKind::Bearer),
            (format!("Basic {}", agent.pat), TokenKind::Pat),
            (format!("basic {}", agent.pat.trim_end_matches('=')), TokenKind::Pat),
        ];
        for (header, kind) in headers {
            let identity = tokens.authenticate(&header, test.now()).await.expect("good");
            assert_eq!((&identity.agent, identity.kind), (&agent.id, kind));
            assert_eq!(identity.license.id, demo.license_id);
        }
    }
}

#[actix_rt::test]
async fn other_texts_are_refused() {
    let test = TestTenants::new();
    let demo = test.demo().await;
    let (smith, jones) = (&demo.agents[0], &demo.agents[1]);
    let secret_of_pat = String::from_utf8(STANDARD.decode(&smith.pat).expect("base64")).expect("text");
    let secret_of_pat = secret_of_pat.split_once(':').expect("two halves").1.to_owned();
    let basic = |text: String| format!("Basic {}", STANDARD.encode(text));
    for header in [
        String::new(),
        "Bearer".to_owned(),
        "Bearer ".to_owned(),
        format!("Bearer {} x", smith.token),
        format!("Digest {}", smith.token),
        format!("Bearer {}x", smith.token),
        format!("Bearer {}", smith.token.to_lowercase()),
        format!("Bearer {}", "x".repeat(5_000)),
        format!("Bearer {}", smith.pat),
        format!("Bearer {secret_of_pat}"),
        "Basic !!!".to_owned(),
        basic("no colon".to_owned()),
        basic(format!("{}:{secret_of_pat}", jones.account_id)),
        basic(format!(":{secret_of_pat}")),
        basic(format!("{}:", smith.account_id)),
        basic(format!("{}:{}", smith.account_id, smith.token)),
    ] {
        let result = test.tenants.tokens.authenticate(&header, test.now()).await;
        assert!(matches!(result, Err(AuthError::Malformed | AuthError::Unknown)), "{header}: {result:?}");
    }
}

#[actix_rt::test]
async fn tokens_end() {
    let test = TestTenants::new();
    let license = test.demo().await.license_id;
    let lifetime = Some(Duration::from_secs(60));
    let new = NewToken { lifetime, ..new_token(license, SMITH, TokenKind::Bot) };
    let made = test.tenants.tokens.create(new, test.now()).await.expect("made");
    let header = format!("Bearer {}", made.credentials());
    assert!(test.tenants.tokens.authenticate(&header, test.now()).await.is_ok());
    test.pass(Duration::from_secs(60));
    let result = test.tenants.tokens.authenticate(&header, test.now()).await;
    assert!(matches!(result, Err(AuthError::Expired)));
}

#[actix_rt::test]
async fn revoked_tokens_are_refused_here_at_once_and_elsewhere_at_the_next_look() {
    let test = TestTenants::new();
    let demo = test.demo().await;
    let other = test.other_node();
    let header = format!("Bearer {}", demo.agents[0].token);
    let id = test.tenants.tokens.authenticate(&header, test.now()).await.expect("good").token_id;
    other.tokens.authenticate(&header, test.now()).await.expect("good");
    let (mut here, mut there) = (test.tenants.tokens.revoked(), other.tokens.revoked());

    // The other node sees nothing for longer than any overlap of clocks.
    test.pass(Duration::from_secs(3_600));
    test.tenants.tokens.revoke(demo.license_id, id, test.now()).await.expect("revoked");
    assert_eq!(here.try_recv(), Ok(Revoked::Agent(id)));
    let refused = test.tenants.tokens.authenticate(&header, test.now()).await;
    assert!(matches!(refused, Err(AuthError::Revoked)));

    test.pass(Duration::from_secs(3_600));
    other.refresh().await.expect("looked");
    assert_eq!(there.try_recv(), Ok(Revoked::Agent(id)));
    let refused = other.tokens.authenticate(&header, test.now()).await;
    assert!(matches!(refused, Err(AuthError::Revoked)));
    let fresh = test.other_node();
    assert!(matches!(fresh.tokens.authenticate(&header, test.now()).await, Err(AuthError::Revoked)));

    test.tenants.tokens.revoke(demo.license_id, id, test.now()).await.expect("again");
    let elsewhere = test.tenants.tokens.revoke(LicenseId(7), id, test.now()).await;
    assert!(matches!(elsewhere, Err(TokenError::NoToken)), "another license's token is not there");
}

#[actix_rt::test]
async fn suspended_agents_are_told_so() {
    let test = TestTenants::new();
    let demo = test.demo().await;
    let header = format!("Basic {}", demo.agents[0].pat);
    for (suspended, awaiting) in [(true, false), (false, true)] {
        test.tenants
            .licenses
            .update(demo.license_id, |license| {
                let agent = license.agents.get_mut(&AgentId::new(SMITH)).ok_or(())?;
                (agent.suspended, agent.awaiting_approval) = (suspended, awaiting);
                Ok::<(), ()>(())
            })
            .await
            .expect("changed");
        let refused = test.tenants.tokens.authenticate(&header, test.now()).await;
        assert_eq!(matches!(refused, Err(AuthError::Suspended)), suspended);
        assert_eq!(matches!(refused, Err(AuthError::AwaitingApproval)), awaiting);
    }
}

#[actix_rt::test]
async fn scopes_are_those_chosen_and_never_beyond_the_role() {
    let test = TestTenants::new();
    let demo = test.demo().await;
    let tokens = &test.tenants.tokens;
    let with = |agent: &str, scopes: &[&str]| NewToken {
        scopes: Some(scopes.iter().map(|scope| (*scope).to_owned()).collect()),
        ..new_token(demo.license_id, agent, TokenKind::Bearer)
    };
    let made = tokens.create(with(SMITH, &["chats--all:ro"]), test.now()).await.expect("made");
    let identity = tokens.authenticate(made.secret.reveal(), test.now()).await.expect("good");
    assert!(identity.scopes.allows("chats--my:ro") && !identity.scopes.allows("chats--my:rw"));

    let too_strong = tokens.create(with("brown@example.com", &["chats--all:ro"]), test.now()).await;
    assert!(matches!(too_strong, Err(TokenError::TooStrong { .. })));
    let unknown = tokens.create(with(SMITH, &["everything"]), test.now()).await;
    assert!(matches!(unknown, Err(TokenError::UnknownScope(_))));
    let nobody = tokens.create(new_token(demo.license_id, "x@example.com", TokenKind::Pat), test.now()).await;
    assert!(matches!(nobody, Err(TokenError::NoAgent { .. })));

    test.tenants
        .licenses
        .update(demo.license_id, |license| {
            let agent = license.agents.get_mut(&AgentId::new(SMITH)).ok_or(())?;
            agent.role = crate::domain::license::Role::Normal;
            Ok::<(), ()>(())
        })
        .await
        .expect("changed");
    let identity = tokens.authenticate(made.secret.reveal(), test.now()).await.expect("good");
    assert!(!identity.scopes.allows("chats--all:ro"), "the role has lost it");
    assert!(identity.scopes.allows("chats--access:ro"), "and still holds this");
}

#[actix_rt::test]
async fn lists_show_tokens_and_no_secrets() {
    let test = TestTenants::new();
    let demo = test.demo().await;
    let listed = test.tenants.tokens.list(demo.license_id).await.expect("listed");
    assert_eq!(listed.len(), 6);
    let shown = format!("{listed:?}");
    assert!(demo.agents.iter().all(|agent| !shown.contains(&agent.token) && !shown.contains(&agent.pat)));
}

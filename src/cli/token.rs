//! `switchboard token create|list|revoke`

use std::error::Error;

use comfy_table::{Table, presets};

use super::args::{TokenCommand, TokenCreate, TokenList, TokenRevoke};
use super::operate::operate;
use super::print;
use crate::admin::{Operation, Outcome, TokenChoice, TokenView};
use crate::config::Config;
use crate::domain::id::{AgentId, LicenseId};
use crate::tenants::{TokenId, TokenKind};

/// Runs the command.
pub(super) fn run(config: &Config, command: TokenCommand) -> Result<(), Box<dyn Error>> {
    let is_json = match &command {
        TokenCommand::Create(flags) => flags.of.json,
        TokenCommand::List(flags) => flags.of.json,
        TokenCommand::Revoke(_) => false,
    };
    let outcome = operate(config, operation(command))?;
    let text = if is_json {
        serde_json::to_string_pretty(&json(&outcome))? + "\n"
    } else {
        match &outcome {
            Outcome::TokenMade { token, credentials } => made(token, credentials),
            Outcome::Tokens(tokens) => listed(tokens),
            Outcome::Revoked(tokens) => revoked(tokens),
            Outcome::LicenseMade(_) | Outcome::Licenses(_) | Outcome::Explained(_) | Outcome::Cluster(_) => {
                String::new()
            }
        }
    };
    Ok(print::result(&text)?)
}

fn operation(command: TokenCommand) -> Operation {
    match command {
        TokenCommand::Create(TokenCreate { agent, kind, scopes, expires, label, of }) => {
            Operation::CreateToken {
                license: of.license.map(LicenseId),
                agent: AgentId::new(agent),
                kind: kind.into(),
                scopes,
                lifetime: expires,
                label: label.unwrap_or_default(),
            }
        }
        TokenCommand::List(TokenList { agent, of }) => {
            Operation::ListTokens { license: of.license.map(LicenseId), agent: agent.map(AgentId::new) }
        }
        TokenCommand::Revoke(TokenRevoke { id, agent, license, .. }) => {
            // One of the two is there: the parser sees to it.
            let by_agent = agent.map(|agent| TokenChoice::Agent(AgentId::new(agent)));
            let tokens = by_agent.unwrap_or_else(|| TokenChoice::Id(id.unwrap_or_default()));
            Operation::RevokeTokens { license: license.map(LicenseId), tokens }
        }
    }
}

/// The outcome without the name of its kind, which the command says already.
fn json(outcome: &Outcome) -> serde_json::Value {
    match outcome {
        Outcome::TokenMade { token, credentials } => {
            serde_json::json!({ "token": token, "scheme": scheme(token.kind), "credentials": credentials })
        }
        Outcome::Tokens(tokens) => serde_json::json!(tokens),
        Outcome::Revoked(tokens) => serde_json::json!(tokens),
        Outcome::LicenseMade(_) | Outcome::Licenses(_) | Outcome::Explained(_) | Outcome::Cluster(_) => {
            serde_json::Value::Null
        }
    }
}

fn made(token: &TokenView, credentials: &str) -> String {
    let expires = token.expires_at.map_or_else(|| "never".to_owned(), print::moment);
    format!(
        "id       {}\nlicense  {}\nagent    {}\nkind     {}\nscopes   {}\nexpires  {expires}\n\n\
         The secret is shown this once. Send it as\n\n  Authorization: {} {credentials}\n",
        token.id,
        token.license,
        token.agent,
        kind(token.kind),
        scopes(token),
        scheme(token.kind),
    )
}

fn listed(tokens: &[TokenView]) -> String {
    if tokens.is_empty() {
        return "no tokens\n".to_owned();
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(["ID", "AGENT", "KIND", "STATE", "CREATED", "EXPIRES", "SCOPES", "LABEL"]);
    for token in tokens {
        table.add_row([
            short(&token.id),
            token.agent.to_string(),
            kind(token.kind).to_owned(),
            if token.revoked { "revoked" } else { "good" }.to_owned(),
            print::moment(token.created_at),
            token.expires_at.map_or_else(|| "never".to_owned(), print::moment),
            scopes(token),
            token.label.clone(),
        ]);
    }
    format!("{}\n", table.trim_fmt())
}

fn revoked(tokens: &[TokenId]) -> String {
    tokens.iter().map(|id| format!("revoked {}\n", short(id))).collect()
}

/// Enough of an id to tell tokens apart and to revoke one.
fn short(id: &TokenId) -> String {
    id.to_string().chars().take(16).collect()
}

fn scopes(token: &TokenView) -> String {
    token.scopes.as_ref().map_or_else(|| "all of the role".to_owned(), |scopes| scopes.join(","))
}

fn kind(kind: TokenKind) -> &'static str {
    match kind {
        TokenKind::Pat => "pat",
        TokenKind::Bearer => "bearer",
        TokenKind::Bot => "bot",
    }
}

fn scheme(kind: TokenKind) -> &'static str {
    match kind {
        TokenKind::Pat => "Basic",
        TokenKind::Bearer | TokenKind::Bot => "Bearer",
    }
}

//! The console and the customer page, and how the demo's console gets its tokens.

use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, ETAG, IF_NONE_MATCH, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use actix_web::{HttpRequest, HttpResponse, web};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use super::in_time::InTime;
use super::server::Context;
use super::web::{error_response, json_response};
use crate::protocol::error::{ErrorType, WireError};
use crate::web as assets;

/// The demo agents' tokens, given out once for the code that the start printed. No other route hands out an
/// agent's token, and this one exists only in demo mode on a loopback address.
pub struct DemoConsole {
    code: Mutex<Option<String>>,
    session: DemoSession,
}

/// What the console needs to be a demo agent.
#[derive(Clone, Debug, Serialize)]
pub struct DemoSession {
    /// Who one can be.
    pub agents: Vec<DemoAgent>,
    /// For the customer page.
    pub organization_id: String,
    /// For the customer page.
    pub client_id: String,
}

/// One of the demo agents.
#[derive(Clone, Serialize)]
pub struct DemoAgent {
    /// E-mail address.
    pub id: String,
    /// Display name.
    pub name: String,
    /// Bearer token.
    pub token: String,
}

impl std::fmt::Debug for DemoAgent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DemoAgent").field("id", &self.id).finish_non_exhaustive()
    }
}

impl DemoConsole {
    /// A console that opens once for `code`.
    pub fn new(code: String, session: DemoSession) -> Self {
        Self { code: Mutex::new(Some(code)), session }
    }

    /// The code, as long as nobody has used it.
    pub fn code(&self) -> String {
        self.code.lock().clone().unwrap_or_default()
    }

    fn redeem(&self, code: &str) -> Option<&DemoSession> {
        let mut expected = self.code.lock();
        let fits = expected.as_deref().is_some_and(|expected| {
            bool::from(subtle::ConstantTimeEq::ct_eq(expected.as_bytes(), code.as_bytes()))
        });
        if !fits {
            return None;
        }
        *expected = None;
        Some(&self.session)
    }
}

#[derive(Deserialize)]
pub(super) struct Code {
    code: String,
}

/// `POST /console/session`: the demo code against the demo agents' tokens.
pub(super) async fn console_session(context: Context, InTime(code): InTime<web::Json<Code>>) -> HttpResponse {
    let session = context.demo.as_ref().and_then(|demo| demo.redeem(&code.code));
    match session {
        Some(session) => json_response(serde_json::to_string(session).unwrap_or_default()),
        None => error_response(&WireError::new(
            ErrorType::Authorization,
            "the code is used up or unknown; restart the server for a new link, or sign in with a token",
        )),
    }
}

/// `GET /widget/config`: which client the customer page is, in demo mode.
pub(super) async fn widget_config(context: Context) -> HttpResponse {
    match &context.demo {
        Some(demo) => json_response(
            serde_json::json!({
                "client_id": demo.session.client_id,
                "organization_id": demo.session.organization_id,
            })
            .to_string(),
        ),
        None => error_response(&WireError::new(
            ErrorType::NotFound,
            "open /widget with client_id and organization_id in the query",
        )),
    }
}

/// `/` and `/widget`.
pub(super) async fn page(request: HttpRequest) -> HttpResponse {
    serve(&request, assets::page(request.path()))
}

/// `/assets/…`.
pub(super) async fn asset(request: HttpRequest, path: web::Path<String>) -> HttpResponse {
    serve(&request, assets::asset(&path))
}

fn serve(request: &HttpRequest, asset: Option<assets::Asset>) -> HttpResponse {
    let Some(asset) = asset else {
        return error_response(&WireError::new(ErrorType::NotFound, "no such page"));
    };
    let known = request.headers().get(IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    let unchanged = known == Some(&asset.etag);
    let mut response = if unchanged { HttpResponse::NotModified() } else { HttpResponse::Ok() };
    response
        .insert_header((CONTENT_SECURITY_POLICY, assets::CONTENT_SECURITY_POLICY))
        .insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .insert_header((REFERRER_POLICY, "no-referrer"))
        .insert_header((CACHE_CONTROL, "no-cache"))
        .insert_header((ETAG, asset.etag));
    if unchanged {
        return response.finish();
    }
    response.content_type(asset.content_type).body(asset.body.into_owned())
}

//! A Web API as one user.

use std::sync::Arc;

use serde_json::Value;
use switchboard::protocol::method::{self, HttpMethod};
use switchboard::protocol::version::Surface;

use super::answer::{Answer, ApiError, tables};
use super::node::NodeLink;

/// Calls methods over HTTP. Every answer is compared with the tables.
#[derive(Clone)]
pub(crate) struct Web {
    surface: &'static str,
    link: Arc<NodeLink>,
    authorization: String,
    organization: Option<String>,
    client: reqwest::Client,
}

impl Web {
    /// With the value of the header `Authorization`; customers name their organization.
    pub(crate) fn new(
        surface: &'static str,
        link: Arc<NodeLink>,
        authorization: String,
        organization: Option<String>,
    ) -> Self {
        Self { surface, link, authorization, organization, client: reqwest::Client::new() }
    }

    /// The same with another value of the header.
    pub(crate) fn with_token(&self, authorization: &str) -> Self {
        Self { authorization: authorization.to_owned(), ..self.clone() }
    }

    /// Where a method is.
    pub(crate) fn url(&self, action: &str) -> String {
        let query = self.organization.as_ref().map(|id| format!("?organization_id={id}"));
        let (base, surface) = (self.link.base(), self.surface);
        format!("{base}/v3.6/{surface}/action/{action}{}", query.unwrap_or_default())
    }

    /// Calls a method.
    pub(crate) async fn ask(&self, action: &str, payload: Value) -> Answer {
        let surface = if self.surface == "agent" { Surface::Agent } else { Surface::Customer };
        let is_get = |method: &method::Method| method.http == HttpMethod::Get;
        if method::find(surface, action).is_some_and(is_get) {
            return self.get(action, &payload).await;
        }
        self.ask_text(action, payload.to_string()).await
    }

    /// The same with a body as it is.
    pub(crate) async fn ask_text(&self, action: &str, body: String) -> Answer {
        let request = self.client.post(self.url(action)).header("Authorization", &self.authorization);
        let request = request.header("Content-Type", "application/json").body(body);
        self.answer_of(action, request).await
    }

    /// The same as a browser of this name, on a page that this one led to.
    pub(crate) async fn ask_as(
        &self,
        (browser, referrer): (&str, &str),
        action: &str,
        body: &Value,
    ) -> Answer {
        let request = self.client.post(self.url(action)).header("Authorization", &self.authorization);
        let request = request.header("User-Agent", browser).header("Referer", referrer).json(body);
        self.answer_of(action, request).await
    }

    /// The payload stands in the query.
    async fn get(&self, action: &str, payload: &Value) -> Answer {
        let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let pairs = payload.as_object().into_iter().flatten().map(|(name, value)| (name, text(value)));
        let url = format!("{}/v3.6/{}/action/{action}", self.link.base(), self.surface);
        let url = reqwest::Url::parse_with_params(&url, pairs).expect("a URL");
        self.answer_of(action, self.client.get(url).header("Authorization", &self.authorization)).await
    }

    /// Uploads a file as this part of the form.
    pub(crate) async fn upload(&self, part: &str, name: &str, bytes: &[u8]) -> Answer {
        const BETWEEN: &str = "----switchboard-test";
        let head = format!(
            "--{BETWEEN}\r\nContent-Disposition: form-data; name=\"{part}\"; filename=\"{name}\"\r\n\r\n"
        );
        let body = [head.as_bytes(), bytes, format!("\r\n--{BETWEEN}--\r\n").as_bytes()].concat();
        let request = self.client.post(self.url("upload_file")).header("Authorization", &self.authorization);
        let kind = format!("multipart/form-data; boundary={BETWEEN}");
        self.answer_of("upload_file", request.header("Content-Type", kind).body(body)).await
    }

    async fn answer_of(&self, action: &str, request: reqwest::RequestBuilder) -> Answer {
        let response = request.send().await.expect("the server answers");
        let status = response.status().as_u16();
        let kind =
            response.headers().get("content-type").and_then(|kind| kind.to_str().ok()).map(str::to_owned);
        let text = response.text().await.expect("a body");
        let body: Value =
            serde_json::from_str(&text).unwrap_or_else(|_| panic!("{action}: {status}, no JSON: {text:?}"));
        assert!(
            kind.is_some_and(|kind| kind.starts_with("application/json")),
            "{action}: not said to be JSON"
        );
        if status == 200 {
            tables(self.surface).response_fault(action, &body).unwrap_or_else(|fault| panic!("{fault}"));
            return Ok(body);
        }
        let mut error =
            ApiError::read(self.surface, &body).unwrap_or_else(|fault| panic!("{action}: {fault}"));
        let documented = &tables("customer").part("errors")[&error.kind]["http"];
        assert!(documented.is_null() || *documented == status, "{action}: {status} for {error:?}");
        assert!(status >= 400, "{action}: {status} for {error:?}");
        error.status = Some(status);
        Err(error)
    }

    /// Calls a method that has to go well.
    pub(crate) async fn call(&self, action: &str, payload: Value) -> Value {
        self.ask(action, payload).await.unwrap_or_else(|error| {
            panic!("{} {action}: {error:?}\nthe server's log:\n{}", self.surface, self.link.log_tail())
        })
    }

    /// Calls a method that has to be refused.
    pub(crate) async fn refused(&self, action: &str, payload: Value) -> ApiError {
        match self.ask(action, payload).await {
            Ok(answer) => panic!("{} {action} went well: {answer}", self.surface),
            Err(error) => error,
        }
    }
}

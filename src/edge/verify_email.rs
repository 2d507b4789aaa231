//! `/verify-email/…`: where the link of a mail leads. Looking changes nothing, since programs look at the links in mails;
//! the button does.

use actix_web::http::StatusCode;
use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use actix_web::{HttpRequest, HttpResponse, web};

use super::client_address::admitted_address;
use super::server::{Context, EdgeContext};
use super::web::error_response;
use crate::protocol::error::{ErrorType, WireError};
use crate::requests::EmailLink;

/// Nothing but its own style, no scripts, no frames around it.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; \
     base-uri 'none'";

const ASK: &str = "<p>Press the button to confirm that this e-mail address is yours.</p>\n\
     <form method=\"post\"><button>Confirm my e-mail address</button></form>";
const DONE: &str = "<p>Thank you: your e-mail address is confirmed. You can close this page.</p>";
const GONE: &str = "<p>This link is no longer good. Ask for another one where you chat.</p>";
const LATER: &str = "<p>That did not work. Please try again in a moment.</p>\n\
     <form method=\"post\"><button>Confirm my e-mail address</button></form>";

/// `GET`: asks.
pub(super) async fn ask(context: Context, request: HttpRequest, path: web::Path<String>) -> HttpResponse {
    match link(&context, &request, &path) {
        Ok(Some(_)) => page(StatusCode::OK, ASK),
        Ok(None) => page(StatusCode::NOT_FOUND, GONE),
        Err(error) => error_response(&error),
    }
}

/// `POST`: it is confirmed.
pub(super) async fn confirm(context: Context, request: HttpRequest, path: web::Path<String>) -> HttpResponse {
    let link = match link(&context, &request, &path) {
        Ok(Some(link)) => link,
        Ok(None) => return page(StatusCode::NOT_FOUND, GONE),
        Err(error) => return error_response(&error),
    };
    let license = match context.gate.license(link.license).await {
        Ok(license) => license,
        Err(error) if error.kind == ErrorType::LicenseNotFound => return page(StatusCode::NOT_FOUND, GONE),
        Err(_) => return page(StatusCode::SERVICE_UNAVAILABLE, LATER),
    };
    // Who goes away in the middle leaves nothing half told.
    let requests = context.requests.clone();
    let work = actix_web::rt::spawn(async move { requests.confirm_email(&license, &link).await });
    match work.await {
        Ok(Ok(true)) => page(StatusCode::OK, DONE),
        Ok(Ok(false)) => page(StatusCode::NOT_FOUND, GONE),
        Ok(Err(_)) | Err(_) => page(StatusCode::SERVICE_UNAVAILABLE, LATER),
    }
}

/// Addresses are held back as those that log in.
fn link(context: &EdgeContext, request: &HttpRequest, token: &str) -> Result<Option<EmailLink>, WireError> {
    admitted_address(context, request)?;
    Ok(context.requests.email_link(token))
}

fn page(status: StatusCode, content: &str) -> HttpResponse {
    let html = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"robots\" content=\"noindex\">\n<title>Your e-mail address</title>\n\
         <style>body {{ font: 1.1rem/1.5 system-ui, sans-serif; max-width: 30rem; margin: 15vh auto; padding: 0 1rem; }} \
         button {{ font: inherit; padding: .5rem 1rem; }}</style>\n</head>\n<body>\n<main>\n{content}\n</main>\n</body>\n</html>\n"
    );
    HttpResponse::build(status)
        .insert_header((CONTENT_SECURITY_POLICY, POLICY))
        .insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .insert_header((REFERRER_POLICY, "no-referrer"))
        .insert_header((CACHE_CONTROL, "no-store"))
        .content_type("text/html; charset=utf-8")
        .body(html)
}

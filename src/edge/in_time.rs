//! Extractors that read a request's body: it must come in time, and what is wrong with it is said in the
//! protocol's words.

use std::time::Duration;

use actix_web::dev::Payload;
use actix_web::error::{InternalError, PayloadError};
use actix_web::http::ConnectionType;
use actix_web::{FromRequest, HttpRequest};
use futures_util::FutureExt as _;
use futures_util::future::LocalBoxFuture;

use super::web::error_response;
use crate::protocol::error::{ErrorType, WireError};
use crate::sessions::cut::ConnectionSocket;

/// A client that is still sending reads an answer only if the connection lives on for a while.
const TIME_TO_READ_THE_ANSWER: Duration = Duration::from_secs(1);

/// How long a body may take, as application data.
#[derive(Clone, Copy, Debug)]
pub(super) struct BodyTimeout(pub(super) Duration);

/// What `T` reads from a body that came in time.
pub(super) struct InTime<T>(pub(super) T);

impl<T: FromRequest + 'static> FromRequest for InTime<T>
where
    T::Error: Into<actix_web::Error>,
{
    type Error = actix_web::Error;
    type Future = LocalBoxFuture<'static, Result<Self, Self::Error>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let limit = request.app_data::<BodyTimeout>().map_or(Duration::from_secs(10), |limit| limit.0);
        let socket = request.conn_data::<ConnectionSocket>().cloned();
        let read = T::from_request(request, payload);
        async move {
            let refusal = match tokio::time::timeout(limit, read).await {
                Ok(Ok(body)) => return Ok(Self(body)),
                Ok(Err(error)) => refusal(error.into())?,
                Err(_) => WireError::new(ErrorType::RequestTimeout, "the body did not come in time"),
            };
            Err(refuse(&refusal, socket))
        }
        .boxed_local()
    }
}

/// Errors of a body in the protocol's words.
///
/// # Errors
/// All others, which have their answer already.
fn refusal(error: actix_web::Error) -> Result<WireError, actix_web::Error> {
    match error.as_error::<PayloadError>() {
        Some(PayloadError::Overflow) => {
            Ok(WireError::new(ErrorType::EntityTooLarge, "the body is too large"))
        }
        Some(cause) => Ok(WireError::validation(format!("the body cannot be read: {cause}"))),
        None => Err(error),
    }
}

/// Answers, then ends the connection: the web server would read the rest of the body, however long it took.
fn refuse(refusal: &WireError, socket: Option<ConnectionSocket>) -> actix_web::Error {
    let mut response = error_response(refusal);
    response.head_mut().set_connection_type(ConnectionType::Close);
    end_after(socket);
    InternalError::from_response("unreadable body", response).into()
}

/// Ends a connection whose client may still be sending, once there was time to read an answer.
pub(super) fn end_after(socket: Option<ConnectionSocket>) {
    let Some(socket) = socket else { return };
    actix_rt::spawn(async move {
        tokio::time::sleep(TIME_TO_READ_THE_ANSWER).await;
        socket.shut_down();
    });
}

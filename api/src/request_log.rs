//! What the log says of a request: enough to find it, nothing that was typed. A query may hold names, reasons or, by mistake, a
//! token; where a caller sits is nobody's business here.

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::{Error, HttpMessage as _};
use tracing::Span;
use tracing::field::Empty;
use tracing_actix_web::{RequestId, RootSpanBuilder};

/// The span every event of a request stands in. At level `debug`, so that a read does not pay for lines that nobody reads. What
/// goes wrong is logged with the same fields at every level (`ApiError::log`).
pub struct RequestSpan;

impl RootSpanBuilder for RequestSpan {
    fn on_request_start(request: &ServiceRequest) -> Span {
        let request_id = || {
            request
                .extensions()
                .get::<RequestId>()
                .map(ToString::to_string)
                .unwrap_or_default()
        };
        tracing::debug_span!("request", request_id = request_id(), method = %request.method(), path = request.path(), status = Empty)
    }

    fn on_request_end<B: MessageBody>(span: Span, outcome: &Result<ServiceResponse<B>, Error>) {
        let status = match outcome {
            Ok(reply) => reply.status(),
            Err(error) => error.as_response_error().status_code(),
        };
        span.record("status", status.as_u16());
    }
}

//! Mail that a provider hands over, and the addresses that it comes to.
//!
//! A provider has no API key: what it sends is signed under its address's secret. What is refused here says nothing of the
//! address; whether it exists is for [`InboundMail`](wren_core::source::InboundMail) to know, and not to tell.

use std::sync::Arc;

use axum::extract::{FromRequestParts, Path, Request, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use secrecy::ExposeSecret as _;
use utoipa::openapi::path::{Parameter, ParameterIn};
use utoipa::{IntoParams, ToSchema};
use wren_core::source::{InboundDelivery, MAX_DELIVERY_ID, MAX_INBOUND_BYTES};
use wren_core::{DeploymentId, Error, ErrorCode};

use crate::api::Api;
use crate::auth::Caller;
use crate::body::{essence, read};
use crate::deadline::to_the_end;
use crate::error::{ApiError, ApiResult, invalid};
use crate::extract::Id;
use crate::openapi::params::{path, required_header};
use crate::openapi::words;
use crate::views::{ClosedInbound, DeliveryReceipt, InboundAddressView};

/// Names the delivery: what is sent again has the same name.
const DELIVERY: HeaderName = HeaderName::from_static("wren-delivery");
/// What the delivery is signed with.
const SIGNATURE: HeaderName = HeaderName::from_static("wren-signature");
/// The longest signature header, in bytes: eight signatures and then some.
const MAX_SIGNATURE: usize = 1024;
/// How much of an address is logged, in bytes.
const SHOWN: usize = 64;

/// Hands over a mail.
///
/// Raw, or in the field `email` of a form. A delivery that came before is answered alike and fires nothing. What is signed
/// otherwise, at another time or for no address is refused with the same words.
#[utoipa::path(
    post, path = "/v1/inbound/email/{address}", operation_id = "deliver_mail", tag = "mail",
    params(Signed),
    request_body(
        description = "The mail, 25 MiB at most.",
        content((String = "message/rfc822"), (MailForm = "multipart/form-data")),
    ),
    responses(
        (status = 200, description = "What the mail fires.", body = DeliveryReceipt),
        (status = 403), (status = 415), (status = 429), (status = 503),
    ),
)]
pub(crate) async fn deliver(State(api): State<Api>, request: Request) -> ApiResult<axum::Json<DeliveryReceipt>> {
    let inbound = api.inbound_mail()?;
    let (mut parts, body) = request.into_parts();
    // What is no text is no address.
    let address = Path::<String>::from_request_parts(&mut parts, &api).await.map(|Path(text)| text).unwrap_or_default();
    let refused = |error: ApiError| {
        let (address, reason) = (&address[..address.floor_char_boundary(SHOWN)], error.error.message());
        tracing::warn!(target: "wren::audit", address, reason, "inbound mail refused");
        error
    };
    let (id, signature, content_type) = signed(&parts.headers).map_err(refused)?;
    // Who sends this much is not known yet: strangers share one budget, and what has a key is served beside them.
    let room = Arc::clone(&api.inbound_room).try_acquire_owned().map_err(|_| refused(busy()))?;
    let body = read(body, &api, MAX_INBOUND_BYTES.min(api.body_limit), too_large).await.map_err(refused)?;
    let delivery = InboundDelivery { address, id: id.clone(), signature, content_type, body };
    let delivering = async move {
        // A caller that hangs up leaves the body behind, and so the room that it takes.
        let _room = room;
        inbound.deliver(delivery).await
    };
    let delivered = to_the_end(delivering).await?;
    Ok(axum::Json(DeliveryReceipt { delivery_id: id, triggers: delivered.triggers }))
}

/// Gives a deployment an address for mail.
///
/// Its secret is shown this once. Of a deployment that has one the address stays and the secret is new; the one before is
/// good for another 24 hours.
#[utoipa::path(
    post, path = "/v1/deployments/{id}/inbound", operation_id = "open_inbound", tag = "mail",
    params(Id<DeploymentId>),
    responses(
        (status = 200, description = "The address that it has, with a new secret.", body = InboundAddressView),
        (status = 201, description = "A new address.", body = InboundAddressView),
        (status = 409),
    ),
)]
pub(crate) async fn open(State(api): State<Api>, caller: Caller, Id(id): Id<DeploymentId>) -> ApiResult<Response> {
    let inbound = api.inbound_mail()?;
    let opened = to_the_end(async move { inbound.open(&caller.owner, id).await }).await?;
    let url = api.location(&format!("/v1/inbound/email/{}", opened.address));
    let secret = opened.secret.expose_secret().to_owned();
    let view = axum::Json(InboundAddressView { address: opened.address, url, secret });
    let status = if opened.created { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, [(CACHE_CONTROL, "no-store")], view).into_response())
}

/// Takes a deployment's address away, for good.
///
/// Taking away what is not there is no error.
#[utoipa::path(
    delete, path = "/v1/deployments/{id}/inbound", operation_id = "close_inbound", tag = "mail",
    params(Id<DeploymentId>),
    responses((status = 200, description = "Whether there was one.", body = ClosedInbound)),
)]
pub(crate) async fn close(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<DeploymentId>,
) -> ApiResult<axum::Json<ClosedInbound>> {
    let inbound = api.inbound_mail()?;
    let closed = to_the_end(async move { inbound.close(&caller.owner, id).await }).await?;
    Ok(axum::Json(ClosedInbound { deployment_id: id, closed }))
}

/// A mail in a form. Other fields are passed over.
#[derive(ToSchema)]
#[allow(dead_code, reason = "what takes the mail reads the form; this is how it looks")]
struct MailForm {
    /// The mail, as `message/rfc822`.
    #[schema(format = Binary)]
    email: String,
}

/// What a delivery has in place of a key.
struct Signed;

impl IntoParams for Signed {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        // A dot would let a part of the body pass for the name.
        let name = words::pattern(&format!("^[!-\\-/-~]{{1,{MAX_DELIVERY_ID}}}$"));
        let signature = words::string().max_length(Some(MAX_SIGNATURE)).build();
        vec![
            path("address", words::pattern("^[0-9a-f]{32}$"), "The deployment's address."),
            required_header("Wren-Delivery", name, "Names the delivery: what is sent again has the same name."),
            required_header(
                "Wren-Signature",
                signature,
                "`t=<unix seconds>,v1=<hex>`: the HMAC-SHA-256, under the address's secret, of `<t>.<delivery>.` and the body.",
            ),
        ]
    }
}

/// Returns the delivery's name, its signature and its media type with the parameters.
fn signed(headers: &HeaderMap) -> ApiResult<(String, String, String)> {
    let id = one(headers, &DELIVERY).filter(|id| (1..=MAX_DELIVERY_ID).contains(&id.len()) && !id.contains(['.', ' ']));
    let id = id.ok_or_else(|| {
        let hint =
            format!("send one, of 1 to {MAX_DELIVERY_ID} visible ASCII characters but `.`; the same for a repetition");
        invalid("the request has no `Wren-Delivery` header that can be used", hint)
    })?;
    let signature = one(headers, &SIGNATURE).filter(|text| text.len() <= MAX_SIGNATURE).ok_or_else(|| {
        let hint = "send one, as `t=<unix seconds>,v1=<hex>`";
        invalid("the request has no `Wren-Signature` header that can be used", hint)
    })?;
    let is_known = matches!(essence(headers).as_deref(), Some("message/rfc822" | "multipart/form-data"));
    let content_type = one(headers, &CONTENT_TYPE).filter(|_| is_known).ok_or_else(|| {
        let hint = "send `message/rfc822`, or `multipart/form-data` with the mail in its field `email`";
        ApiError::from(invalid("the body is not declared as a mail", hint))
            .with_status(StatusCode::UNSUPPORTED_MEDIA_TYPE)
    })?;
    Ok((id.to_owned(), signature.to_owned(), content_type.to_owned()))
}

/// Returns a header that is there once, in visible ASCII: with two, a proxy and this server could each believe another one.
fn one<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(value)
}

fn too_large(limit: usize) -> ApiError {
    let error = invalid(format!("the delivery is larger than {limit} bytes"), "send the mail without its attachments");
    ApiError::from(error).with_status(StatusCode::PAYLOAD_TOO_LARGE)
}

fn busy() -> ApiError {
    Error::new(ErrorCode::RateLimited, "too many deliveries are arriving at once").with_hint("send it again").into()
}

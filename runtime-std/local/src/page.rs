//! The page at `/`.
use crate::{
    backend::Backend,
    request::{Request, Response},
    store::StoreError,
};
pub(crate) fn answer(_: &mut Backend, _: u64, _: &Request, _: &[&str]) -> Result<Response, StoreError> {
    Ok(Response::of(200, "text/plain; charset=utf-8", b"Runwire".to_vec()))
}

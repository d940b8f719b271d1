//! What a server answers: kept up to a bound, or written to a file in the blocking pool.

use super::failed;
use crate::executor::Executor;
use bytes::Bytes;
use http::{Response, header::CONTENT_ENCODING};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use runwire_core::{
    Failure,
    net::{HttpRequest, HttpResponse},
};
use runwire_effects::http::{DRAINED_BYTES_MAX, Saving, Unpack};
use std::io;

/// Reads what `request` wants of the answer; the flag says whether the connection can be used again.
pub(super) async fn read<E: Executor>(
    executor: &E,
    request: &HttpRequest,
    response: Response<Incoming>,
) -> Result<(HttpResponse, bool), Failure> {
    let status = response.status().as_u16();
    let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let headers = response.headers().iter().map(|(name, value)| (name.as_str().to_string(), text(value))).collect();
    let mut unpack = Unpack::new(response.headers().get(CONTENT_ENCODING).and_then(|value| value.to_str().ok()));
    let broken = |error: io::Error| failed(request, &error);
    let mut body = response.into_body();
    let (mut kept, mut whole) = (Vec::new(), true);
    match &request.save_to {
        Some(path) if (200..300).contains(&status) => {
            let path = path.clone();
            let mut saving = executor.unblock(move || Saving::begin(&path)).await?;
            while let Some(piece) = next(request, &mut body).await? {
                let piece = unpack.push(&piece).map_err(broken)?;
                saving = executor.unblock(move || saving.write(&piece).map(|()| saving)).await?;
            }
            let last = unpack.finish().map_err(broken)?;
            executor.unblock(move || saving.write(&last).and_then(|()| saving.finish())).await?;
        }
        Some(_) | None => {
            let most = request.answer_bytes_max;
            while kept.len() < most
                && let Some(piece) = next(request, &mut body).await?
            {
                kept.extend_from_slice(&unpack.push(&piece).map_err(broken)?);
            }
            if kept.len() >= most {
                // What is beyond is of no interest, so neither is its failing.
                kept.truncate(most);
                whole = rest(body).await;
            } else {
                kept.extend_from_slice(&unpack.finish().map_err(broken)?);
                kept.truncate(most);
            }
        }
    }
    Ok((HttpResponse { status, headers, body: kept.into() }, whole))
}

/// Reads an answer that nobody wants.
pub(super) async fn drain(response: Response<Incoming>) {
    rest(response.into_body()).await;
}

/// Reads to the end, or gives up after a while: then the connection is good for nothing more.
async fn rest(mut body: Incoming) -> bool {
    let mut left = DRAINED_BYTES_MAX;
    while let Some(Ok(frame)) = body.frame().await {
        left = left.saturating_sub(frame.data_ref().map_or(0, |piece| piece.len() as u64));
        if left == 0 {
            return false;
        }
    }
    true
}

async fn next(request: &HttpRequest, body: &mut Incoming) -> Result<Option<Bytes>, Failure> {
    while let Some(frame) = body.frame().await {
        // What is not data is a trailer.
        if let Ok(piece) = frame.map_err(|error| failed(request, &error))?.into_data() {
            return Ok(Some(piece));
        }
    }
    Ok(None)
}

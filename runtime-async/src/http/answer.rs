//! What a server answers: kept up to a bound, or written to a file in the blocking pool.

use super::failed;
use crate::executor::Executor;
use bytes::Bytes;
use http::Response;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use runwire_core::{
    Failure,
    net::{HttpRequest, HttpResponse},
};
use runwire_effects::http::{DRAINED_BYTES_MAX, Saving};

/// Reads what `request` wants of the answer; the flag says whether the connection can be used again.
pub(super) async fn read<E: Executor>(
    executor: &E,
    request: &HttpRequest,
    response: Response<Incoming>,
) -> Result<(HttpResponse, bool), Failure> {
    let status = response.status().as_u16();
    let headers = response.headers().iter().map(|(name, value)| {
        let text = String::from_utf8_lossy(value.as_bytes()).into_owned();
        (name.as_str().to_string(), text)
    });
    let headers = headers.collect();
    let mut body = response.into_body();
    let (mut kept, mut whole) = (Vec::new(), true);
    match &request.save_to {
        Some(path) if (200..300).contains(&status) => {
            let path = path.clone();
            let mut saving = executor.unblock(move || Saving::begin(&path)).await?;
            while let Some(piece) = next(request, &mut body).await? {
                saving = executor.unblock(move || saving.write(&piece).map(|()| saving)).await?;
            }
            executor.unblock(move || saving.finish()).await?;
        }
        Some(_) | None => {
            while kept.len() < request.answer_bytes_max
                && let Some(piece) = next(request, &mut body).await?
            {
                kept.extend_from_slice(&piece[..piece.len().min(request.answer_bytes_max - kept.len())]);
            }
            if kept.len() == request.answer_bytes_max {
                // What is beyond is of no interest, so neither is its failing.
                whole = rest(body).await;
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

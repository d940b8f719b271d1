//! What a server answers: kept up to a bound, or written to a file.

use super::failure::broken;
use runwire_core::{
    Failure,
    net::{HttpRequest, HttpResponse},
};
use runwire_effects::http::{DRAINED_BYTES_MAX, Saving};
use std::io::{self, Read};
use ureq::http;

/// Reads what `request` wants of the answer.
pub(super) fn read(request: &HttpRequest, response: http::Response<ureq::Body>) -> Result<HttpResponse, Failure> {
    let status = response.status().as_u16();
    let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let headers = response.headers().iter().map(|(name, value)| (name.as_str().to_string(), text(value))).collect();
    let mut reader = response.into_body().into_reader();
    let mut body = Vec::new();
    match &request.save_to {
        Some(path) if (200..300).contains(&status) => save(request, path, &mut reader)?,
        Some(_) | None => {
            let wanted = request.answer_bytes_max as u64;
            (&mut reader).take(wanted).read_to_end(&mut body).map_err(|error| broken(request, &error))?;
            if body.len() == request.answer_bytes_max {
                // What is beyond is of no interest, so neither is its failing.
                let _ = io::copy(&mut reader.take(DRAINED_BYTES_MAX), &mut io::sink());
            }
        }
    }
    Ok(HttpResponse { status, headers, body: body.into() })
}

/// Reads an answer that nobody wants.
pub(super) fn drain(response: http::Response<ureq::Body>) {
    let _ = io::copy(&mut response.into_body().into_reader().take(DRAINED_BYTES_MAX), &mut io::sink());
}

/// Writes what comes to a file that takes its name when it is whole.
fn save(request: &HttpRequest, path: &str, reader: &mut impl Read) -> Result<(), Failure> {
    let mut saving = Saving::begin(path)?;
    let mut buffer = vec![0; 64 << 10];
    loop {
        match reader.read(&mut buffer).map_err(|error| broken(request, &error))? {
            0 => return saving.finish(),
            count => saving.write(&buffer[..count])?,
        }
    }
}

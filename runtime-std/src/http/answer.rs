//! What a server answers: kept up to a bound, or written to a file.

use super::failure::{broken, of_file};
use runwire_core::{
    Failure,
    net::{HttpRequest, HttpResponse},
};
use std::{
    fs::{self, File},
    io::{self, Read, Write},
    path::Path,
    sync::atomic::{AtomicU64, Ordering},
};
use ureq::http;

/// Rest of an answer that is read so that the connection can be used again.
const DRAINED_BYTES_MAX: u64 = 1 << 20;

/// Reads what `request` wants of the answer.
pub(super) fn read(request: &HttpRequest, response: http::Response<ureq::Body>) -> Result<HttpResponse, Failure> {
    let status = response.status().as_u16();
    let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let headers = response.headers().iter().map(|(name, value)| (name.as_str().to_string(), text(value))).collect();
    let mut reader = response.into_body().into_reader();
    let mut body = Vec::new();
    match &request.save_to {
        Some(path) if (200..300).contains(&status) => save(request, Path::new(path), &mut reader)?,
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

/// Writes what comes to a file beside `path` that takes its name when it is whole.
fn save(request: &HttpRequest, path: &Path, reader: &mut impl Read) -> Result<(), Failure> {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let shown = path.to_string_lossy();
    let local = |error: io::Error| of_file(&shown, &error);
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(local)?;
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let unique = COUNT.fetch_add(1, Ordering::Relaxed);
    let scratch = path.with_file_name(format!("{name}.{}-{unique}.part", std::process::id()));
    let mut file = File::create(&scratch).map_err(local)?;
    let mut buffer = vec![0; 64 << 10];
    let outcome = loop {
        match reader.read(&mut buffer) {
            Ok(0) => break fs::rename(&scratch, path).map_err(local),
            Ok(count) => {
                if let Err(error) = file.write_all(&buffer[..count]) {
                    break Err(local(error));
                }
            }
            Err(error) => break Err(broken(request, &error)),
        }
    };
    if outcome.is_err() {
        let _ = fs::remove_file(&scratch);
    }
    outcome
}

//! What is sent: the head of a request, and its body as something to read.

use super::{failure, redirect};
use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use http::{Uri, request::Builder};
use runwire_core::{
    Failure,
    net::{Body, HttpRequest, Method},
};
use std::{
    fs::File,
    io::{self, Read, Take, Write},
};

/// The body as gzip, if that is wanted of it.
pub fn gzipped(request: &HttpRequest) -> Result<Option<Bytes>, Failure> {
    match &request.body {
        Body::Bytes(bytes) if request.gzip && !request.headers.iter().any(|header| header.is("content-encoding")) => {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
            let done = encoder.write_all(bytes).and_then(|()| encoder.finish());
            done.map(|bytes| Some(bytes.into())).map_err(|error| failure::refused(request, &error))
        }
        Body::Empty | Body::Bytes(_) | Body::File { .. } => Ok(None),
    }
}

/// What follows a head.
#[derive(Debug)]
pub enum Outgoing {
    /// Nothing, and nothing is said of it.
    Nothing,
    /// These bytes, maybe none.
    Bytes(Bytes),
    /// A file, and how many bytes of it.
    File(Exactly, u64),
}

/// The head of `request` on its way to `url`, and its body; opens the file that is sent, if it is one.
pub fn head(request: &HttpRequest, url: &Uri, compressed: Option<&Bytes>) -> Result<(Builder, Outgoing), Failure> {
    let method = match request.method {
        Method::Get => http::Method::GET,
        Method::Post => http::Method::POST,
        Method::Put => http::Method::PUT,
    };
    let own = request.url.parse().is_ok_and(|asked: Uri| redirect::origin(&asked) == redirect::origin(url));
    let mut builder = http::Request::builder().method(method).uri(url.clone());
    for header in &request.headers {
        // Credentials are for the address that was asked, not for where it points to. How long the body is, and how it
        // is framed, is decided here.
        let private = ["authorization", "proxy-authorization", "cookie"].iter().any(|name| header.is(name));
        let framing = ["content-length", "transfer-encoding"].iter().any(|name| header.is(name));
        if (own || !private) && !framing {
            builder = builder.header(&header.name, header.value.reveal());
        }
    }
    if compressed.is_some() {
        builder = builder.header("Content-Encoding", "gzip");
    }
    let length = compressed.map_or(request.body.len(), |bytes| bytes.len() as u64);
    if request.method != Method::Get {
        builder = builder.header("Content-Length", length);
    }
    let body = match (&request.body, compressed) {
        (_, Some(bytes)) => Outgoing::Bytes(bytes.clone()),
        (Body::Empty, None) if request.method == Method::Get => Outgoing::Nothing,
        (Body::Empty, None) => Outgoing::Bytes(Bytes::new()),
        (Body::Bytes(bytes), None) => Outgoing::Bytes(bytes.clone()),
        (Body::File { path, len }, None) => {
            let file = File::open(path).map_err(|error| failure::of_file(path, &error))?;
            Outgoing::File(Exactly { path: path.clone(), file: file.take(*len), left: *len }, *len)
        }
    };
    Ok((builder, body))
}

/// A file that must have as many bytes as were announced.
#[derive(Debug)]
pub struct Exactly {
    path: String,
    file: Take<File>,
    left: u64,
}

impl Read for Exactly {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(buffer).map_err(|error| failure::Local::wrap(&self.path, error))?;
        self.left = self.left.saturating_sub(count as u64);
        if count == 0 && self.left > 0 && !buffer.is_empty() {
            return Err(failure::Local::wrap(
                &self.path,
                io::Error::other("the file became shorter while it was sent"),
            ));
        }
        Ok(count)
    }
}

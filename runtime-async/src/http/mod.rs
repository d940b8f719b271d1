//! Performs one attempt of a request. Any status is an answer; only what got none is a failure.

mod answer;
mod body;
mod failure;
mod io;
mod links;
mod proxied;
mod tls;

use crate::executor::Executor;
use body::Sending;
use failure::{failed, timed_out};
use futures_lite::future::or;
use http::{
    HeaderValue, Uri,
    header::{ACCEPT_ENCODING, HOST, PROXY_AUTHORIZATION},
};
use io::Watch;
use links::Links;
use runwire_core::{
    Completion, Failure,
    net::{HttpRequest, HttpResponse},
};
use runwire_effects::http::{
    REDIRECTS_MAX, SILENCE_MAX, gzipped, head,
    proxy::{self, Proxy},
    redirect, refused,
};
use std::sync::Arc;

/// A client and the connections that it keeps. Cheap to clone.
pub(crate) struct Client<E> {
    executor: E,
    links: Arc<Links<E>>,
}

impl<E: Executor> Clone for Client<E> {
    fn clone(&self) -> Self {
        Client { executor: self.executor.clone(), links: Arc::clone(&self.links) }
    }
}

impl<E: Executor> Client<E> {
    pub(crate) fn new(executor: E) -> Self {
        Client { links: Arc::new(Links::new(executor.clone())), executor }
    }

    /// Does what `request` says.
    pub(crate) async fn perform(&self, request: HttpRequest) -> Completion {
        let request = Arc::new(request);
        let watch = Watch::default();
        let bound = async {
            match request.timeout {
                Some(timeout) => self.executor.sleep(timeout).await,
                None => watch.stopped(&self.executor, SILENCE_MAX).await,
            }
            Err(timed_out(&request))
        };
        match or(self.attempt(&request, &watch), bound).await {
            Ok(response) => Completion::Http(Box::new(response)),
            Err(failure) => Completion::Failed(failure),
        }
    }

    async fn attempt(&self, request: &Arc<HttpRequest>, watch: &Watch) -> Result<HttpResponse, Failure> {
        let mut url: Uri = request.url.parse().map_err(|error: http::uri::InvalidUri| refused(request, &error))?;
        if !redirect::is_usable(&url) {
            return Err(refused(request, &"it is no http or https address"));
        }
        let own = Arc::clone(request);
        let compressed = self.executor.unblock(move || gzipped(&own)).await?;
        for _ in 0..=REDIRECTS_MAX {
            let proxy = match proxy::choose(&request.wire, &url) {
                Some(address) => match Proxy::parse(&address) {
                    Some(proxy) => Some(proxy),
                    None => return Err(refused(request, &"the address of the proxy is not one of an HTTP proxy")),
                },
                None => None,
            };
            let (own, to, bytes) = (Arc::clone(request), url.clone(), compressed.clone());
            let (builder, body) = self.executor.unblock(move || head(&own, &to, bytes.as_ref())).await?;
            let body = Sending::new(&self.executor, body);
            let mut sent = builder.body(body).map_err(|_| refused(request, &"a header is not valid"))?;
            match proxy.as_ref().filter(|_| !proxy::is_secure(&url)) {
                // It is asked for the whole address.
                Some(proxy) => {
                    if let Some(authorization) = &proxy.authorization {
                        let value = HeaderValue::from_str(authorization.reveal());
                        sent.headers_mut()
                            .insert(PROXY_AUTHORIZATION, value.map_err(|error| refused(request, &error))?);
                    }
                }
                None => {
                    let path = url.path_and_query().map_or("/", |path| path.as_str());
                    *sent.uri_mut() = path.parse().map_err(|error: http::uri::InvalidUri| refused(request, &error))?;
                }
            }
            let host = url.authority().map_or("", |name| name.as_str().rsplit('@').next().unwrap_or_default());
            let host = HeaderValue::from_str(host).map_err(|error| refused(request, &error))?;
            sent.headers_mut().entry(HOST).or_insert(host);
            sent.headers_mut().entry(ACCEPT_ENCODING).or_insert(HeaderValue::from_static("gzip"));
            let (response, link) = self.links.send(request, &url, proxy, sent, watch).await?;
            match redirect::next(request.method, &response, &url) {
                Some(next) => {
                    answer::drain(response).await;
                    url = next;
                }
                None => {
                    let (answer, whole) = answer::read(&self.executor, request, response).await?;
                    if whole {
                        self.links.keep(link).await;
                    }
                    return Ok(answer);
                }
            }
        }
        Err(refused(request, &"it redirects without end"))
    }
}

//! Connections that are kept: one pool for each way to the network and each kind of traffic, so that slow transfers do not
//! take the connections of others.

use super::transport::{self, Forward, Resolve};
use runwire_core::net::{HttpRequest, Purpose, base64};
use runwire_effects::http::{IDLE_MAX, proxy, system_roots};
use std::sync::{Mutex, OnceLock, PoisonError};
use ureq::{
    Agent, Proxy, ProxyProtocol,
    http::Uri,
    tls::{Certificate, RootCerts, TlsConfig},
};

/// Of a connection, in each direction. Bodies go through it piece by piece, and a service of many runs has many connections.
const BUFFER_BYTES: usize = 16 << 10;
/// Pools that are kept at a time; runs of one process nearly always share one way.
const POOLS_MAX: usize = 32;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Traffic {
    Queries,
    Stream,
    Transfers,
}

/// What requests must have in common to share connections.
#[derive(PartialEq, Eq)]
struct Way {
    traffic: Traffic,
    secure: bool,
    insecure: bool,
    proxy: Option<String>,
    /// What the proxy is told, if its address has no user and password.
    authorization: Option<String>,
}

static POOLS: Mutex<Vec<(Way, Agent)>> = Mutex::new(Vec::new());

/// The agent for `request`, which goes to `url`.
pub(super) fn find(request: &HttpRequest, url: &Uri) -> Result<Agent, ureq::Error> {
    let traffic = match request.purpose {
        Purpose::FileStream => Traffic::Stream,
        Purpose::PutFile | Purpose::GetFile => Traffic::Transfers,
        Purpose::Viewer
        | Purpose::Features
        | Purpose::ResumeStatus
        | Purpose::Rewind
        | Purpose::UpsertRun
        | Purpose::CreateRunFiles
        | Purpose::Alert
        | Purpose::Graphql
        | Purpose::Token => Traffic::Queries,
    };
    let way = Way {
        traffic,
        secure: proxy::is_secure(url),
        insecure: request.wire.insecure,
        proxy: proxy::choose(&request.wire, url),
        authorization: request.wire.proxy_authorization.as_ref().map(|value| value.reveal().to_string()),
    };
    if let Some(agent) = known(&way) {
        return Ok(agent);
    }
    // Made without the lock: reading the system's certificates takes its time, and others have theirs.
    let agent = make(&way)?;
    let mut pools = POOLS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((_, made_meanwhile)) = pools.iter().find(|(other, _)| *other == way) {
        return Ok(made_meanwhile.clone());
    }
    if pools.len() >= POOLS_MAX {
        pools.remove(0);
    }
    pools.push((way, agent.clone()));
    Ok(agent)
}

fn known(way: &Way) -> Option<Agent> {
    let pools = POOLS.lock().unwrap_or_else(PoisonError::into_inner);
    pools.iter().find(|(other, _)| other == way).map(|(_, agent)| agent.clone())
}

fn make(way: &Way) -> Result<Agent, ureq::Error> {
    let proxy = way.proxy.as_deref().map(Proxy::new).transpose()?;
    let is_secure_proxy = proxy.as_ref().is_some_and(|proxy| proxy.protocol() == ProxyProtocol::Https);
    let introduction = proxy.as_ref().filter(|proxy| is_http(proxy)).map(|proxy| introduction(proxy, way));
    let (forward, tunnel) = if way.secure { (None, introduction) } else { (introduction, None) };
    // A user in the address is told by the library itself when it asks for a tunnel.
    let is_named = proxy.as_ref().is_some_and(is_named);
    let tunnel = tunnel.filter(|tunnel| !is_named && tunnel.authorization.is_some());
    let mut config = Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .accept("")
        .user_agent("")
        .proxy(proxy.filter(|_| forward.is_none()))
        .input_buffer_size(BUFFER_BYTES)
        .output_buffer_size(BUFFER_BYTES)
        .max_idle_age(IDLE_MAX)
        .max_idle_connections(128)
        .max_idle_connections_per_host(128);
    if way.secure || is_secure_proxy {
        config = config.tls_config(tls(way.insecure));
    }
    let resolve = Resolve { system: Default::default(), forward: forward.clone() };
    Ok(Agent::with_parts(config.build(), transport::connector(forward, tunnel), resolve))
}

fn is_http(proxy: &Proxy) -> bool {
    matches!(proxy.protocol(), ProxyProtocol::Http | ProxyProtocol::Https)
}

fn is_named(proxy: &Proxy) -> bool {
    proxy.username().is_some() || proxy.password().is_some()
}

fn introduction(proxy: &Proxy, way: &Way) -> Forward {
    let user = format!("{}:{}", proxy.username().unwrap_or_default(), proxy.password().unwrap_or_default());
    let user = is_named(proxy).then(|| format!("Basic {}", base64(user.as_bytes())));
    Forward { proxy: proxy.uri().clone(), authorization: user.or_else(|| way.authorization.clone()) }
}

/// The system's certificates; built-in ones where it has none.
fn tls(insecure: bool) -> TlsConfig {
    static ROOTS: OnceLock<RootCerts> = OnceLock::new();
    if insecure {
        return TlsConfig::builder().disable_verification(true).build();
    }
    let roots = ROOTS.get_or_init(|| {
        let system = system_roots();
        if system.is_empty() {
            return RootCerts::WebPki;
        }
        let certificates: Vec<Certificate<'static>> =
            system.iter().map(|der| Certificate::from_der(der).to_owned()).collect();
        RootCerts::from(certificates)
    });
    TlsConfig::builder().root_certs(roots.clone()).build()
}

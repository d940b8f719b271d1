//! Connections that are kept: one pool for each way to the network and each kind of traffic, so that slow transfers do not
//! take the connections of others.

use runwire_core::net::{HttpRequest, Purpose, Secret, Wire};
use std::{
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::Duration,
};
use ureq::{
    Agent, Proxy,
    http::Uri,
    tls::{Certificate, RootCerts, TlsConfig},
};

/// How long a connection is kept without use: less than servers and their proxies do, so that few are found closed.
const IDLE_MAX: Duration = Duration::from_secs(30);
/// Pools that are kept at a time; runs of one process nearly always share one way.
const POOLS_MAX: usize = 32;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Traffic {
    Queries,
    Stream,
    Transfers,
}

struct Pool {
    wire: Arc<Wire>,
    traffic: Traffic,
    secure: bool,
    agent: Agent,
}

static POOLS: Mutex<Vec<Pool>> = Mutex::new(Vec::new());

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
    let secure = url.scheme_str() == Some("https");
    let wanted = if secure { &request.wire.https_proxy } else { &request.wire.http_proxy };
    let loopback = wanted.is_none() && url.host().is_some_and(is_loopback);
    let mut pools = POOLS.lock().unwrap_or_else(PoisonError::into_inner);
    let known =
        |pool: &&Pool| pool.traffic == traffic && pool.secure == secure && *pool.wire == *request.wire && !loopback;
    let direct = |pool: &&Pool| pool.traffic == traffic && pool.secure == secure && is_direct(pool);
    let found = if loopback { pools.iter().find(direct) } else { pools.iter().find(known) };
    if let Some(pool) = found
        && pool.wire.insecure == request.wire.insecure
    {
        return Ok(pool.agent.clone());
    }
    let proxy = if loopback { None } else { proxy(wanted.as_ref(), secure)? };
    let mut config = Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .accept("")
        .user_agent("")
        .proxy(proxy)
        .max_idle_age(IDLE_MAX)
        .max_idle_connections(128)
        .max_idle_connections_per_host(128);
    if secure {
        config = config.tls_config(tls(request.wire.insecure));
    }
    let agent = Agent::new_with_config(config.build());
    let wire = if loopback {
        Arc::new(Wire { insecure: request.wire.insecure, ..Wire::default() })
    } else {
        Arc::clone(&request.wire)
    };
    if pools.len() >= POOLS_MAX {
        pools.remove(0);
    }
    pools.push(Pool { wire, traffic, secure, agent: agent.clone() });
    Ok(agent)
}

fn is_direct(pool: &Pool) -> bool {
    pool.wire.http_proxy.is_none() && pool.wire.https_proxy.is_none()
}

fn is_loopback(host: &str) -> bool {
    let bare = host.trim_matches(['[', ']']);
    bare.eq_ignore_ascii_case("localhost")
        || bare.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// The user's proxy, or the one of the environment for this scheme.
fn proxy(wanted: Option<&Secret>, secure: bool) -> Result<Option<Proxy>, ureq::Error> {
    if let Some(address) = wanted {
        return Proxy::new(address.reveal()).map(Some);
    }
    let names: [&str; 2] = if secure { ["HTTPS_PROXY", "https_proxy"] } else { ["HTTP_PROXY", "http_proxy"] };
    let set = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let Some(address) = names.iter().find_map(|name| set(name)) else { return Ok(None) };
    let plain = Proxy::new(&address)?;
    let Some(exempt) = ["NO_PROXY", "no_proxy"].iter().find_map(|name| set(name)) else { return Ok(Some(plain)) };
    let mut builder = Proxy::builder(plain.protocol()).host(plain.host()).port(plain.port());
    if let (Some(user), Some(password)) = (plain.username(), plain.password()) {
        builder = builder.username(user).password(password);
    }
    for host in exempt.split(',').map(str::trim).filter(|host| !host.is_empty()) {
        builder = builder.no_proxy(host);
    }
    builder.build().map(Some)
}

/// Certificates of the system, `SSL_CERT_FILE` and `SSL_CERT_DIR` included; built-in ones where the system has none.
fn tls(insecure: bool) -> TlsConfig {
    static ROOTS: OnceLock<RootCerts> = OnceLock::new();
    if insecure {
        return TlsConfig::builder().disable_verification(true).build();
    }
    let roots = ROOTS.get_or_init(|| {
        let system = rustls_native_certs::load_native_certs().certs;
        if system.is_empty() {
            return RootCerts::WebPki;
        }
        let certificates: Vec<Certificate<'static>> =
            system.iter().map(|der| Certificate::from_der(der).to_owned()).collect();
        RootCerts::from(certificates)
    });
    TlsConfig::builder().root_certs(roots.clone()).build()
}

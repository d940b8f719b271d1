//! Which proxy a request goes through: the user's for its scheme, or else the one of the process environment.

use http::Uri;
use percent_encoding::percent_decode_str;
use runwire_core::net::{Secret, Wire, base64};
use std::net::IpAddr;

/// The address of the proxy for `url`, if it goes through one.
pub fn choose(wire: &Wire, url: &Uri) -> Option<String> {
    let wanted = if is_secure(url) { &wire.https_proxy } else { &wire.http_proxy };
    match wanted {
        Some(address) => Some(address.reveal().to_string()),
        None => from_environment(url, |name| std::env::var(name).ok()),
    }
}

pub fn is_secure(url: &Uri) -> bool {
    url.scheme_str() == Some("https")
}

/// A proxy that speaks HTTP, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proxy {
    /// Its name or address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Whether it is spoken to over TLS.
    pub secure: bool,
    /// Value of `Proxy-Authorization`, if it wants to know who asks.
    pub authorization: Option<Secret>,
}

impl Proxy {
    /// Reads an address as `http://user:password@host:port`; `None` for one that is not understood.
    pub fn parse(address: &str) -> Option<Self> {
        let whole = if address.contains("://") { address.to_owned() } else { format!("http://{address}") };
        let url: Uri = whole.parse().ok()?;
        let secure = match url.scheme_str()? {
            "http" => false,
            "https" => true,
            _ => return None,
        };
        let host = url.host().filter(|host| !host.is_empty())?.trim_matches(['[', ']']).to_owned();
        let user = url.authority()?.as_str().rsplit_once('@').map(|(user, _)| user);
        let user = user.map(|user| {
            let (name, password) = user.split_once(':').unwrap_or((user, ""));
            let plain = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
            Secret::new(format!("Basic {}", base64(format!("{}:{}", plain(name), plain(password)).as_bytes())))
        });
        let port = url.port_u16().unwrap_or(if secure { 443 } else { 80 });
        Some(Proxy { host, port, secure, authorization: user })
    }
}

fn from_environment(url: &Uri, variable: impl Fn(&str) -> Option<String>) -> Option<String> {
    let set = |names: [&str; 2]| names.into_iter().find_map(|name| variable(name).filter(|value| !value.is_empty()));
    let secure = is_secure(url);
    let address = set(if secure { ["HTTPS_PROXY", "https_proxy"] } else { ["HTTP_PROXY", "http_proxy"] })?;
    let host = url.host()?.trim_matches(['[', ']']).to_ascii_lowercase();
    let port = url.port_u16().unwrap_or(if secure { 443 } else { 80 });
    let exempt = is_loopback(&host) || set(["NO_PROXY", "no_proxy"]).is_some_and(|list| covers(&list, &host, port));
    (!exempt).then_some(address)
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Whether a list of hosts covers `host`: `*`, names with what is below them, `.name` for only what is below, addresses,
/// networks as `10.0.0.0/8`; each may end with a port.
fn covers(list: &str, host: &str, port: u16) -> bool {
    list.split(',').map(|entry| entry.trim().to_ascii_lowercase()).filter(|entry| !entry.is_empty()).any(|entry| {
        if entry == "*" {
            return true;
        }
        let address = host.parse::<IpAddr>().ok();
        if let Some((network, bits)) = entry.split_once('/') {
            let network = network.parse().ok().zip(bits.parse().ok());
            return address.zip(network).is_some_and(|(address, (network, bits))| contains(network, bits, address));
        }
        if let Ok(known) = entry.trim_matches(['[', ']']).parse::<IpAddr>() {
            return address == Some(known);
        }
        let (name, only) = match entry.rsplit_once(':') {
            Some((name, text)) => (name.trim_matches(['[', ']']), Some(text.parse::<u16>().ok())),
            None => (entry.as_str(), None),
        };
        if only.is_some_and(|only| only != Some(port)) {
            return false;
        }
        match name.strip_prefix("*.").or(name.strip_prefix('.')) {
            Some(above) => is_below(host, above),
            None => host == name || is_below(host, name),
        }
    })
}

fn is_below(host: &str, above: &str) -> bool {
    host.strip_suffix(above).is_some_and(|rest| rest.len() > 1 && rest.ends_with('.'))
}

fn contains(network: IpAddr, bits: u32, address: IpAddr) -> bool {
    let same = |a: u128, b: u128, width: u32| bits <= width && (bits == 0 || (a ^ b) >> (width - bits) == 0);
    match (network, address) {
        (IpAddr::V4(a), IpAddr::V4(b)) => same(a.to_bits().into(), b.to_bits().into(), 32),
        (IpAddr::V6(a), IpAddr::V6(b)) => same(a.to_bits(), b.to_bits(), 128),
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use runwire_core::net::Secret;

    #[test]
    fn the_environment_decides_by_scheme_and_spares_loopback_and_exempt_hosts() {
        let environment = |name: &str| {
            let value = match name {
                "HTTP_PROXY" => "",
                "http_proxy" => "http://plain",
                "HTTPS_PROXY" => "http://secure",
                "no_proxy" => "internal.example, 10.0.0.0/8",
                _ => return None,
            };
            Some(value.to_string())
        };
        let chosen = |url: &str| from_environment(&url.parse().unwrap(), environment);
        assert_eq!(chosen("http://h/").as_deref(), Some("http://plain"));
        assert_eq!(chosen("https://h/").as_deref(), Some("http://secure"));
        for exempt in ["http://localhost:1/", "https://127.0.0.9/", "http://[::1]:8/", "http://a.internal.example/"] {
            assert_eq!(chosen(exempt), None, "{exempt}");
        }
        assert_eq!(chosen("http://10.1.2.3/"), None);
        assert_eq!(from_environment(&"http://h/".parse().unwrap(), |_| None), None);
    }

    #[test]
    fn an_address_is_taken_apart() {
        let proxy = Proxy::parse("http://u:p%40w@[::1]:8080").unwrap();
        assert_eq!((proxy.host.as_str(), proxy.port, proxy.secure), ("::1", 8080, false));
        assert_eq!(proxy.authorization.unwrap().reveal(), "Basic dTpwQHc=");
        let bare = Proxy::parse("proxy.example").unwrap();
        assert_eq!((bare.port, bare.authorization), (80, None));
        assert_eq!(Proxy::parse("https://h").map(|proxy| (proxy.port, proxy.secure)), Some((443, true)));
        assert!(
            ["socks5://h:1", "nonsense://u:pw@h", "http://u:pw@", ""].iter().all(|bad| Proxy::parse(bad).is_none())
        );
    }

    #[test]
    fn the_users_proxy_comes_first_even_for_loopback() {
        let wire = Wire { http_proxy: Some(Secret::new("http://mine")), ..Wire::default() };
        assert_eq!(choose(&wire, &"http://127.0.0.1/".parse().unwrap()).as_deref(), Some("http://mine"));
    }

    #[test]
    fn a_list_covers_names_addresses_and_networks() {
        let yes = ["*", "h.example", "example", ".example", "*.example", "x, H.EXAMPLE ", "h.example:443"];
        assert!(yes.iter().all(|list| covers(list, "h.example", 443)));
        let no = ["", "xample", "g.example", ".h.example", "h.example:80", "h.example:x", "10.0.0.0/8"];
        assert!(!no.iter().any(|list| covers(list, "h.example", 443)));
        assert!(covers("10.0.0.0/8", "10.9.8.7", 80) && !covers("10.0.0.0/8", "11.0.0.1", 80));
        assert!(covers("0.0.0.0/0", "1.2.3.4", 80) && !covers("1.2.3.4/33", "1.2.3.4", 80));
        assert!(covers("fe80::/10", "fe80::1", 80) && covers("::5", "::5", 80) && covers("1.2.3.4:80", "1.2.3.4", 80));
    }
}

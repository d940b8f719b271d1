//! Who may ask: keys, tokens, and signatures of upload addresses. Compares secrets in constant time.

use crate::request::Request;
use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, Mac};
use sha2::Sha256;

/// How long an exchanged token is good for.
const TOKEN_S: u64 = 3600;

/// Keys that are let in.
#[derive(Debug, Clone, Default)]
pub(crate) struct Auth {
    /// Empty: any key is.
    pub keys: Vec<String>,
    pub secret: String,
}

impl Auth {
    /// Whether the request carries a key or token that is let in.
    pub(crate) fn admits(&self, request: &Request, now_ms: u64) -> bool {
        let Some((scheme, value)) = request.header("authorization").and_then(|value| value.split_once(' ')) else {
            return false;
        };
        match scheme.to_ascii_lowercase().as_str() {
            "basic" => {
                let decoded = STANDARD.decode(value.trim()).ok().and_then(|bytes| String::from_utf8(bytes).ok());
                let key = decoded.as_deref().and_then(|text| text.split_once(':')).map(|(_, key)| key);
                key.is_some_and(|key| self.admits_key(key))
            }
            "bearer" => self.admits_token(value.trim(), now_ms),
            _ => false,
        }
    }

    fn admits_key(&self, key: &str) -> bool {
        !key.is_empty() && (self.keys.is_empty() || self.keys.iter().any(|known| self.same(known, key)))
    }

    /// A token for an identity token (JWT): its text, and how many seconds it is good for. A server with a list of keys
    /// takes identity tokens of that list only, since it knows no issuer whom it could ask.
    pub(crate) fn exchange(&self, assertion: &str, now_ms: u64) -> Option<(String, u64)> {
        if !self.admits_key(assertion) {
            return None;
        }
        let until = now_ms / 1000 + TOKEN_S;
        Some((format!("rw-{until}-{}", self.sign(&["token", &until.to_string()])), TOKEN_S))
    }

    fn admits_token(&self, token: &str, now_ms: u64) -> bool {
        let parts = token.strip_prefix("rw-").and_then(|rest| rest.split_once('-'));
        parts.is_some_and(|(until, signature)| {
            let lives = until.parse::<u64>().is_ok_and(|until| until > now_ms / 1000);
            lives && self.same(&self.sign(&["token", until]), signature)
        })
    }

    /// A signature over parts, in hex.
    pub(crate) fn sign(&self, parts: &[&str]) -> String {
        let mut mac = self.mac();
        for part in parts {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part.as_bytes());
        }
        mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Whether a signature is that of these parts.
    pub(crate) fn signed(&self, parts: &[&str], signature: &str) -> bool {
        self.same(&self.sign(parts), signature)
    }

    /// Equal texts, without telling by time where they differ.
    fn same(&self, left: &str, right: &str) -> bool {
        let digest = |text: &str| {
            let mut mac = self.mac();
            mac.update(text.as_bytes());
            mac
        };
        digest(left).verify(&digest(right).finalize().into_bytes()).is_ok()
    }

    fn mac(&self) -> Hmac<Sha256> {
        Hmac::new_from_slice(self.secret.as_bytes()).expect("HMAC takes keys of any length")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(value: &str) -> Request {
        Request::default().with("authorization", value)
    }

    #[test]
    fn keys_and_tokens_of_the_list_are_let_in() {
        let auth = Auth { keys: vec!["k1".into(), "k2".into()], secret: "s".into() };
        let basic = |text: &str| asked(&format!("Basic {}", STANDARD.encode(text)));
        assert!(auth.admits(&basic("api:k2"), 0));
        for bad in ["api:k3", "api:", "k1", "api:k1x"] {
            assert!(!auth.admits(&basic(bad), 0), "{bad}");
        }
        assert!(!auth.admits(&Request::default(), 0));
        assert!(!auth.admits(&asked("Basic ?"), 0));
        assert_eq!(auth.exchange("k9", 0), None);
        let (token, seconds) = auth.exchange("k1", 1000).unwrap();
        assert!(auth.admits(&asked(&format!("Bearer {token}")), 1000));
        assert!(!auth.admits(&asked(&format!("Bearer {token}")), 1000 * (seconds + 2)));
        assert!(!auth.admits(&asked(&format!("Bearer {token}0")), 1000));
        let open = Auth { keys: Vec::new(), secret: "s".into() };
        assert!(open.admits(&basic("api:anything"), 0) && !open.admits(&Request::default(), 0));
    }

    #[test]
    fn parts_cannot_be_shifted() {
        let auth = Auth::default();
        assert_ne!(auth.sign(&["ab", "c"]), auth.sign(&["a", "bc"]));
    }
}

//! An access token, and the file in which the tokens of all servers are kept between runs.

use crate::{
    net::Secret,
    time::{Duration, UnixNanos},
};
use alloc::{
    format,
    string::{String, ToString},
};
use prost_types::Timestamp;
use serde_json::{Map, Value, json};

/// A token with less time left than this is renewed, so that it does not run out on its way.
const MARGIN_MAX: Duration = Duration::from_secs(5 * 60);

/// A token and when it ends.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Token {
    pub(super) text: Secret,
    pub(super) expires: UnixNanos,
    /// How long before its end it is renewed.
    margin: Duration,
}

impl Token {
    /// Reads the answer of an exchange at `wall`.
    pub(super) fn from_answer(body: &[u8], wall: UnixNanos) -> Option<Token> {
        let answer: Value = serde_json::from_slice(body).ok()?;
        let text = answer.get("access_token")?.as_str().filter(|text| !text.is_empty())?;
        let seconds = answer.get("expires_in").and_then(Value::as_f64).unwrap_or(0.0);
        let life = Duration::try_from_secs_f64(seconds.clamp(0.0, 1e9)).unwrap_or_default();
        // A short token would be renewed for each request if the margin did not shrink with it.
        let margin = MARGIN_MAX.min(life / 10);
        Some(Token { text: Secret::new(text), expires: wall.after(life), margin })
    }

    /// Whether it can be used without renewing it first.
    pub(super) fn is_fresh(&self, wall: UnixNanos) -> bool {
        wall.after(self.margin) < self.expires
    }
}

/// The credentials file as it was read. What belongs to other servers is kept as it is.
#[derive(Debug, Default)]
pub(super) struct Cache(Map<String, Value>);

impl Cache {
    /// Reads a file. One that is damaged counts as empty.
    pub(super) fn read(bytes: &[u8]) -> Cache {
        Cache(serde_json::from_slice(bytes).unwrap_or_default())
    }

    /// The token of the server at `base`.
    pub(super) fn token(&self, base: &str) -> Option<Token> {
        let entry = self.0.get("credentials")?.get(base)?;
        let text = entry.get("access_token")?.as_str().filter(|text| !text.is_empty())?;
        let expires = parse_time(entry.get("expires_at")?.as_str()?)?;
        Some(Token { text: Secret::new(text), expires, margin: MARGIN_MAX })
    }

    /// Takes over the token of the server at `base`. Returns the file's new content.
    pub(super) fn store(&mut self, base: &str, token: &Token) -> Secret {
        let entry = json!({ "access_token": token.text.reveal(), "expires_at": show_time(token.expires) });
        let credentials = self.0.entry("credentials").or_insert_with(|| json!({}));
        if !credentials.is_object() {
            *credentials = json!({});
        }
        credentials[base] = entry;
        Secret::new(Value::Object(self.0.clone()).to_string())
    }
}

/// `2026-11-25 02:23:25`, which is UTC.
fn parse_time(text: &str) -> Option<UnixNanos> {
    let (date, clock) = text.trim().split_once(' ')?;
    let at: Timestamp = format!("{date}T{clock}Z").parse().ok()?;
    Some(UnixNanos(at.seconds.checked_mul(1_000_000_000)?))
}

fn show_time(at: UnixNanos) -> String {
    let whole = Timestamp { seconds: at.0.div_euclid(1_000_000_000), nanos: 0 };
    whole.to_string().replace('T', " ").trim_end_matches('Z').to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    const WALL: UnixNanos = UnixNanos(1_709_164_800_000_000_000);

    #[test]
    fn a_token_is_renewed_in_time_but_not_at_every_request() {
        let long = Token::from_answer(br#"{"access_token":"t","expires_in":3600,"more":1}"#, WALL).unwrap();
        assert!(long.is_fresh(WALL.after(Duration::from_secs(3299))));
        assert!(!long.is_fresh(WALL.after(Duration::from_secs(3300))));
        let short = Token::from_answer(br#"{"access_token":"t","expires_in":200}"#, WALL).unwrap();
        assert!(short.is_fresh(WALL.after(Duration::from_secs(179))));
        assert!(!short.is_fresh(WALL.after(Duration::from_secs(180))));
        for bad in ["", "<html>", "{}", r#"{"access_token":""}"#, r#"{"access_token":7}"#] {
            assert_eq!(Token::from_answer(bad.as_bytes(), WALL), None, "{bad}");
        }
    }

    #[test]
    fn the_file_keeps_what_belongs_to_others() {
        let text = r#"{"credentials":{"http://b":{"access_token":"x","expires_at":"2024-02-29 00:00:00"}},"k":1}"#;
        let mut cache = Cache::read(text.as_bytes());
        assert_eq!(cache.token("http://b").map(|token| token.expires), Some(WALL));
        assert_eq!(cache.token("http://a"), None);
        let token = Token::from_answer(br#"{"access_token":"t","expires_in":61}"#, WALL).unwrap();
        let stored = cache.store("http://a", &token);
        let stored: Value = serde_json::from_str(stored.reveal()).unwrap();
        assert_eq!(stored["credentials"]["http://a"]["expires_at"], "2024-02-29 00:01:01");
        assert_eq!((&stored["credentials"]["http://b"]["access_token"], &stored["k"]), (&json!("x"), &json!(1)));
        for damaged in ["", "[]", "{", r#"{"credentials":3}"#, r#"{"credentials":{"http://a":{"expires_at":"x"}}}"#] {
            let mut cache = Cache::read(damaged.as_bytes());
            assert_eq!(cache.token("http://a"), None, "{damaged}");
            let stored = cache.store("http://a", &token);
            assert!(Cache::read(stored.reveal().as_bytes()).token("http://a").is_some(), "{damaged}");
        }
    }
}

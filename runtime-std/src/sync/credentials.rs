//! Which server uploads go to, and the key for it: where the official client looks, in its order.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// The server of whoever names none.
const OFFICIAL: &str = "https://api.wandb.ai";

/// A server and the key for it.
#[derive(Clone, PartialEq, Eq)]
pub struct Server {
    /// Address of its API.
    pub base_url: String,
    /// The key; never printed.
    pub api_key: String,
}

/// Why there is none.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum CredentialError {
    /// No key for this server.
    #[error(
        "there is no API key for {0}: give --api-key, set WANDB_API_KEY, or put one into ~/.netrc (`wandb login` does)"
    )]
    NoKey(String),
}

/// Finds the server. What is given counts before the environment, and that before files.
pub fn find(base_url: Option<String>, api_key: Option<String>) -> Result<Server, CredentialError> {
    let surroundings =
        Surroundings { variable: &|name| std::env::var(name).ok(), read: &|path| fs::read_to_string(path).ok() };
    surroundings.find(base_url, api_key)
}

struct Surroundings<'a> {
    variable: &'a dyn Fn(&str) -> Option<String>,
    read: &'a dyn Fn(&Path) -> Option<String>,
}

impl Surroundings<'_> {
    fn find(&self, base_url: Option<String>, api_key: Option<String>) -> Result<Server, CredentialError> {
        let base_url = base_url
            .or_else(|| self.set("WANDB_BASE_URL"))
            .or_else(|| self.settings_value("base_url"))
            .unwrap_or_else(|| OFFICIAL.into());
        let base_url = base_url.trim().trim_end_matches('/').to_string();
        let host = host_of(&base_url).to_string();
        let api_key = api_key.or_else(|| self.set("WANDB_API_KEY")).or_else(|| self.netrc_key(&host));
        match api_key.map(|key| key.trim().to_string()).filter(|key| !key.is_empty()) {
            Some(api_key) => Ok(Server { base_url, api_key }),
            None => Err(CredentialError::NoKey(host)),
        }
    }

    fn set(&self, name: &str) -> Option<String> {
        (self.variable)(name).filter(|value| !value.trim().is_empty())
    }

    fn home(&self) -> Option<PathBuf> {
        self.set("HOME").or_else(|| self.set("USERPROFILE")).map(PathBuf::from)
    }

    /// The value in the settings file of the current folder, or else of the user.
    fn settings_value(&self, key: &str) -> Option<String> {
        let user = self.set("WANDB_CONFIG_DIR").map(PathBuf::from).or_else(|| Some(self.home()?.join(".config/wandb")));
        let places = [Some(PathBuf::from("wandb")), user];
        places.into_iter().flatten().find_map(|folder| setting(&(self.read)(&folder.join("settings"))?, key))
    }

    fn netrc_key(&self, host: &str) -> Option<String> {
        let named = self.set("NETRC").map(PathBuf::from);
        let files = match (named, self.home()) {
            (Some(file), _) => vec![file],
            (None, Some(home)) => vec![home.join(".netrc"), home.join("_netrc")],
            (None, None) => Vec::new(),
        };
        files.iter().find_map(|file| password(&(self.read)(file)?, host))
    }
}

fn host_of(url: &str) -> &str {
    let authority = url.split_once("://").map_or(url, |(_, rest)| rest).split(['/', '?']).next().unwrap_or_default();
    let authority = authority.rsplit('@').next().unwrap_or_default();
    match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        Some(_) | None => authority,
    }
}

/// `key = value` in any section.
fn setting(text: &str, key: &str) -> Option<String> {
    text.lines().find_map(|line| {
        let (name, value) = line.split_once('=')?;
        (name.trim() == key && !value.trim().is_empty()).then(|| value.trim().to_string())
    })
}

/// The password of `machine HOST` in the text of a netrc file.
fn password(text: &str, host: &str) -> Option<String> {
    let mut words = text.lines().filter(|line| !line.trim_start().starts_with('#')).flat_map(str::split_whitespace);
    let mut ours = false;
    while let Some(word) = words.next() {
        match word {
            "machine" => ours = words.next()? == host,
            "default" => ours = false,
            "password" => {
                let password = words.next()?;
                if ours {
                    return Some(password.to_string());
                }
            }
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const NETRC: &str =
        "# mine\nmachine api.wandb.ai\n  login user\n  password cloud\nmachine own.example login user password own\n";

    fn found(
        variables: &[(&str, &str)],
        url: Option<&str>,
        key: Option<&str>,
    ) -> Result<(String, String), CredentialError> {
        let variable = |name: &str| variables.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_string());
        let read = |path: &Path| match path.to_str()? {
            "/h/.netrc" => Some(NETRC.to_string()),
            "/c/settings" => Some("[default]\nentity = e\nbase_url = https://own.example/\n".to_string()),
            _ => None,
        };
        let surroundings = Surroundings { variable: &variable, read: &read };
        let server = surroundings.find(url.map(String::from), key.map(String::from))?;
        Ok((server.base_url, server.api_key))
    }

    #[test]
    fn what_is_given_counts_before_the_environment_and_that_before_files() {
        let pair = |url: &str, key: &str| Ok((url.to_string(), key.to_string()));
        let home = ("HOME", "/h");
        assert_eq!(found(&[home], None, None), pair("https://api.wandb.ai", "cloud"));
        assert_eq!(found(&[home, ("WANDB_CONFIG_DIR", "/c")], None, None), pair("https://own.example", "own"));
        let all = [home, ("WANDB_BASE_URL", "http://127.0.0.1:8810/"), ("WANDB_API_KEY", "env")];
        assert_eq!(found(&all, None, None), pair("http://127.0.0.1:8810", "env"));
        assert_eq!(
            found(&all, Some("https://x.example:8/sub"), Some("given")),
            pair("https://x.example:8/sub", "given")
        );
        assert_eq!(found(&[home], Some("https://x.example:8"), None), Err(CredentialError::NoKey("x.example".into())));
        assert_eq!(found(&[], None, None), Err(CredentialError::NoKey("api.wandb.ai".into())));
    }
}

//! The sidecar's command line: the flag syntax of the Go standard library, as the official SDK spells it.
//!
//! Owns the names, types and defaults of the flags and the texts of their errors. Pure: it prints nothing, exits nothing
//! and does not know what the flags do. It also knows nothing of `runwire`'s own subcommands.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::time::Duration;

/// What `-h` and `--help` print (on stderr), after the program's name and version.
pub const USAGE: &str = "\
Serves the W&B SDK as its sidecar process. The SDK starts it by itself; every flag has one or two dashes.

  --port-filename FILE     where to write how to connect (default port_file.txt)
  --pid N                  stop when N is no longer the parent of this process (default 0: never)
  --detached               outlive the parent; then --idle-timeout decides
  --idle-timeout DURATION  with --detached: stop after so long without a client; 0 = never (default 10m0s)
  --log-level N            -4 debug, 0 info, 4 warnings, 8 errors (default 0)
  --no-observability       accepted; nothing is ever reported to third parties
  --os-pid-shutdown        Linux: also let the kernel kill this process when the parent dies
  --enable-dcgm-profiling  accepted; profiling metrics are not collected
  --listen-on-localhost    also listen on a TCP port of 127.0.0.1
  -h, --help               this text
";

/// The flags of the sidecar, with the defaults the official one has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flags {
    /// Where the port file goes.
    pub port_filename: PathBuf,
    /// The process that must stay our direct parent; 0 = do not watch.
    pub pid: i64,
    /// Ignore the parent's life and obey `idle_timeout`.
    pub detached: bool,
    /// With `detached`: stop after so long without a connection. `None` = never (`0` on the command line).
    pub idle_timeout: Option<Duration>,
    /// -4 debug, 0 info, 4 warnings, 8 errors; anything between is allowed.
    pub log_level: i64,
    /// Accepted for compatibility.
    pub no_observability: bool,
    /// Ask the kernel to kill us with the parent (Linux).
    pub os_pid_shutdown: bool,
    /// Accepted for compatibility.
    pub enable_dcgm_profiling: bool,
    /// Also open a TCP socket on 127.0.0.1.
    pub listen_on_localhost: bool,
}

impl Default for Flags {
    fn default() -> Self {
        Self {
            port_filename: PathBuf::from("port_file.txt"),
            pid: 0,
            detached: false,
            idle_timeout: Some(Duration::from_secs(600)),
            log_level: 0,
            no_observability: false,
            os_pid_shutdown: false,
            enable_dcgm_profiling: false,
            listen_on_localhost: false,
        }
    }
}

/// Why there are no flags. `exit_code` says how to leave; [`FlagError::Help`] is a wish, not a mistake.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FlagError {
    /// `-h` or `--help`.
    #[error("help was asked for")]
    Help,
    /// A flag the sidecar does not have.
    #[error("there is no flag -{0}; -h lists them all")]
    Unknown(String),
    /// `---x`, `-=x` and the like.
    #[error("{0:?} is not a flag: write -name, --name or -name=value")]
    Syntax(String),
    /// The last argument is a flag that needs a value.
    #[error("flag -{0} needs a value after it")]
    NoValue(&'static str),
    /// The value does not fit the flag's type.
    #[error("flag -{flag}: {value:?} is not {wanted}")]
    BadValue {
        /// The flag, without dashes.
        flag: &'static str,
        /// What was given.
        value: String,
        /// What the flag takes, in words.
        wanted: &'static str,
    },
}

impl FlagError {
    /// The exit code of the process: 0 for help, 2 for everything else.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Help => 0,
            Self::Unknown(_) | Self::Syntax(_) | Self::NoValue(_) | Self::BadValue { .. } => 2,
        }
    }
}

/// Reads the arguments (without the program's name). Stops at `--` or at the first argument that is not a flag; what
/// follows is ignored.
pub fn parse<I>(args: I) -> Result<Flags, FlagError>
where
    I: IntoIterator,
    I::Item: Into<OsString>,
{
    let mut flags = Flags::default();
    let mut args = args.into_iter().map(Into::into);
    while let Some(arg) = args.next() {
        let Some((name, inline)) = split(&arg)? else { break };
        let mut value = |flag: &'static str| inline.clone().or_else(|| args.next()).ok_or(FlagError::NoValue(flag));
        match name.as_str() {
            "port-filename" => flags.port_filename = PathBuf::from(value("port-filename")?),
            "pid" => flags.pid = int("pid", &value("pid")?)?,
            "log-level" => flags.log_level = int("log-level", &value("log-level")?)?,
            "idle-timeout" => flags.idle_timeout = idle_timeout(&value("idle-timeout")?)?,
            "detached" => flags.detached = switch("detached", inline)?,
            "no-observability" => flags.no_observability = switch("no-observability", inline)?,
            "os-pid-shutdown" => flags.os_pid_shutdown = switch("os-pid-shutdown", inline)?,
            "enable-dcgm-profiling" => flags.enable_dcgm_profiling = switch("enable-dcgm-profiling", inline)?,
            "listen-on-localhost" => flags.listen_on_localhost = switch("listen-on-localhost", inline)?,
            "h" | "help" => return Err(FlagError::Help),
            _ => return Err(FlagError::Unknown(name)),
        }
    }
    Ok(flags)
}

/// A duration as Go writes it (`10m0s`, `500ms`, `1h30m`, `1.5s`, `-2s`, `0`), in nanoseconds. `None`: not a duration or
/// out of range.
pub fn duration_nanos(text: &str) -> Option<i64> {
    let (negative, mut rest) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    if rest == "0" {
        return Some(0);
    }
    if rest.is_empty() {
        return None;
    }
    // i128 has room for every sum of terms that single terms may reach.
    let mut total: i128 = 0;
    while !rest.is_empty() {
        let (whole, after) = digits(rest);
        let (fraction, after) = match after.strip_prefix('.') {
            Some(after) => digits(after),
            None => ("", after),
        };
        if whole.is_empty() && fraction.is_empty() {
            return None;
        }
        let unit_end = after.find(|c: char| c == '.' || c.is_ascii_digit()).unwrap_or(after.len());
        let (unit, after) = after.split_at(unit_end);
        let unit: i128 = match unit {
            "ns" => 1,
            // Both the micro sign and the Greek letter.
            "us" | "\u{b5}s" | "\u{3bc}s" => 1_000,
            "ms" => 1_000_000,
            "s" => 1_000_000_000,
            "m" => 60_000_000_000,
            "h" => 3_600_000_000_000,
            _ => return None,
        };
        let whole: i128 = if whole.is_empty() { 0 } else { i128::from(whole.parse::<u64>().ok()?) };
        // Digits past the 15th are under a nanosecond for every unit.
        let fraction = &fraction[..fraction.len().min(15)];
        let mut part = 0;
        if !fraction.is_empty() {
            let scale = 10_i128.pow(u32::try_from(fraction.len()).ok()?);
            part = i128::from(fraction.parse::<u64>().ok()?) * unit / scale;
        }
        total += whole * unit + part;
        if total > i128::from(i64::MAX) {
            return None;
        }
        rest = after;
    }
    i64::try_from(if negative { -total } else { total }).ok()
}

fn digits(text: &str) -> (&str, &str) {
    text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()))
}

/// `None`: the flags end here.
fn split(arg: &OsStr) -> Result<Option<(String, Option<OsString>)>, FlagError> {
    // Flag names are ASCII, so a lossy view finds them; a value given inline is cut from the original bytes.
    let bytes = arg.as_encoded_bytes();
    let dashes = match bytes {
        b"--" | b"-" | b"" => return Ok(None),
        [b'-', b'-', ..] => 2,
        [b'-', ..] => 1,
        _ => return Ok(None),
    };
    let text = arg.to_string_lossy();
    let body = &text[dashes..];
    if body.starts_with(['-', '=']) {
        return Err(FlagError::Syntax(text.into_owned()));
    }
    let Some((name, _)) = body.split_once('=') else { return Ok(Some((body.to_owned(), None))) };
    Ok(Some((name.to_owned(), Some(after_first_equals(arg)))))
}

#[cfg(unix)]
fn after_first_equals(arg: &OsStr) -> OsString {
    use std::os::unix::ffi::{OsStrExt, OsStringExt};
    OsString::from_vec(arg.as_bytes().iter().skip_while(|b| **b != b'=').skip(1).copied().collect())
}

#[cfg(not(unix))]
fn after_first_equals(arg: &OsStr) -> OsString {
    // Without a safe way to cut the native encoding, text that is not Unicode loses its odd characters here.
    arg.to_string_lossy().split_once('=').map(|(_, value)| OsString::from(value)).unwrap_or_default()
}

fn bad(flag: &'static str, value: &OsStr, wanted: &'static str) -> FlagError {
    FlagError::BadValue { flag, value: value.to_string_lossy().into_owned(), wanted }
}

fn int(flag: &'static str, value: &OsStr) -> Result<i64, FlagError> {
    value.to_str().and_then(go_int).ok_or_else(|| bad(flag, value, "a whole number"))
}

/// Go takes the base from the prefix: `0x`, `0o`, `0b`, a leading `0` is octal. Underscores are not worth having.
fn go_int(text: &str) -> Option<i64> {
    let (negative, body) = match text.strip_prefix('-') {
        Some(body) => (true, body),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let lower = body.to_ascii_lowercase();
    let (radix, number) = match lower.as_bytes() {
        [b'0', b'x', ..] => (16, &lower[2..]),
        [b'0', b'o', ..] => (8, &lower[2..]),
        [b'0', b'b', ..] => (2, &lower[2..]),
        [b'0', _, ..] => (8, &lower[1..]),
        _ => (10, lower.as_str()),
    };
    // A second sign would be taken by the integer parser.
    if number.starts_with(['+', '-']) {
        return None;
    }
    let value = i128::from(u64::from_str_radix(number, radix).ok()?);
    i64::try_from(if negative { -value } else { value }).ok()
}

fn switch(flag: &'static str, inline: Option<OsString>) -> Result<bool, FlagError> {
    let Some(value) = inline else { return Ok(true) };
    match value.to_str() {
        Some("1" | "t" | "T" | "true" | "TRUE" | "True") => Ok(true),
        Some("0" | "f" | "F" | "false" | "FALSE" | "False") => Ok(false),
        Some(_) | None => Err(bad(flag, &value, "true or false")),
    }
}

fn idle_timeout(value: &OsStr) -> Result<Option<Duration>, FlagError> {
    let nanos = value
        .to_str()
        .and_then(duration_nanos)
        .ok_or_else(|| bad("idle-timeout", value, "a time with a unit, such as 10m, 90s or 500ms"))?;
    match u64::try_from(nanos) {
        Ok(0) => Ok(None),
        Ok(nanos) => Ok(Some(Duration::from_nanos(nanos))),
        Err(_) => Err(bad("idle-timeout", value, "zero or more")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ok(args: &[&str]) -> Flags {
        parse(args.iter().copied()).unwrap()
    }

    fn err(args: &[&str]) -> FlagError {
        parse(args.iter().copied()).unwrap_err()
    }

    #[test]
    fn help_is_exit_0() {
        for spelling in ["-h", "--h", "-help", "--help"] {
            assert_eq!(err(&[spelling]), FlagError::Help);
        }
        assert_eq!(err(&["--detached", "-h", "--bogus"]).exit_code(), 0);
    }

    #[test]
    fn unknown_flags_and_version_are_exit_2() {
        assert_eq!(err(&["--bogus"]), FlagError::Unknown("bogus".into()));
        assert_eq!(err(&["--version"]), FlagError::Unknown("version".into()));
        assert_eq!(err(&["--version"]).exit_code(), 2);
        assert_eq!(err(&["--bogus=1"]).to_string(), "there is no flag -bogus; -h lists them all");
    }

    #[test]
    fn durations_without_unit_or_below_zero_are_exit_2() {
        for value in ["10", "-1s", "", "s", "1x", "1s2", ".s", "1h-1m"] {
            let error = err(&["--idle-timeout", value]);
            assert!(matches!(error, FlagError::BadValue { flag: "idle-timeout", .. }), "{value}");
            assert_eq!(error.exit_code(), 2);
        }
    }

    #[test]
    fn single_dash_and_equals() {
        let flags = ok(&["-pid=0", "-port-filename=F"]);
        assert_eq!(flags, Flags { port_filename: "F".into(), ..Flags::default() });
    }

    #[test]
    fn what_the_sdk_sends() {
        let flags = ok(&[
            "--no-observability",
            "--log-level",
            "-4",
            "--enable-dcgm-profiling",
            "--port-filename",
            "/t/port-7.txt",
            "--pid",
            "7",
            "--detached",
            "--idle-timeout",
            "1h30m",
            "--listen-on-localhost",
        ]);
        let wanted = Flags {
            port_filename: "/t/port-7.txt".into(),
            pid: 7,
            detached: true,
            idle_timeout: Some(Duration::from_secs(5400)),
            log_level: -4,
            no_observability: true,
            os_pid_shutdown: false,
            enable_dcgm_profiling: true,
            listen_on_localhost: true,
        };
        assert_eq!(flags, wanted);
    }

    #[test]
    fn flags_end_at_a_word_or_two_dashes() {
        assert_eq!(ok(&["--detached", "--", "--bogus"]), Flags { detached: true, ..Flags::default() });
        assert_eq!(ok(&["word", "--bogus"]), Flags::default());
        assert_eq!(ok(&["-", "--bogus"]), Flags::default());
        // A switch takes no separate value, so the word ends the flags.
        assert_eq!(ok(&["-detached", "false", "-pid=3"]), Flags { detached: true, ..Flags::default() });
        assert_eq!(ok(&["-detached=false", "-pid=3"]), Flags { pid: 3, ..Flags::default() });
    }

    #[test]
    fn mistakes_are_told_apart() {
        assert_eq!(err(&["---pid"]), FlagError::Syntax("---pid".into()));
        assert_eq!(err(&["-=3"]), FlagError::Syntax("-=3".into()));
        assert_eq!(err(&["--pid"]), FlagError::NoValue("pid"));
        assert_eq!(err(&["--pid", "x"]).to_string(), "flag -pid: \"x\" is not a whole number");
        assert_eq!(err(&["--detached=maybe"]).to_string(), "flag -detached: \"maybe\" is not true or false");
        assert!(matches!(err(&["--pid="]), FlagError::BadValue { .. }));
    }

    #[test]
    fn numbers_have_go_bases() {
        for (text, wanted) in [("0x10", 16), ("010", 8), ("0b11", 3), ("0o7", 7), ("-0x1", -1), ("+5", 5), ("0", 0)] {
            assert_eq!(go_int(text), Some(wanted), "{text}");
        }
        for text in ["", "-", "--1", "09", "1.0", "9223372036854775808", "0x", "0x-1"] {
            assert_eq!(go_int(text), None, "{text}");
        }
        assert_eq!(go_int("-9223372036854775808"), Some(i64::MIN));
    }

    #[test]
    fn durations() {
        let table = [
            ("0", 0),
            ("10m0s", 600_000_000_000),
            ("500ms", 500_000_000),
            ("1h30m", 5_400_000_000_000),
            ("1.5s", 1_500_000_000),
            (".5us", 500),
            ("2\u{b5}s", 2_000),
            ("-1s", -1_000_000_000),
            ("+3ns", 3),
            ("1.0000000000000000001s", 1_000_000_000),
        ];
        for (text, wanted) in table {
            assert_eq!(duration_nanos(text), Some(wanted), "{text}");
        }
        for text in ["10", "", "-", "1.s1", "1 s", "9999999999h", "99999999999999999999s", "é"] {
            assert_eq!(duration_nanos(text), None, "{text}");
        }
        assert_eq!(ok(&["--idle-timeout", "0"]).idle_timeout, None);
        assert_eq!(ok(&["--idle-timeout=0s"]).idle_timeout, None);
    }

    #[cfg(unix)]
    #[test]
    fn paths_need_not_be_text() {
        use std::os::unix::ffi::OsStringExt;
        let raw = OsString::from_vec(b"--port-filename=/t/\xff=x".to_vec());
        let flags = parse([raw]).unwrap();
        assert_eq!(flags.port_filename.into_os_string(), OsString::from_vec(b"/t/\xff=x".to_vec()));
    }
}

//! Cases of the config, by page and number.

use alloc::borrow::ToOwned;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use alloc::{format, vec};

use runwire_proto::wire;

use super::*;

fn item(path: &[&str], json: &str) -> wire::ConfigItem {
    let nested = path.iter().map(|key| (*key).to_owned()).collect::<Vec<_>>();
    match path {
        [key] => wire::ConfigItem { key: (*key).into(), value_json: json.into(), ..Default::default() },
        _ => wire::ConfigItem { nested_key: nested, value_json: json.into(), ..Default::default() },
    }
}

fn record(update: &[(&[&str], &str)], remove: &[&[&str]]) -> wire::ConfigRecord {
    wire::ConfigRecord {
        update: update.iter().map(|(path, json)| item(path, json)).collect(),
        remove: remove.iter().map(|path| item(path, "")).collect(),
        info: None,
    }
}

/// A config after these records, none of which had errors.
fn config(records: &[wire::ConfigRecord]) -> Config {
    let mut config = Config::new();
    for record in records {
        assert_eq!(config.apply(record), []);
    }
    config
}

fn json(config: &Config, key: &str) -> Option<String> {
    config.get(&[key]).map(Value::to_string)
}

#[test]
fn run_01_an_empty_run_has_telemetry_and_metrics() {
    let items = Config::new().to_items_wrapped();
    assert_eq!(items, [item(&["_wandb"], r#"{"value":{"m":[],"t":{"12":"0.31.0"}}}"#)]);
}

#[test]
fn run_04_config_update_and_remove() {
    let mut config = config(&[record(&[(&["a"], r#"{"x":1,"y":{"z":2}}"#)], &[])]);
    let errors = config.apply(&record(&[(&["a", "y", "w"], "5")], &[&["a", "x"], &["nothere"]]));
    assert_eq!(errors, []);
    assert_eq!(json(&config, "a").as_deref(), Some(r#"{"y":{"w":5,"z":2}}"#));

    let errors = config.apply(&record(&[(&["b"], "1"), (&["c", "d"], "{"), (&["e"], "2")], &[]));
    let reason = ParseError::Unfinished;
    assert_eq!(errors, [ConfigError::Unreadable { path: "c.d".into(), reason }]);
    assert_eq!(errors[0].to_string(), "config item `c.d` was skipped: the JSON text ends too early");
    assert_eq!(
        (json(&config, "b"), json(&config, "c"), json(&config, "e")),
        (Some("1".into()), None, Some("2".into()))
    );
}

#[test]
fn objects_merge_and_other_values_replace() {
    let after = |old: &str, new: &str| {
        json(&config(&[record(&[(&["a"], old)], &[]), record(&[(&["a"], new)], &[])]), "a").unwrap()
    };
    assert_eq!(after(r#"{"x":1,"k":{"m":1}}"#, r#"{"k":{"n":2}}"#), r#"{"k":{"m":1,"n":2},"x":1}"#);
    assert_eq!(after(r#"{"x":1}"#, "3"), "3");
    assert_eq!(after("3", r#"{"x":1}"#), r#"{"x":1}"#);
    assert_eq!(after(r#"{"x":1}"#, "{}"), r#"{"x":1}"#);
    assert_eq!(after("[1]", "[2]"), "[2]");
    assert_eq!(after("3", r#"{"x":{}}"#), r#"{"x":{}}"#, "empty objects are kept");
}

#[test]
fn removing_the_last_key_removes_the_object() {
    let all = r#"{"b":{"c":1},"d":{}}"#;
    let after = |path: &[&str]| json(&config(&[record(&[(&["a"], all)], &[path])]), "a");
    assert_eq!(after(&["a", "b", "c"]).as_deref(), Some(r#"{"d":{}}"#));
    assert_eq!(after(&["a", "d", "x"]).as_deref(), Some(all));
    assert_eq!(after(&["a", "b", "c", "x"]).as_deref(), Some(all));
    assert_eq!(after(&["a"]), None);
    let update_and_remove = config(&[record(&[(&["a"], r#"{"b":1}"#)], &[&["a", "b"]])]);
    assert_eq!(json(&update_and_remove, "a"), None);
}

#[test]
fn dots_in_keys_are_not_paths_and_empty_keys_are_refused() {
    let mut config = config(&[record(&[(&["a.b"], "1"), (&["q", ""], "7")], &[])]);
    assert_eq!((json(&config, "a.b").as_deref(), json(&config, "q").as_deref()), (Some("1"), Some(r#"{"":7}"#)));
    assert_eq!(config.apply(&record(&[(&[""], "5"), (&["", "x"], "6")], &[])), vec![ConfigError::NoKey; 2]);
}

#[test]
fn run_05_not_finite_numbers_and_quoted_keys() {
    let config = config(&[record(&[(&["n"], "[NaN,Infinity,-Infinity]"), (&["y"], "1"), (&["12"], "2")], &[])]);
    assert_eq!(
        config.to_json(),
        r#"{"12":{"value":2},"_wandb":{"value":{"m":[],"t":{"12":"0.31.0"}}},"n":{"value":[NaN,Infinity,-Infinity]},"y":{"value":1}}"#
    );
    let yaml = "_wandb:\n    value:\n        m: []\n        t:\n            \"12\": 0.31.0\n\"12\":\n    value: 2\n\"n\":\n    value:\n        - .nan\n        - .inf\n        - -.inf\n\"y\":\n    value: 1\n";
    assert_eq!(config.to_yaml(), yaml);
}

fn telemetry() -> wire::TelemetryRecord {
    wire::TelemetryRecord {
        feature: Some(wire::Feature { finish: true, set_init_id: true, ..Default::default() }),
        python_version: "3.11.7".into(),
        cli_version: "0.31.0".into(),
        platform: "linux-x86_64".into(),
        info: Some(wire::RecordInfo { stream_id: "s".into(), ..Default::default() }),
        ..Default::default()
    }
}

#[test]
fn run_06_telemetry_by_field_number() {
    let mut config = Config::new();
    config.merge_telemetry(&telemetry());
    let t = r#"{"12":"0.31.0","13":"linux-x86_64","3":[2,14],"4":"3.11.7","5":"0.31.0"}"#;
    let private = format!(r#"{{"value":{{"cli_version":"0.31.0","m":[],"python_version":"3.11.7","t":{t}}}}}"#);
    assert_eq!(config.to_items_wrapped(), [item(&["_wandb"], &private)]);
}

#[test]
fn telemetry_merges_flags_and_replaces_texts() {
    let mut config = Config::new();
    config.merge_telemetry(&telemetry());
    config.merge_telemetry(&wire::TelemetryRecord {
        imports_init: Some(wire::Imports { torch: true, jax: true, ..Default::default() }),
        feature: Some(wire::Feature { resumed: true, ..Default::default() }),
        env: Some(wire::Env::default()),
        label: Some(wire::Labels { code_string: "c".into(), ..Default::default() }),
        cli_version: "0.32.0".into(),
        huggingface_version: "4.1".into(),
        ..Default::default()
    });
    let sent = config.to_json();
    let t = r#""t":{"1":[1,12],"12":"0.31.0","13":"linux-x86_64","3":[2,5,14],"4":"3.11.7","5":"0.32.0","6":"4.1","8":[],"9":{"1":"c"}}"#;
    assert!(sent.contains(t), "{sent}");
    assert!(sent.contains(r#""cli_version":"0.32.0""#));
}

#[test]
fn the_sidecar_owns_its_private_keys_and_keeps_the_clients() {
    let sent = r#"{"cli_version":"9","t":{"1":2},"m":5,"code_path":"code/main.py"}"#;
    let mut config = config(&[record(&[(&["_wandb"], sent), (&["_wandb", "viz", "k"], "3")], &[])]);
    config.merge_telemetry(&telemetry());
    config.set_metrics(r#"[{"1":"loss","6":[3],"7":[1,2,3,5,8]},{"1":"c","6":[3],"7":[]}]"#).unwrap();
    config.set_private("branch_point", Value::parse(r#"{"run_id":"base","step":5}"#).unwrap());
    config.merge_environment("w1", &wire::EnvironmentRecord { os: "Linux".into(), cpu_count: 2, ..Default::default() });
    let private = Value::Object(config.full_private()).to_string();
    let t = telemetry::to_value(config.telemetry());
    assert_eq!(
        private,
        format!(
            r#"{{"branch_point":{{"run_id":"base","step":5}},"cli_version":"0.31.0","code_path":"code/main.py","e":{{"w1":{{"cpu_count":2,"os":"Linux"}}}},"m":[{{"1":"loss","6":[3],"7":[1,2,3,5,8]}},{{"1":"c","6":[3],"7":[]}}],"python_version":"3.11.7","t":{t},"viz":{{"k":3}}}}"#
        )
    );
}

#[test]
fn run_13_a_resumed_run_takes_over_what_it_has_not_set() {
    let mut config = config(&[record(&[(&["a"], "5"), (&["_wandb", "viz"], "{}")], &[])]);
    let stored = r#"{"a":{"value":1},"k":{"value":{"x":1}},"bad":3,"worse":{},
        "_wandb":{"value":{"viz":{"old":1},"visualize":{"p":1},"mask/class_labels":[1],"t":{"1":[1]},"code_path":"x"}}}"#;
    config.merge_stored(stored).unwrap();
    assert_eq!((json(&config, "a").as_deref(), json(&config, "k").as_deref()), (Some("5"), Some(r#"{"x":1}"#)));
    assert_eq!(json(&config, "_wandb").as_deref(), Some(r#"{"mask/class_labels":[1],"visualize":{"p":1},"viz":{}}"#));
    assert_eq!(json(&config, "bad"), None);
    assert!(config.merge_stored("{").is_err());
}

#[test]
fn values_are_read_and_written_as_the_official_client_does() {
    let written = |text: &str| Value::parse(text).map(|value| value.to_string());
    for (text, expected) in [
        ("1.0", "1"),
        ("-0.0", "-0"),
        ("-0", "0"),
        ("1e5", "100000"),
        ("1000000.0", "1e+06"),
        ("123456789.125", "1.23456789125e+08"),
        ("0.0001", "0.0001"),
        ("0.00001", "1e-05"),
        ("1.5e300", "1.5e+300"),
        ("1e400", "Infinity"),
        (" 3\n", "3"),
        ("9223372036854775807", "9223372036854775807"),
        ("18446744073709551616", "18446744073709551616"),
        (r#"{"x":1,"x":2}"#, r#"{"x":2}"#),
        (r#"[ ] "#, "[]"),
        (r#""\ud83d\ude00\ud83d\u0041\/\u001b\u007f""#, "\"😀\u{fffd}A/\\u001b\u{7f}\""),
    ] {
        assert_eq!(written(text).as_deref(), Ok(expected), "{text}");
    }
    for text in [
        "",
        "{",
        "[1,]",
        "{\"x\":1,}",
        "1 2",
        "+1",
        ".5",
        "5.",
        "01",
        "1e",
        "--1",
        "nan",
        "-NaN",
        "tru",
        "'s'",
        "\"a\u{1}\"",
        "\"",
        "\"\\x\"",
        "\"\\u12",
        "{1:2}",
    ] {
        assert!(written(text).is_err(), "{text:?}");
    }
    assert!(written(&format!("{}{}", "[".repeat(256), "]".repeat(256))).is_ok());
    assert_eq!(written(&"[".repeat(300)), Err(ParseError::TooDeep(256)));
}

/// The file the official client wrote for a config of strings that look like something else.
#[test]
fn yaml_is_laid_out_as_the_official_client_does() {
    let mut config = Config::new();
    for line in include_str!("testdata/official.jsonl").lines() {
        let Value::List(pair) = Value::parse(line).unwrap() else { panic!("not a pair: {line}") };
        let [Value::Text(key), Value::Text(value)] = &pair[..] else { panic!("not texts: {line}") };
        assert_eq!(config.apply(&record(&[(&[key], value)], &[])), []);
    }
    config.merge_telemetry(&telemetry());
    assert_eq!(config.to_yaml(), include_str!("testdata/official.yaml"));
}

#[test]
fn yaml_reads_back_where_the_official_client_goes_wrong() {
    let line = |text: &str| yaml::to_yaml(&[("k".into(), Value::parse(text).unwrap())].into());
    for (value, written) in [
        ("1e20", "1.0e+20"),
        ("1e-7", "1.0e-07"),
        ("-0.0", "-0.0"),
        ("18446744073709551616", "18446744073709551616"),
        (r#""=""#, r#""=""#),
        (r#""<<""#, r#""<<""#),
        (r#""a\nb""#, r#""a\nb""#),
        (r#""2001-01-01.\\""#, r#""2001-01-01.\\""#),
        (r#""\u0085\ufeff😀""#, r#""\x85\uFEFF\U0001F600""#),
    ] {
        assert_eq!(line(value), format!("k: {written}\n"));
    }
    let long = "k".repeat(200);
    let object = |value: Value| yaml::to_yaml(&[(long.clone(), value)].into());
    assert_eq!(object(Value::Null), format!("? {long}\n: null\n"));
    let inner = Value::parse(r#"{"a":1}"#).unwrap();
    assert_eq!(object(inner), format!("? {long}\n:\n    a: 1\n"));
    assert_eq!(yaml::to_yaml(&Object::new()), "{}\n");
}

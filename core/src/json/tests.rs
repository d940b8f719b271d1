//! The scanner against plain JSON, its own tokens and any text.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use proptest::prelude::*;

use super::*;

fn number(text: &str) -> String {
    let mut out = String::new();
    write_number(parse(text).unwrap(), &mut out);
    out
}

fn float(value: f64) -> String {
    let mut out = String::new();
    write_f64(value, &mut out);
    out
}

#[test]
fn every_kind_is_told_apart() {
    for (text, kind) in [
        ("null", Kind::Null),
        (" true ", Kind::Bool(true)),
        ("false", Kind::Bool(false)),
        ("0", Kind::Int(0)),
        ("-9223372036854775808", Kind::Int(i64::MIN)),
        ("9223372036854775807", Kind::Int(i64::MAX)),
        ("9223372036854775808", Kind::Float(9_223_372_036_854_775_808.0)),
        ("1e3", Kind::Float(1000.0)),
        ("1e400", Kind::Float(f64::INFINITY)),
        ("Infinity", Kind::Float(f64::INFINITY)),
        ("-Infinity", Kind::Float(f64::NEG_INFINITY)),
        ("\"a\\u00e9\"", Kind::String),
        ("[1,[2,{\"a\":NaN}]]", Kind::Array),
        ("{\"a\":{},\"b\":[]}\n", Kind::Object),
    ] {
        assert_eq!(classify(text), Ok(kind), "{text}");
    }
    assert!(matches!(classify("NaN"), Ok(Kind::Float(value)) if value.is_nan()));
    assert!(matches!(classify("-0"), Ok(Kind::Float(value)) if value == 0.0 && value.is_sign_negative()));
}

#[test]
fn what_is_no_json_is_refused() {
    for text in
        ["", " ", "{", "[1", "\"a", "\"\\u12", "-", "1.", "1e", "{\"a\"", "{\"a\":", "{\"a\":1", "tru", "-Inf", "[1,"]
    {
        assert_eq!(classify(text), Err(JsonError::Ended), "{text}");
    }
    for (text, at) in [
        ("01", 1),
        ("+1", 0),
        (".5", 0),
        ("[1,]", 3),
        ("{\"a\":1,}", 7),
        ("{a:1}", 1),
        ("[1}", 2),
        ("{\"a\":1]", 6),
        ("\"\\x\"", 2),
        ("\"\n\"", 1),
        ("nan", 1),
        ("1 2", 2),
        ("[]]", 2),
        ("é", 0),
        ("+Infinity", 0),
    ] {
        assert_eq!(classify(text), Err(JsonError::Unexpected { at }), "{text}");
    }
}

#[test]
fn depth_is_bounded_and_does_not_recurse() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert_eq!(classify(&nested(MAX_DEPTH)), Ok(Kind::Array));
    assert_eq!(classify(&nested(MAX_DEPTH + 1)), Err(JsonError::TooDeep));
    assert_eq!(classify(&"{\"a\":".repeat(1_000_000)), Err(JsonError::TooDeep));
}

#[test]
fn numbers_get_their_canonical_form() {
    for (text, expected) in [
        ("3", "3"),
        ("3.0", "3"),
        ("-3.000", "-3"),
        ("0.0", "0"),
        ("-0.0", "-0"),
        ("-0", "-0"),
        ("0.30000000000000004", "0.30000000000000004"),
        ("1.50", "1.50"),
        ("1e+22", "1e+22"),
        ("1.0e3", "1.0e3"),
        ("1795573391.986752", "1795573391.986752"),
        ("1180591620717411303424", "1.1805916207174113e+21"),
        ("-10000000000000000000", "-1e+19"),
        ("12345678901234567890.0", "1.2345678901234567e+19"),
        ("NaN", "NaN"),
        ("-Infinity", "-Infinity"),
        ("1e400", "Infinity"),
        ("-1e400", "-Infinity"),
    ] {
        assert_eq!(number(text), expected);
    }
}

#[test]
fn floats_are_written_short() {
    for (value, expected) in [
        (3.0, "3"),
        (-0.0, "-0"),
        (0.1, "0.1"),
        (1e15, "1000000000000000"),
        (2f64.powi(70), "1.1805916207174113e+21"),
        (1e300, "1e+300"),
        (5e-324, "5e-324"),
        (f64::MAX, "1.7976931348623157e+308"),
        (f64::NAN, "NaN"),
        (f64::NEG_INFINITY, "-Infinity"),
        (8.0 / 3.0, "2.6666666666666665"),
    ] {
        assert_eq!(float(value), expected);
    }
}

#[test]
fn members_of_one_level() {
    let members: Vec<_> = Members::new(" { \"a\" : [1, {\"x\":2}] , \"b\\n\":{ },\"\":null} ")
        .map(|member| member.map(|(key, value)| (key.decode().into_owned(), value.text, value.compact)))
        .collect::<Result<_, _>>()
        .unwrap();
    let expected = [("a".into(), "[1, {\"x\":2}]", false), ("b\n".into(), "{ }", false), (String::new(), "null", true)];
    assert_eq!(members, expected);
    assert_eq!(Members::new("{}").count(), 0);
    let broken: Vec<_> = Members::new("{\"a\":1,,").map(|member| member.is_ok()).collect();
    assert_eq!(broken, [true, false]);
    assert_eq!(Members::new("[]").next(), Some(Err(JsonError::Unexpected { at: 0 })));
}

#[test]
fn walks_down_to_the_leaves() {
    let mut trace = String::new();
    for event in Walk::new("{\"a\":{\"b\":1,\"c\":{}},\"d\":[{}],\"e\":{\"f\":{\"g\":\"h\"}}}") {
        match event {
            Event::Open(key) => trace += &format!("{}(", key.decode()),
            Event::Close => trace += ")",
            Event::Leaf(key, value) => trace += &format!("{}={} ", key.decode(), value.text),
        }
    }
    assert_eq!(trace, "a(b=1 c())d=[{}] e(f(g=\"h\" ))");
    assert_eq!(Walk::new("{}").count() + Walk::new("[1]").count() + Walk::new("").count(), 0);
}

#[test]
fn escapes_are_resolved() {
    let mut out = String::new();
    unescape(r#"a\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00\ud800x\udc00\ud83d\u0041"#, &mut out);
    assert_eq!(out, "a\"\\/\u{8}\u{c}\n\r\té😀\u{fffd}x\u{fffd}\u{fffd}A");
}

#[test]
fn white_space_between_tokens_is_dropped() {
    let mut out = String::new();
    write_compact(parse(" [ 1,\n\"a \\\" b\" , {\"k\" :\t2} ] ").unwrap(), &mut out);
    assert_eq!(out, "[1,\"a \\\" b\",{\"k\":2}]");
}

/// Plain JSON values without integers that `serde_json` and extended JSON see differently.
fn plain() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<f64>().prop_filter("finite", |value| value.is_finite()).prop_map(Into::into),
        any::<String>().prop_map(Into::into),
    ];
    leaf.prop_recursive(6, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Into::into),
            prop::collection::btree_map(any::<String>(), inner, 0..6)
                .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
        ]
    })
}

/// What `serde_json` reads, which is not always the nearest float.
fn reread(text: &str) -> serde_json::Value {
    serde_json::from_str(text).unwrap()
}

proptest! {
    #[test]
    fn any_text_is_judged_without_panic(text in any::<String>()) {
        let _ = parse(&text);
        let _ = Walk::new(&text).count();
        let _ = Members::new(&text).count();
        let mut out = String::new();
        unescape(&text, &mut out);
    }

    #[test]
    fn json_like_text_is_judged_as_serde_does(text in r#"[ \[\]{},:"\\eE.+0-9a-c\-ntu]{0,12}"#) {
        let ours = classify(&text);
        match serde_json::from_str::<serde_json::Value>(&text) {
            Ok(_) => prop_assert!(ours.is_ok()),
            // Two things only we take: floats out of range, and half of a surrogate pair.
            Err(error) if error.to_string().contains("out of range") || error.to_string().contains("surrogate") => {}
            Err(_) => prop_assert!(ours.is_err()),
        }
        let _ = Walk::new(&text).count();
    }

    #[test]
    fn plain_json_is_what_serde_says(value in plain(), pretty in any::<bool>()) {
        let text = if pretty { serde_json::to_string_pretty(&value).unwrap() } else { value.to_string() };
        let parsed = parse(&text).unwrap();
        match &value {
            serde_json::Value::Null => prop_assert_eq!(parsed.kind, Kind::Null),
            serde_json::Value::Bool(value) => prop_assert_eq!(parsed.kind, Kind::Bool(*value)),
            serde_json::Value::Number(number) => match (parsed.kind, number.as_i64()) {
                (Kind::Int(ours), Some(theirs)) => prop_assert_eq!(ours, theirs),
                (Kind::Float(ours), None) => prop_assert_eq!(Some(ours), number.as_f64()),
                other => prop_assert!(false, "{other:?}"),
            },
            serde_json::Value::String(_) => prop_assert_eq!(parsed.kind, Kind::String),
            serde_json::Value::Array(_) => prop_assert_eq!(parsed.kind, Kind::Array),
            serde_json::Value::Object(map) => {
                prop_assert_eq!(parsed.kind, Kind::Object);
                let members: Vec<_> = Members::new(&text).map(Result::unwrap).collect();
                prop_assert_eq!(members.len(), map.len());
                for ((key, member), (name, value)) in members.iter().zip(map) {
                    prop_assert_eq!(&*key.decode(), name);
                    prop_assert_eq!(reread(member.text), reread(&value.to_string()));
                }
            }
        }
        let mut compact = String::new();
        write_compact(parsed, &mut compact);
        prop_assert!(parse(&compact).unwrap().compact);
        prop_assert_eq!(reread(&compact), reread(&text));
    }

    #[test]
    fn strings_and_floats_survive(text in any::<String>(), value in any::<f64>()) {
        let mut json = String::new();
        write_string(&text, &mut json);
        prop_assert_eq!(&serde_json::from_str::<String>(&json).unwrap(), &text);
        let mut back = String::new();
        unescape(&json[1..json.len() - 1], &mut back);
        prop_assert_eq!(back, text);
        #[allow(clippy::cast_precision_loss, reason = "only whole floats become integers")]
        match classify(&float(value)).unwrap() {
            Kind::Int(int) => prop_assert_eq!(int as f64, value),
            Kind::Float(float) => prop_assert!(float.to_bits() == value.to_bits() || float.is_nan() && value.is_nan()),
            Kind::Null | Kind::Bool(_) | Kind::String | Kind::Array | Kind::Object => prop_assert!(false, "no number"),
        }
    }

    #[test]
    fn the_canonical_form_is_stable(text in r"-?(0|[1-9][0-9]{0,25})(\.[0-9]{1,4})?(e[+-]?[0-9]{1,2})?") {
        let once = number(&text);
        prop_assert_eq!(&number(&once), &once);
        prop_assert_eq!(once.parse::<f64>().unwrap().to_bits(), text.parse::<f64>().unwrap().to_bits());
    }
}

//! Which fault meets which request, and what is remembered.

use super::*;

fn push() -> Request {
    Request::json("POST", "/files/e/p/r/file_stream", &json!({ "complete": true }))
}

#[test]
fn faults_are_used_in_order_and_counted() {
    let controls = Controls::default();
    let faults = json!([
        { "on": "file_stream", "status": 503, "times": 2, "skip": 1 },
        { "on": "graphql", "close": true, "times": -1 },
        { "on": "any", "contains": "complete", "headers": { "X-A": "b" } },
    ]);
    for fault in serde_json::from_value::<Vec<Fault>>(faults).unwrap() {
        controls.inject(fault);
    }
    let fault = |request: &Request| controls.arrived(1, request, true).1;
    assert_eq!(fault(&push()).unwrap().on, "any", "one passes, so the next one matches");
    assert_eq!(fault(&push()).unwrap().status, Some(503));
    assert_eq!(fault(&push()).unwrap().status, Some(503));
    assert_eq!(fault(&push()), None);
    let query = Request::json("POST", "/graphql", &json!({ "query": "query A { viewer { id } }" }));
    assert!(fault(&query).unwrap().close && fault(&query).is_some());
    assert_eq!(controls.requests(Some("graphql:A")).len(), 2);
    assert_eq!(controls.requests(Some("graphql:B")).len(), 0);
    assert_eq!(controls.requests(None).len(), 6);
    controls.clear_faults();
    assert_eq!(controls.faults(), []);
}

#[test]
fn answers_are_replaced_or_extended() {
    let real = || Some(Response::json(200, &json!({ "x": 1 })));
    let mut fault = Fault::on("any");
    assert!(fault.applies());
    fault.headers.insert("Retry-After".into(), "3".into());
    assert_eq!(fault.answer(real()).headers.len(), 2);
    assert_eq!(fault.answer(real()).body, b"{\"x\":1}");
    fault.status = Some(429);
    assert!(!fault.applies());
    assert_eq!(fault.answer(None).status, 429);
    fault.body = Some(Value::from("<html>"));
    fault.apply = Some(true);
    assert!(fault.applies());
    assert_eq!(fault.answer(real()).body, b"<html>");
    assert!(serde_json::from_value::<Fault>(json!({ "on": "any", "tims": 3 })).is_err());
}

#[test]
fn secrets_are_not_recorded() {
    let controls = Controls::default();
    let request = push().with("authorization", "Basic c2VjcmV0").with("x-a", "b");
    let (n, _) = controls.arrived(7, &request, true);
    controls.answered(n, Some(&Response::json(200, &json!({ "limits": {} }))));
    let record = controls.requests(None).remove(0);
    assert_eq!(record["headers"]["authorization"], "Basic <redacted>");
    assert!(!record.to_string().contains("c2VjcmV0"));
    assert_eq!((&record["auth"], &record["conn"], &record["status"]), (&json!("ok"), &json!(7), &json!(200)));
    assert_eq!(record["response"], json!({ "limits": {} }));
    assert_eq!(record["body"], json!({ "complete": true }));
}

#[test]
fn kinds_of_requests() {
    let of = |method: &str, target: &str| kind(&Request::json(method, target, &json!({})));
    assert_eq!(of("PUT", "/storage/s/e/p/r/f").as_deref(), Some("upload"));
    assert_eq!(of("GET", "/storage/s/e/p/r/f").as_deref(), Some("download"));
    assert_eq!(of("POST", "/oidc/token").as_deref(), Some("token"));
    assert_eq!(of("GET", "/_runwire/state/e/p/r"), None);
}

//! `/_runwire/faults`, `/_runwire/requests` and `/_runwire/settings`: the HTTP side of [`Controls`].

use super::faults::{Controls, Fault};
use crate::{
    backend::Backend,
    request::{Request, Response},
};
use serde::Deserialize;
use serde_json::{Value, json};

/// What may be changed while the server runs.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    features: Option<Vec<String>>,
    upload_headers: Option<Vec<String>>,
    upload_status: Option<u16>,
    crashed_after_ms: Option<u64>,
    body_max: Option<usize>,
    stop: Option<String>,
}

/// The answer, if the request is for the controls.
pub(crate) fn handle(controls: &Controls, backend: &mut Backend, request: &Request) -> Option<Response> {
    let done = || Response::json(200, &json!({ "ok": true }));
    let bad = |error: serde_json::Error| Response::error(400, &error.to_string());
    Some(match (request.method.as_str(), request.path()) {
        ("GET", "/_runwire/faults") => Response::json(200, &json!(controls.faults())),
        ("DELETE", "/_runwire/faults") => {
            controls.clear_faults();
            done()
        }
        ("POST", "/_runwire/faults") => {
            let faults = serde_json::from_slice::<Value>(&request.body).and_then(|body| {
                let list = if body.is_array() { body } else { json!([body]) };
                serde_json::from_value::<Vec<Fault>>(list)
            });
            match faults {
                Ok(faults) => {
                    faults.into_iter().for_each(|fault| controls.inject(fault));
                    done()
                }
                Err(error) => bad(error),
            }
        }
        ("GET", "/_runwire/requests") => {
            Response::json(200, &Value::Array(controls.requests(request.query("on").as_deref())))
        }
        ("DELETE", "/_runwire/requests") => {
            controls.clear_requests();
            done()
        }
        ("POST", "/_runwire/settings") => match serde_json::from_slice::<Change>(&request.body) {
            Ok(change) => apply(backend, change),
            Err(error) => bad(error),
        },
        _ => return None,
    })
}

fn apply(backend: &mut Backend, change: Change) -> Response {
    if let Some(run) = &change.stop {
        let mut names = run.splitn(3, '/');
        let mut next = || names.next().unwrap_or_default();
        match backend.stop_run(next(), next(), next()) {
            Ok(true) => {}
            Ok(false) => return Response::error(404, "no such run: give entity/project/run"),
            Err(error) => return Response::error(500, &error.to_string()),
        }
    }
    backend.configure(|settings| {
        if let Some(features) = change.features {
            settings.features = features;
        }
        if let Some(headers) = change.upload_headers {
            settings.upload_headers = headers;
        }
        settings.upload_status = change.upload_status.unwrap_or(settings.upload_status);
        settings.crashed_after_ms = change.crashed_after_ms.unwrap_or(settings.crashed_after_ms);
        settings.body_max = change.body_max.unwrap_or(settings.body_max);
    });
    Response::json(200, &json!({ "ok": true }))
}

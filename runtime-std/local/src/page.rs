//! The page at `/` and what it asks for: one HTML file, one script, one style sheet, all from here, and JSON. A policy
//! forbids everything else, so text of a run that finds its way into the page could still do nothing.
//!
//! | address | answer |
//! |---|---|
//! | `/`, `/{entity}/{project}`, `/{entity}/{project}/runs/{run}` | the page; the client prints such addresses |
//! | `/_page/runs` | projects with their newest runs, each with state and plain summary values |
//! | `/_page/run/{entity}/{project}/{run}` | one run: config, summary, metrics, last console lines, files |
//! | `/_page/chart/{entity}/{project}/{run}?metric=&x=&from=&to=&buckets=` | a list of [`Bucket`](crate::Bucket) |

use crate::{
    backend::Backend,
    json,
    model::keys::Log,
    request::{Request, Response},
    store::StoreError,
};
use serde_json::{Map, Value, json};

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
/// Runs of a project in the list.
const RUNS_MAX: usize = 200;
/// Console lines of a run.
const LINES_MAX: usize = 500;
/// Parts of a chart.
const BUCKETS_MAX: usize = 10_000;
const BUCKETS: usize = 500;

/// The answer, if the address is one of the page's.
pub(crate) fn answer(
    backend: &mut Backend,
    now_ms: u64,
    request: &Request,
    segments: &[&str],
) -> Result<Response, StoreError> {
    let text = |kind: &str, text: &str| Response::of(200, kind, text.as_bytes().to_vec());
    let response = match segments {
        ["_page", "app.js"] => text("text/javascript; charset=utf-8", include_str!("page/app.js")),
        ["_page", "style.css"] => text("text/css; charset=utf-8", include_str!("page/style.css")),
        ["_page", "runs"] => Response::json(200, &runs(backend, now_ms)),
        ["_page", "run", entity, project, run] => match run_json(backend, now_ms, [entity, project, run])? {
            Some(found) => Response::json(200, &found),
            None => Response::error(404, "no such run"),
        },
        ["_page", "chart", entity, project, run] => chart(backend, request, [entity, project, run])?,
        ["_page", ..] => Response::error(404, "there is nothing here"),
        _ => text("text/html; charset=utf-8", include_str!("page/index.html")),
    };
    let headers = [
        ("Content-Security-Policy", POLICY),
        ("X-Content-Type-Options", "nosniff"),
        ("X-Frame-Options", "DENY"),
        ("Referrer-Policy", "no-referrer"),
        ("Cache-Control", "no-store"),
        ("Cross-Origin-Resource-Policy", "same-origin"),
    ];
    Ok(headers.into_iter().fold(response, |response, (name, value)| response.with(name, value)))
}

fn runs(backend: &Backend, now_ms: u64) -> Value {
    let model = &backend.model;
    let mut projects: Vec<_> = model.projects().collect();
    projects.sort_by_key(|project| std::cmp::Reverse(project.id));
    let one = |project: &crate::model::Project| {
        let mut runs: Vec<_> = model.runs_of(&project.entity, &project.name).collect();
        let total = runs.len();
        runs.sort_by_key(|run| std::cmp::Reverse(run.meta.id));
        runs.truncate(RUNS_MAX);
        let runs: Value = runs
            .into_iter()
            .map(|run| {
                let plain = run.summary().into_iter().filter(|(_, value)| !value.is_object() && !value.is_array());
                json!({
                    "name": run.meta.name, "display_name": run.meta.display_name, "created_ms": run.meta.created_ms,
                    "state": run.state(now_ms, backend.settings.crashed_after_ms),
                    "summary": plain.take(50).collect::<Map<_, _>>(),
                })
            })
            .collect();
        json!({ "entity": project.entity, "project": project.name, "total": total, "runs": runs })
    };
    projects.into_iter().map(one).collect()
}

fn run_json(backend: &mut Backend, now_ms: u64, name: [&str; 3]) -> Result<Option<Value>, StoreError> {
    let [entity, project, run] = name;
    let Some(id) = backend.model.run_id(entity, project, run) else { return Ok(None) };
    let keys = backend.model.history_keys(id)?;
    let rows = backend.model.data(id)?.map_or(0, |data| data.line_count(Log::History));
    let lines = backend.model.last_console_lines(id, LINES_MAX)?;
    let lines: Vec<String> = lines.iter().map(|text| plain_line(text)).collect();
    let files = backend.model.files(id)?.into_iter().filter(|file| file.md5.is_some());
    let files: Value = files.map(|file| json!({ "name": file.name, "size": file.size })).collect();
    let Some(run) = backend.model.run(id) else { return Ok(None) };
    let metrics: Value = keys
        .into_iter()
        .flat_map(|(_, keys)| keys)
        .map(|(name, metric)| json!({ "name": name, "count": metric.count }))
        .collect();
    Ok(Some(json!({
        "display_name": run.meta.display_name, "state": run.state(now_ms, backend.settings.crashed_after_ms),
        "exit_code": run.meta.exit_code, "tags": run.meta.tags, "notes": run.meta.notes,
        "created_ms": run.meta.created_ms, "rows": rows, "metrics": metrics, "console": lines, "files": files,
        "config": run.config(), "summary": run.summary(),
    })))
}

/// What a console line says, without its time.
fn plain_line(text: &str) -> String {
    let object = text.starts_with('{').then(|| json::parse(text)).flatten();
    match object.as_ref().and_then(|line| line["content"].as_str()) {
        Some(content) => content.to_owned(),
        None => text.to_owned(),
    }
}

fn chart(backend: &mut Backend, request: &Request, run: [&str; 3]) -> Result<Response, StoreError> {
    let Some(metric) = request.query("metric") else { return Ok(Response::error(400, "which metric?")) };
    let number = |name: &str| request.query(name).and_then(|text| text.parse::<f64>().ok());
    let limits = (number("from").unwrap_or(f64::NEG_INFINITY), number("to").unwrap_or(f64::INFINITY));
    let buckets = request.query("buckets").and_then(|text| text.parse().ok()).unwrap_or(BUCKETS).min(BUCKETS_MAX);
    let found = backend.chart(run, &metric, request.query("x").as_deref(), limits, buckets)?;
    Ok(Response::json(200, &json!(found)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{backend::Settings, store::MemoryStore};

    fn get(backend: &mut Backend, target: &str) -> Response {
        backend.handle(1000, &Request { method: "GET".into(), target: target.into(), ..Request::default() })
    }

    #[test]
    fn the_page_has_its_data_and_nothing_from_elsewhere() {
        let mut backend = Backend::open(Box::new(MemoryStore::default()), Settings::default()).unwrap();
        let keyed = |request: Request| request.with("authorization", "Basic YXBpOms=");
        let query = "mutation { upsertBucket(input: {entityName: \"e\", modelName: \"p\", name: \"r\", displayName: \"<b>\"}) { inserted } }";
        backend.handle(0, &keyed(Request::json("POST", "/graphql", &json!({ "query": query }))));
        let body = json!({ "files": {
            "wandb-history.jsonl": { "offset": 0, "content": ["{\"_step\":0,\"a/b\":1}", "{\"_step\":1,\"a/b\":NaN}"] },
            "wandb-summary.json": { "offset": 0, "content": ["{\"a/b\":NaN,\"deep\":{}}"] },
            "output.log": { "offset": 0, "content": ["{\"content\":\"said\"}", "raw"] },
        } });
        backend.handle(0, &keyed(Request::json("POST", "/files/e/p/r/file_stream", &body)));
        for target in ["/", "/e/p", "/e/p/runs/r"] {
            let page = get(&mut backend, target);
            assert_eq!(page.status, 200);
            assert!(page.headers.contains(&("Content-Security-Policy".into(), POLICY.into())));
            assert!(String::from_utf8(page.body).unwrap().contains("/_page/app.js"));
        }
        for file in ["app.js", "style.css", "../index.html"] {
            let found = get(&mut backend, &format!("/_page/{file}"));
            assert_eq!(found.status, if file.contains("..") { 404 } else { 200 });
            let text = String::from_utf8(found.body).unwrap();
            assert!(!text.contains("innerHTML") && !text.replace("http://www.w3.org/2000/svg", "").contains("http"));
        }
        let read = |backend: &mut Backend, target: &str| -> Value {
            serde_json::from_slice(&get(backend, target).body).unwrap()
        };
        let runs = read(&mut backend, "/_page/runs");
        assert_eq!(runs[0]["runs"][0]["summary"], json!({ "a/b": "NaN" }));
        let run = read(&mut backend, "/_page/run/e/p/r");
        assert_eq!(
            (&run["console"], &run["rows"], &run["display_name"]),
            (&json!(["said", "raw"]), &json!(2), &json!("<b>"))
        );
        let chart = read(&mut backend, "/_page/chart/e/p/r?metric=a%2Fb&buckets=1");
        assert_eq!(chart, json!([{ "x": [0.0, 1.0], "y": [1.0, 1.0], "count": 1, "nonfinite": 1 }]));
        assert_eq!(get(&mut backend, "/_page/run/e/p/none").status, 404);
        assert_eq!(get(&mut backend, "/_page/chart/e/p/r").status, 400);
    }
}

//! Mutations: making and changing runs, asking for upload addresses, rewinding, stopping.

use super::{Api, Found, Node, from_id, id, leaf, null};
use crate::{
    graphql::{Args, Out},
    model::{File, Meta},
    store::StoreError,
};
use serde_json::json;

/// Names longer than this are refused.
const NAME_MAX: usize = 512;
/// Alerts kept of a run.
const ALERTS_MAX: usize = 1000;

impl Api<'_> {
    pub(super) fn mutate(&mut self, name: &str, args: &Args) -> Result<Found, String> {
        let input = args.input();
        match name {
            "upsertBucket" => self.upsert_run(&input),
            "upsertModel" => self.upsert_project(&input),
            "rewindRun" => self.rewind(&input),
            "createRunFiles" => self.create_files(&input),
            "markRunFilesUploaded" => self.mark_uploaded(&input),
            "notifyScriptableRunAlert" => self.alert(&input),
            "stopRun" => {
                let run = self.run_of_id(&input.text("id").unwrap_or_default()).ok_or("run not found")?;
                self.backend.model.change_run(run, |meta| meta.stop = true);
                Ok(success())
            }
            "deleteRun" => {
                let run = self.run_of_id(&input.text("id").unwrap_or_default()).ok_or("run not found")?;
                self.backend.model.delete_run(run).map_err(told)?;
                Ok(Out::Node(Node::Fields(vec![("clientMutationId", null()), ("success", leaf(true))])))
            }
            "deleteFiles" => self.delete_files(&input),
            "updateRunState" => self.set_state(&input),
            _ => self.mutate_artifact(name, &input)?.ok_or_else(|| format!("{name} is not served here")),
        }
    }

    fn set_state(&mut self, input: &Args) -> Result<Found, String> {
        let run = self.run_of_id(&input.text("id").unwrap_or_default()).ok_or("run not found")?;
        let state = input.text("state").unwrap_or_default();
        let now = self.backend.model.run(run).map(|run| run.state(self.now_ms, self.backend.settings.crashed_after_ms));
        let allowed: &[&str] = match state.as_str() {
            "pending" => &["running", "failed", "crashed", "preempted"],
            "failed" => &["pending", "running"],
            _ => &[],
        };
        if !now.as_deref().is_some_and(|now| allowed.contains(&now)) {
            return Err(format!("a run that is {} cannot become {state}", now.unwrap_or_default()));
        }
        self.backend.model.change_run(run, |meta| meta.set_state = Some(state));
        Ok(success())
    }

    /// Makes the run if there is none of that name, and changes what the input has.
    fn upsert_run(&mut self, input: &Args) -> Result<Found, String> {
        let given = |name: &str| input.text(name);
        for name in ["config", "summaryMetrics"] {
            if let Some(text) = given(name).filter(|text| !text.is_empty()) {
                crate::json::parse(&text).ok_or(format!("{name} is not JSON"))?;
            }
        }
        let by_id = match given("id").filter(|id| !id.is_empty()) {
            Some(id) => Some(self.run_of_id(&id).ok_or("run not found")?),
            None => None,
        };
        let name = given("name").filter(|name| !name.is_empty());
        let (run, inserted) = match (by_id, &name) {
            (Some(run), _) => (run, false),
            (None, Some(name)) => self.run_of_name(input, name)?,
            (None, None) => return Err("a run needs a name or an id".to_owned()),
        };
        // A client that names the run is running it; one that has only its id is a reader who edits.
        let running = name.is_some();
        let (now_ms, crashed_after) = (self.now_ms, self.backend.settings.crashed_after_ms);
        self.backend.model.change_run(run, |meta| {
            let set = |field: &mut Option<String>, name: &str| {
                if let Some(text) = input.text(name) {
                    *field = Some(text);
                }
            };
            set(&mut meta.display_name, "displayName");
            set(&mut meta.description, "description");
            set(&mut meta.notes, "notes");
            set(&mut meta.group, "groupName");
            set(&mut meta.job_type, "jobType");
            set(&mut meta.host, "host");
            set(&mut meta.program, "jobProgram");
            set(&mut meta.repo, "jobRepo");
            set(&mut meta.commit, "commit");
            set(&mut meta.sweep, "sweep");
            if let Some(tags) = input.texts("tags") {
                meta.tags = tags;
            }
            if running {
                // What was said to a process that has ended is not for the next one.
                if meta.complete || now_ms.saturating_sub(meta.heartbeat_ms) > crashed_after {
                    meta.preempting = false;
                    meta.stop = false;
                }
                meta.heartbeat_ms = meta.heartbeat_ms.max(now_ms);
                meta.complete = false;
                meta.exit_code = None;
                meta.set_state = None;
            }
            set(&mut meta.set_state, "state");
        });
        if let Some(config) = given("config").filter(|config| !config.is_empty()) {
            self.backend.model.set_config(run, &config);
        }
        if let Some(summary) = given("summaryMetrics").filter(|summary| !summary.is_empty()) {
            self.backend.model.set_summary(run, &summary);
        }
        Ok(Out::Node(Node::Fields(vec![("bucket", Out::Node(Node::Run(run))), ("inserted", leaf(inserted))])))
    }

    fn run_of_name(&mut self, input: &Args, name: &str) -> Result<(u64, bool), String> {
        let entity = self.entity_or_mine(input.text("entityName"));
        let project =
            input.text("modelName").filter(|name| !name.is_empty()).unwrap_or_else(|| "uncategorized".to_owned());
        for part in [&entity, &project, &name.to_owned()] {
            if part.len() > NAME_MAX || part.contains(['/', '\\', '\0', '?', '#', '%', ':']) {
                return Err(format!("{part:?} cannot be a name: it is too long or has one of / \\ ? # % :"));
            }
        }
        if let Some(run) = self.backend.model.run_id(&entity, &project, name) {
            return Ok((run, false));
        }
        self.backend.model.ensure_project(self.now_ms, &entity, &project);
        Ok((self.backend.model.new_run(self.now_ms, &entity, &project, name), true))
    }

    fn upsert_project(&mut self, input: &Args) -> Result<Found, String> {
        let entity = self.entity_or_mine(input.text("entityName"));
        let name = input.text("name").filter(|name| !name.is_empty()).ok_or("a project needs a name")?;
        let inserted = self.backend.model.ensure_project(self.now_ms, &entity, &name);
        if let Some(description) = input.text("description")
            && let Some(mut project) = self.backend.model.project(&entity, &name).cloned()
        {
            project.description = Some(description);
            self.backend.model.save_project(project);
        }
        let project = || Out::Node(Node::Project(entity.clone(), name.clone()));
        Ok(Out::Node(Node::Fields(vec![("project", project()), ("model", project()), ("inserted", leaf(inserted))])))
    }

    /// The run that `entityName`, `projectName` and `runName` name.
    fn named_run(&self, input: &Args) -> Option<u64> {
        let entity = self.entity_or_mine(input.text("entityName"));
        self.backend.model.run_id(&entity, &input.text("projectName")?, &input.text("runName")?)
    }

    fn rewind(&mut self, input: &Args) -> Result<Found, String> {
        if input.text("metricName").as_deref() != Some("_step") {
            return Err("only _step can be rewound".to_owned());
        }
        let step = input.get("metricValue").as_f64().ok_or("metricValue is not a number")?;
        let Some(run) = self.named_run(input) else { return Ok(null()) };
        self.backend.model.rewind(run, step).map_err(told)?;
        Ok(Out::Node(Node::Fields(vec![("rewoundRun", Out::Node(Node::Run(run)))])))
    }

    fn create_files(&mut self, input: &Args) -> Result<Found, String> {
        let run = self.named_run(input).ok_or("run not found")?;
        let names = input.texts("files").unwrap_or_default();
        for name in &names {
            let bad =
                name.is_empty() || name.contains('\0') || name.split('/').any(|part| matches!(part, "" | "." | ".."));
            if bad {
                return Err(format!("{name:?} cannot be the name of a file"));
            }
        }
        let files = names.iter().map(|name| self.file(run, &File { name: name.clone(), ..File::default() })).collect();
        let headers = self.backend.settings.upload_headers.clone();
        Ok(Out::Node(Node::Fields(vec![
            ("runID", leaf(id("Run", &run.to_string()))),
            ("uploadHeaders", leaf(headers)),
            ("files", Out::List(files)),
        ])))
    }

    fn mark_uploaded(&mut self, input: &Args) -> Result<Found, String> {
        let run = self.named_run(input).ok_or("run not found")?;
        for name in input.texts("files").unwrap_or_default() {
            self.backend.model.mark_uploaded(self.now_ms, run, &name).map_err(told)?;
        }
        Ok(success())
    }

    fn alert(&mut self, input: &Args) -> Result<Found, String> {
        let run = self.named_run(input).ok_or("run not found")?;
        let alert = json!({
            "title": input.get("title"), "text": input.get("text"), "severity": input.get("severity"),
            "waitDuration": input.get("waitDuration"), "at_ms": self.now_ms,
        });
        self.backend.model.change_run(run, |meta: &mut Meta| {
            if meta.alerts.len() < ALERTS_MAX {
                meta.alerts.push(alert);
            }
        });
        Ok(success())
    }

    fn delete_files(&mut self, input: &Args) -> Result<Found, String> {
        for file in input.texts("files").unwrap_or_default() {
            let named = from_id("File", &file);
            let (run, name) = named.as_deref().and_then(|text| text.split_once(':')).ok_or("file not found")?;
            let run = run.parse().map_err(|_| "file not found")?;
            if !self.backend.model.delete_file(run, name).map_err(told)? {
                return Err("file not found".to_owned());
            }
        }
        Ok(success())
    }
}

fn success() -> Found {
    Out::Node(Node::Fields(vec![("success", leaf(true))]))
}

#[expect(clippy::needless_pass_by_value, reason = "the shape that map_err wants")]
pub(super) fn told(error: StoreError) -> String {
    error.to_string()
}

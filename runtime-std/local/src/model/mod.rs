//! What the server knows: projects, runs, rows, files; and where in the store each of them is. Knows no HTTP and no
//! GraphQL.

mod artifacts;
mod columns;
mod files;
mod history;
pub(crate) mod keys;
mod pages;
mod push;
mod rows;
mod run;
mod series;

use crate::store::{Op, Store, StoreError};
use columns::Columns;
use keys::Log;
use pages::PageSize;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

pub(crate) use artifacts::{Artifact, Artifacts, Collection, Manifest, Member};
pub(crate) use columns::Metric;
pub(crate) use files::File;
pub(crate) use history::HistoryKeys;
pub(crate) use push::{Push, PushFailure};
pub use run::Counters;
pub(crate) use run::{Data, Meta, Run};
pub use series::Bucket;

/// The layout that this version writes. 1 had no columns in pages; it is read, and becomes this one.
const FORMAT: u64 = 2;
/// A request puts no more pages into the store, so that it neither takes long nor needs much memory.
const PAGES_AT_ONCE: usize = 64;

/// What the store keeps of the server itself.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
struct Server {
    /// How keys and values are laid out.
    format: u64,
    last_id: u64,
    /// Signs upload addresses and tokens. Made once.
    secret: String,
}

/// A project.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Project {
    pub id: u64,
    pub entity: String,
    pub name: String,
    pub description: Option<String>,
    pub created_ms: u64,
}

/// Names of a run: entity, project, run id.
pub(crate) type RunName = (String, String, String);

/// Everything, over a store.
pub(crate) struct Model {
    store: Box<dyn Store>,
    server: Server,
    projects: BTreeMap<(String, String), Project>,
    runs: BTreeMap<u64, Run>,
    names: BTreeMap<RunName, u64>,
    pub(crate) artifacts: Artifacts,
    /// Changes of the request at hand.
    ops: Vec<Op>,
    /// Counts uses of rows: tells which were used last.
    clock: u64,
    page_size: PageSize,
}

impl Model {
    /// Reads projects and runs; rows only when they are asked for. `secret` is used if the store has none yet.
    pub(crate) fn open(store: Box<dyn Store>, secret: &str) -> Result<Self, StoreError> {
        let server = store.get(keys::SERVER)?.and_then(|value| serde_json::from_slice(&value).ok());
        let fresh = server.is_none();
        let new = || Server { format: FORMAT, last_id: 0, secret: secret.to_owned() };
        let server: Server = server.unwrap_or_else(new);
        if server.format > FORMAT {
            return Err(StoreError::Newer(server.format));
        }
        let mut model = Self {
            store,
            server,
            projects: BTreeMap::new(),
            runs: BTreeMap::new(),
            names: BTreeMap::new(),
            artifacts: Artifacts::default(),
            ops: Vec::new(),
            clock: 0,
            page_size: PageSize::USUAL,
        };
        model.reload()?;
        if fresh || model.server.format < FORMAT {
            // A version that knows no pages would leave wrong ones behind.
            model.server.format = FORMAT;
            model.save_server();
            model.commit()?;
        }
        Ok(model)
    }

    /// Makes memory what the store is. A request that failed half-way leaves nothing behind.
    pub(crate) fn reload(&mut self) -> Result<(), StoreError> {
        self.ops.clear();
        let (mut projects, mut runs, mut names) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        self.store.scan(keys::PROJECTS, &[], &mut |_, value| {
            if let Ok(project) = serde_json::from_slice::<Project>(value) {
                projects.insert((project.entity.clone(), project.name.clone()), project);
            }
            true
        })?;
        self.store.scan(keys::RUNS, &[], &mut |_, value| {
            if let Ok(meta) = serde_json::from_slice::<Meta>(value) {
                names.insert((meta.entity.clone(), meta.project.clone(), meta.name.clone()), meta.id);
                runs.insert(meta.id, Run { meta, ..Run::default() });
            }
            true
        })?;
        for (id, run) in &mut runs {
            let text = |value: Option<Vec<u8>>| value.and_then(|value| String::from_utf8(value).ok());
            run.config = text(self.store.get(&keys::config(*id))?);
            run.summary = text(self.store.get(&keys::summary(*id))?);
        }
        (self.projects, self.runs, self.names) = (projects, runs, names);
        self.load_artifacts()
    }

    /// Lets go of rows that have not been asked for lately, until the rest takes no more than so many bytes. The store
    /// keeps them.
    pub(crate) fn shrink(&mut self, bytes_max: usize) {
        loop {
            let loaded = self.runs.values().filter_map(|run| run.data.as_ref());
            let (mut total, mut count) = (0, 0);
            for data in loaded {
                total += data.bytes();
                count += 1;
            }
            // The last one is in use.
            if total <= bytes_max || count < 2 {
                return;
            }
            let oldest = self.runs.values_mut().filter(|run| run.data.is_some()).min_by_key(|run| run.used);
            if let Some(run) = oldest {
                run.data = None;
            }
        }
    }

    /// Makes the changes of this request visible; true if there were any.
    pub(crate) fn commit(&mut self) -> Result<bool, StoreError> {
        let ops = std::mem::take(&mut self.ops);
        let wrote = !ops.is_empty();
        self.store.apply(ops)?;
        Ok(wrote)
    }

    pub(crate) fn store(&self) -> &dyn Store {
        self.store.as_ref()
    }

    pub(crate) fn secret(&self) -> &str {
        &self.server.secret
    }

    pub(crate) fn projects(&self) -> impl Iterator<Item = &Project> {
        self.projects.values()
    }

    pub(crate) fn project(&self, entity: &str, name: &str) -> Option<&Project> {
        self.projects.get(&(entity.to_owned(), name.to_owned()))
    }

    /// Makes the project if it is not there; true if it was not.
    pub(crate) fn ensure_project(&mut self, now_ms: u64, entity: &str, name: &str) -> bool {
        if self.project(entity, name).is_some() {
            return false;
        }
        let id = self.next_id();
        let (entity, name) = (entity.to_owned(), name.to_owned());
        let project = Project { id, entity, name, description: None, created_ms: now_ms };
        self.save_project(project);
        true
    }

    pub(crate) fn save_project(&mut self, project: Project) {
        self.ops.push(Op::Put(keys::project(&project.entity, &project.name), encoded(&project)));
        self.projects.insert((project.entity.clone(), project.name.clone()), project);
    }

    pub(crate) fn runs_of<'a>(&'a self, entity: &'a str, project: &'a str) -> impl Iterator<Item = &'a Run> {
        let first = (entity.to_owned(), project.to_owned(), String::new());
        let range = self.names.range(first..).take_while(move |((e, p, _), _)| e == entity && p == project);
        range.filter_map(|(_, id)| self.runs.get(id))
    }

    pub(crate) fn run_id(&self, entity: &str, project: &str, name: &str) -> Option<u64> {
        self.names.get(&(entity.to_owned(), project.to_owned(), name.to_owned())).copied()
    }

    pub(crate) fn run(&self, id: u64) -> Option<&Run> {
        self.runs.get(&id)
    }

    /// Changes what is known of a run; `change` must not touch its rows.
    pub(crate) fn change_run(&mut self, id: u64, change: impl FnOnce(&mut Meta)) {
        if let Some(run) = self.runs.get_mut(&id) {
            change(&mut run.meta);
            self.ops.push(Op::Put(keys::run(id), encoded(&run.meta)));
        }
    }

    pub(crate) fn set_config(&mut self, id: u64, config: &str) {
        if let Some(run) = self.runs.get_mut(&id)
            && run.config.as_deref() != Some(config)
        {
            run.config = Some(config.to_owned());
            self.ops.push(Op::Put(keys::config(id), config.as_bytes().to_vec()));
        }
    }

    pub(crate) fn set_summary(&mut self, id: u64, summary: &str) {
        if let Some(run) = self.runs.get_mut(&id)
            && run.summary.as_deref() != Some(summary)
        {
            run.summary = Some(summary.to_owned());
            self.ops.push(Op::Put(keys::summary(id), summary.as_bytes().to_vec()));
        }
    }

    /// Makes a run without data.
    pub(crate) fn new_run(&mut self, now_ms: u64, entity: &str, project: &str, name: &str) -> u64 {
        let id = self.next_id();
        let meta = Meta {
            id,
            entity: entity.to_owned(),
            project: project.to_owned(),
            name: name.to_owned(),
            created_ms: now_ms,
            heartbeat_ms: now_ms,
            ..Meta::default()
        };
        self.ops.push(Op::Put(keys::run(id), encoded(&meta)));
        self.names.insert((meta.entity.clone(), meta.project.clone(), meta.name.clone()), id);
        self.clock += 1;
        self.runs.insert(id, Run { meta, data: Some(Data::default()), used: self.clock, ..Run::default() });
        id
    }

    /// Removes a run with everything that belongs to it.
    pub(crate) fn delete_run(&mut self, id: u64) -> Result<bool, StoreError> {
        let Some(run) = self.runs.remove(&id) else { return Ok(false) };
        for name in self.file_names(id)? {
            self.delete_file(id, &name)?;
        }
        let logs = Log::ALL.map(|log| keys::log(id, log));
        for prefix in logs.into_iter().chain([keys::console(id)]) {
            self.delete_all(&prefix)?;
        }
        self.delete_pages(id)?;
        self.ops.extend([keys::run(id), keys::config(id), keys::summary(id)].map(Op::Delete));
        self.names.remove(&(run.meta.entity, run.meta.project, run.meta.name));
        Ok(true)
    }

    /// The rows of a run, read from the store if need be.
    pub(crate) fn data(&mut self, id: u64) -> Result<Option<&mut Data>, StoreError> {
        let Some(run) = self.runs.get_mut(&id) else { return Ok(None) };
        self.clock += 1;
        run.used = self.clock;
        if run.data.is_none() {
            run.data = Some(Data::load(self.store.as_ref(), &run.meta, true)?);
        }
        if self.ops.is_empty() {
            // Of data of an older version all rows are to be put into pages.
            self.keep_pages(id);
        }
        Ok(self.runs.get_mut(&id).and_then(|run| run.data.as_mut()))
    }

    /// The columns of a run, with these metrics in memory, and with the steps.
    pub(crate) fn columns(&mut self, id: u64, names: &[&str], steps: bool) -> Result<Option<&mut Columns>, StoreError> {
        self.data(id)?;
        let Some(run) = self.runs.get_mut(&id) else { return Ok(None) };
        let Some(data) = &mut run.data else { return Ok(None) };
        let store = self.store.as_ref();
        let mut whole = !steps || data.columns.read_steps(store, id)?;
        for name in names {
            whole = whole && data.columns.read(store, id, name)?;
        }
        if !whole {
            // The pages are not what they say: the rows are.
            *data = Data::load(store, &run.meta, false)?;
            self.delete_pages(id)?;
            self.keep_pages(id);
        }
        Ok(self.runs.get_mut(&id).and_then(|run| Some(&mut run.data.as_mut()?.columns)))
    }

    /// Puts rows that fill pages into pages.
    fn keep_pages(&mut self, id: u64) {
        let Some(run) = self.runs.get_mut(&id) else { return };
        let Some(data) = run.data.as_mut() else { return };
        let derives = run.meta.derives_summary;
        let mut kept = false;
        for _ in 0..PAGES_AT_ONCE {
            // What is derived of rows of several writers depends on when they came.
            let Some(rows) = data.columns.next_page(self.page_size).filter(|_| !derives || data.columns.is_straight())
            else {
                break;
            };
            let starts = data.logs.get(&(Log::History, 0)).map(|known| known.starts(rows.clone())).unwrap_or_default();
            let page = data.columns.keep_page(id, rows.end, &mut self.ops);
            self.ops.push(Op::Put(keys::page(id, pages::CHUNKS, page), pages::encoded_starts(&starts)));
            kept = true;
        }
        if kept {
            let index = data.columns.index(derives.then(|| data.derived.clone()));
            self.ops.push(Op::Put(keys::index(id), encoded(&index)));
        }
    }

    fn delete_pages(&mut self, id: u64) -> Result<(), StoreError> {
        self.delete_all(&keys::columns(id))?;
        self.delete_all(&keys::index(id))
    }

    fn delete_all(&mut self, prefix: &[u8]) -> Result<(), StoreError> {
        let ops = &mut self.ops;
        ops.retain(|op| !matches!(op, Op::Put(key, _) if key.starts_with(prefix)));
        self.store.scan(prefix, &[], &mut |key, _| {
            ops.push(Op::Delete(key.to_vec()));
            true
        })
    }

    fn next_id(&mut self) -> u64 {
        self.server.last_id += 1;
        self.save_server();
        self.server.last_id
    }

    fn save_server(&mut self) {
        self.ops.push(Op::Put(keys::SERVER.to_vec(), encoded(&self.server)));
    }
}

fn encoded(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).expect("plain structs with text keys are JSON")
}

#[cfg(test)]
mod paged;
#[cfg(test)]
mod tests;

//! What the fields of the GraphQL schema mean: viewer, server, entities, projects and lists of runs.

mod artifacts;
mod filter;
mod log_artifact;
mod mutate;
mod run;
mod time;

use crate::{
    backend::Backend,
    graphql::{Args, Out, Resolver},
    request::Request,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

/// Entries of a page if the client does not say.
const PAGE: usize = 50;
/// Entries of a page at most.
const PAGE_MAX: usize = 10_000;

/// An object that a query walks through.
#[derive(Clone)]
pub(crate) enum Node {
    Viewer,
    Entity(String),
    /// Entity and name.
    Project(String, String),
    Run(u64),
    Artifact(u64),
    Collection(u64),
    /// An artifact as a version of a collection.
    Member(u64, u64),
    /// Entity, project and name of a type of artifacts.
    Type(String, String, String),
    /// An object that is complete as it stands.
    Fields(Vec<(&'static str, Out<Node>)>),
}

pub(crate) type Found = Out<Node>;

pub(crate) fn leaf(value: impl Into<Value>) -> Found {
    Out::Leaf(value.into())
}

pub(crate) fn null() -> Found {
    Out::Leaf(Value::Null)
}

/// One GraphQL request over the backend.
pub(crate) struct Api<'a> {
    pub(crate) backend: &'a mut Backend,
    pub(crate) now_ms: u64,
    /// Scheme and host that the client used: addresses that it is given begin with it.
    pub(crate) base: String,
}

impl<'a> Api<'a> {
    pub(crate) fn new(backend: &'a mut Backend, now_ms: u64, request: &Request) -> Self {
        let base = format!("http://{}", request.header("host").unwrap_or("127.0.0.1"));
        Self { backend, now_ms, base }
    }

    fn entity_or_mine(&self, name: Option<String>) -> String {
        name.filter(|name| !name.is_empty()).unwrap_or_else(|| self.backend.settings.entity.clone())
    }

    fn query(&mut self, name: &str, args: &Args) -> Result<Found, String> {
        Ok(match name {
            "viewer" => Out::Node(Node::Viewer),
            "user" => match args.text("username") {
                Some(name) if name == self.backend.settings.entity => Out::Node(Node::Viewer),
                _ => null(),
            },
            "serverInfo" => {
                let features = self.backend.settings.features.iter().map(|name| {
                    Out::Node(Node::Fields(vec![("name", leaf(name.as_str())), ("isEnabled", leaf(true))]))
                });
                let version = json!({ "max_cli_version": "99.0.0", "min_cli_version": "0.0.0" });
                Out::Node(Node::Fields(vec![
                    ("features", Out::List(features.collect())),
                    ("cliVersionInfo", leaf(version)),
                    ("latestLocalVersionInfo", null()),
                ]))
            }
            "entity" => Out::Node(Node::Entity(self.entity_or_mine(args.text("name")))),
            "organization" => {
                let name = self.entity_or_mine(args.text("name"));
                organization(&name)
            }
            "project" | "model" => {
                let entity = self.entity_or_mine(args.text("entityName"));
                let name = args.text("name").unwrap_or_default();
                match self.backend.model.project(&entity, &name) {
                    Some(_) => Out::Node(Node::Project(entity, name)),
                    None => null(),
                }
            }
            "models" => {
                let entity = self.entity_or_mine(args.text("entityName"));
                let mut projects: Vec<_> =
                    self.backend.model.projects().filter(|project| project.entity == entity).collect();
                projects.sort_by_key(|project| std::cmp::Reverse(project.id));
                let names: Vec<Found> = projects
                    .into_iter()
                    .map(|project| Out::Node(Node::Project(project.entity.clone(), project.name.clone())))
                    .collect();
                connection(names, args)
            }
            "artifact" => match self.artifact_of_id(&args.text("id").unwrap_or_default()) {
                Some(artifact) => Out::Node(Node::Artifact(artifact.id)),
                None => null(),
            },
            "artifactCollection" => {
                let id = args.text("id").and_then(|id| from_id("ArtifactCollection", &id)?.parse::<u64>().ok());
                id.map_or_else(null, |id| Out::Node(Node::Collection(id)))
            }
            "clientIDMapping" => {
                let client = args.text("clientID");
                let mut all = self.backend.model.artifacts.artifacts.values().rev();
                match all.find(|one| client.is_some() && one.client_id == client) {
                    Some(one) => Out::Node(Node::Fields(vec![("serverID", leaf(id("Artifact", &one.id.to_string())))])),
                    None => null(),
                }
            }
            _ => return Err(format!("{name} is not served here")),
        })
    }

    fn viewer(&self, name: &str) -> Found {
        let user = self.backend.settings.entity.clone();
        match name {
            "id" => leaf(id("User", &user)),
            "entity" | "username" | "name" => leaf(user),
            "email" => leaf(format!("{user}@localhost")),
            "admin" => leaf(false),
            "flags" => leaf(r#"{"code_saving_enabled": true}"#),
            "teams" => {
                let edge = Node::Fields(vec![("node", Out::Node(Node::Entity(user)))]);
                Out::Node(Node::Fields(vec![("edges", Out::List(vec![Out::Node(edge)]))]))
            }
            "apiKeys" => Out::Node(Node::Fields(vec![("edges", Out::List(Vec::new()))])),
            "organizations" => Out::List(Vec::new()),
            _ => null(),
        }
    }

    fn project(&mut self, entity: &str, project: &str, name: &str, args: &Args) -> Result<Found, String> {
        let Some(known) = self.backend.model.project(entity, project).cloned() else { return Ok(null()) };
        Ok(match name {
            "id" | "internalId" => leaf(id("Project", &known.id.to_string())),
            "name" => leaf(known.name),
            "entityName" => leaf(known.entity),
            "entity" => Out::Node(Node::Entity(known.entity)),
            "createdAt" => leaf(time::iso(known.created_ms)),
            "description" => leaf(known.description),
            "isBenchmark" | "readOnly" => leaf(false),
            "access" => leaf("PRIVATE"),
            "tags" => Out::List(Vec::new()),
            "user" => Out::Node(Node::Viewer),
            "run" | "bucket" => {
                let run = args.text("name").unwrap_or_default();
                match self.backend.model.run_id(entity, project, &run) {
                    Some(id) => Out::Node(Node::Run(id)),
                    None => null(),
                }
            }
            "runCount" => leaf(self.selected(entity, project, args)?.len()),
            "runs" | "buckets" => {
                let runs = self.selected(entity, project, args)?;
                connection(runs.into_iter().map(|id| Out::Node(Node::Run(id))).collect(), args)
            }
            _ => self.artifacts_of_project(entity, project, name, args),
        })
    }

    /// Runs of a project that pass the filters, in the order asked for.
    fn selected(&self, entity: &str, project: &str, args: &Args) -> Result<Vec<u64>, String> {
        let filters = match args.text("filters").filter(|text| !text.is_empty()) {
            Some(text) => serde_json::from_str(&text).map_err(|error| format!("filters are not JSON: {error}"))?,
            None => Value::Null,
        };
        let crashed_after = self.backend.settings.crashed_after_ms;
        let view = |run| filter::View { run, now_ms: self.now_ms, crashed_after, user: &self.backend.settings.entity };
        let mut runs = Vec::new();
        for run in self.backend.model.runs_of(entity, project) {
            if filter::passes(&filters, &view(run))? {
                runs.push(run);
            }
        }
        let order = args.text("order").unwrap_or_else(|| "-created_at".to_owned());
        filter::sort(&mut runs, &order, view);
        Ok(runs.into_iter().map(|run| run.meta.id).collect())
    }
}

impl Resolver for Api<'_> {
    type Node = Node;

    fn concrete<'t>(&self, of: &'t str, node: &Node) -> &'t str {
        if of != "ArtifactCollection" {
            return of;
        }
        let links = matches!(node, Node::Collection(id)
            if self.backend.model.artifacts.collections.get(id).is_some_and(|one| one.portfolio));
        if links { "ArtifactPortfolio" } else { "ArtifactSequence" }
    }

    fn resolve(&mut self, of: &str, node: Option<&Node>, name: &str, args: &Args) -> Result<Found, String> {
        match node {
            None if of == "Mutation" => self.mutate(name, args),
            None => self.query(name, args),
            Some(Node::Viewer) => Ok(self.viewer(name)),
            Some(Node::Entity(entity)) => Ok(match name {
                "id" => leaf(id("Entity", entity)),
                "name" => leaf(entity.as_str()),
                "isTeam" => leaf(false),
                "xxhashDigestsEnabled" => {
                    leaf(self.backend.settings.features.iter().any(|name| name == "ARTIFACT_DIGEST_ALGORITHM"))
                }
                "organization" => organization(entity),
                "project" => {
                    match args.text("name").filter(|name| self.backend.model.project(entity, name).is_some()) {
                        Some(name) => Out::Node(Node::Project(entity.clone(), name)),
                        None => null(),
                    }
                }
                _ => null(),
            }),
            Some(Node::Project(entity, project)) => self.project(entity, project, name, args),
            Some(Node::Run(id)) => self.run(*id, name, args),
            Some(Node::Artifact(id)) => self.artifact(*id, name, args).map_err(|error| error.to_string()),
            Some(Node::Collection(id)) => Ok(self.collection(*id, name, args)),
            Some(Node::Member(id, artifact)) => {
                self.member_field(*id, *artifact, name, args).map_err(|error| error.to_string())
            }
            Some(Node::Type(entity, project, kind)) => Ok(self.artifact_type([entity, project, kind], name, args)),
            Some(Node::Fields(fields)) => {
                Ok(fields.iter().find(|(known, _)| *known == name).map_or_else(null, |(_, value)| value.clone()))
            }
        }
    }
}

/// This server has no organizations; clients ask for flags and names of one all the same.
fn organization(name: &str) -> Found {
    Out::Node(Node::Fields(vec![
        ("name", leaf(name)),
        ("orgEntity", Out::Node(Node::Entity(name.to_owned()))),
        ("featureFlags", Out::List(Vec::new())),
        ("coreWeaveOrganizationId", null()),
    ]))
}

/// An opaque id as W&B makes them.
pub(crate) fn id(kind: &str, value: &str) -> String {
    STANDARD.encode(format!("{kind}:{value}"))
}

/// What was put into an [`id`].
pub(crate) fn from_id(kind: &str, id: &str) -> Option<String> {
    let text = String::from_utf8(STANDARD.decode(id).ok()?).ok()?;
    text.strip_prefix(kind)?.strip_prefix(':').map(str::to_owned)
}

/// A page of a list. A cursor is the number of entries up to and including the one it stands for.
pub(crate) fn connection(items: Vec<Found>, args: &Args) -> Found {
    let total = items.len();
    let after = args.text("after").and_then(|cursor| cursor.parse::<usize>().ok()).unwrap_or(0);
    let first = args.count("first").unwrap_or(PAGE).min(PAGE_MAX);
    let page = items.into_iter().enumerate().skip(after).take(first);
    let edges: Vec<Found> = page
        .map(|(at, item)| Out::Node(Node::Fields(vec![("node", item), ("cursor", leaf((at + 1).to_string()))])))
        .collect();
    let end = after + edges.len();
    let cursor = if edges.is_empty() { Value::Null } else { Value::from(end.to_string()) };
    Out::Node(Node::Fields(vec![
        ("edges", Out::List(edges)),
        ("totalCount", leaf(total)),
        ("pageInfo", page_info(cursor, end < total)),
    ]))
}

pub(crate) fn page_info(cursor: Value, more: bool) -> Found {
    Out::Node(Node::Fields(vec![
        ("endCursor", Out::Leaf(cursor)),
        ("hasNextPage", leaf(more)),
        ("startCursor", null()),
        ("hasPreviousPage", leaf(false)),
    ]))
}

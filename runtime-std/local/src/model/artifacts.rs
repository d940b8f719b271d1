//! Artifacts: versions in collections, and objects (files and manifests) by their digest. Equal files are kept once per
//! entity. Knows no GraphQL.

use super::{Model, encoded, keys};
use crate::store::{Op, StoreError};
use base64::{Engine, engine::general_purpose::STANDARD};
use md5::{Digest, Md5};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// One version: pending until it is committed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Artifact {
    pub id: u64,
    pub entity: String,
    /// The collection that it is a version of.
    pub collection: u64,
    pub committed: bool,
    pub digest: String,
    pub algorithm: Option<String>,
    pub description: Option<String>,
    pub metadata: Option<String>,
    pub tags: Vec<String>,
    pub ttl_s: Option<i64>,
    pub history_step: Option<i64>,
    pub client_id: Option<String>,
    pub distributed_id: Option<String>,
    pub created_by: Option<u64>,
    pub used_by: Vec<u64>,
    pub created_ms: u64,
    pub updated_ms: u64,
    /// Aliases that it gets when it is committed.
    pub wanted: Vec<String>,
    pub manifests: Vec<Manifest>,
    /// Bytes of its files.
    pub size: u64,
    pub count: u64,
}

/// A manifest of an artifact: an object of that name once it has been uploaded.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Manifest {
    pub id: u64,
    /// `FULL`, `PATCH` or `INCREMENTAL`.
    pub kind: String,
    pub digest: String,
    /// The client was given an address to upload it to.
    pub offered: bool,
}

impl Manifest {
    /// Name of its object.
    pub(crate) fn object(&self) -> String {
        format!("manifest-{}", self.id)
    }
}

/// Versions under a name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Collection {
    pub id: u64,
    pub entity: String,
    pub project: String,
    pub name: String,
    /// Type of its artifacts.
    pub kind: String,
    /// It only links to artifacts of other collections.
    pub portfolio: bool,
    pub created_ms: u64,
    pub members: Vec<Member>,
}

/// A version of a collection.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Member {
    pub version: u64,
    pub artifact: u64,
    pub aliases: Vec<String>,
    pub created_ms: u64,
}

impl Collection {
    /// The version that an alias, `v3` or a digest names; the newest for `latest` if no version has that alias.
    pub(crate) fn member(&self, alias: &str, digest: impl Fn(u64) -> String) -> Option<&Member> {
        let by_alias = self.members.iter().find(|member| member.aliases.iter().any(|known| known == alias));
        let number = alias.strip_prefix('v').and_then(|number| number.parse::<u64>().ok());
        let by_number = || self.members.iter().find(|member| Some(member.version) == number);
        let by_digest = || self.members.iter().find(|member| digest(member.artifact) == alias);
        by_alias.or_else(by_number).or_else(by_digest).or_else(|| self.members.last().filter(|_| alias == "latest"))
    }

    fn add(&mut self, artifact: u64, aliases: &[String], now_ms: u64) {
        if !self.members.iter().any(|member| member.artifact == artifact) {
            let version = self.members.last().map_or(0, |last| last.version + 1);
            self.members.push(Member { version, artifact, aliases: Vec::new(), created_ms: now_ms });
        }
        self.alias(artifact, aliases);
    }

    /// An alias names one version: it leaves the one that had it.
    pub(crate) fn alias(&mut self, artifact: u64, aliases: &[String]) {
        for alias in aliases.iter().filter(|alias| !alias.is_empty()) {
            for member in &mut self.members {
                member.aliases.retain(|known| known != alias);
                if member.artifact == artifact {
                    member.aliases.push(alias.clone());
                }
            }
        }
    }
}

/// Bytes that were uploaded.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Object {
    pub size: u64,
    pub md5: String,
    blob: u64,
}

/// All artifacts in memory.
#[derive(Debug, Default)]
pub(crate) struct Artifacts {
    pub artifacts: BTreeMap<u64, Artifact>,
    pub collections: BTreeMap<u64, Collection>,
}

impl Artifacts {
    /// A collection by entity, project and name.
    pub(crate) fn named(&self, entity: &str, project: &str, name: &str) -> Option<&Collection> {
        self.collections.values().find(|one| one.entity == entity && one.project == project && one.name == name)
    }

    /// Collections of a project.
    pub(crate) fn of<'a>(&'a self, entity: &'a str, project: &'a str) -> impl Iterator<Item = &'a Collection> {
        self.collections.values().filter(move |one| one.entity == entity && one.project == project)
    }
}

impl Model {
    pub(super) fn load_artifacts(&mut self) -> Result<(), StoreError> {
        let mut found = Artifacts::default();
        self.store.scan(keys::ARTIFACTS, &[], &mut |_, value| {
            if let Ok(artifact) = serde_json::from_slice::<Artifact>(value) {
                found.artifacts.insert(artifact.id, artifact);
            }
            true
        })?;
        self.store.scan(keys::COLLECTIONS, &[], &mut |_, value| {
            if let Ok(collection) = serde_json::from_slice::<Collection>(value) {
                found.collections.insert(collection.id, collection);
            }
            true
        })?;
        self.artifacts = found;
        Ok(())
    }

    /// The collection of that name, made if need be.
    pub(crate) fn ensure_collection(&mut self, now_ms: u64, like: Collection) -> u64 {
        if let Some(known) = self.artifacts.named(&like.entity, &like.project, &like.name) {
            return known.id;
        }
        self.ensure_project(now_ms, &like.entity, &like.project);
        let id = self.next_id();
        self.save_collection(Collection { id, created_ms: now_ms, ..like });
        id
    }

    pub(crate) fn save_collection(&mut self, collection: Collection) {
        self.ops.push(Op::Put(keys::collection(collection.id), encoded(&collection)));
        self.artifacts.collections.insert(collection.id, collection);
    }

    pub(crate) fn new_artifact(&mut self, like: Artifact) -> u64 {
        let id = self.next_id();
        self.save_artifact(Artifact { id, ..like });
        id
    }

    pub(crate) fn save_artifact(&mut self, artifact: Artifact) {
        self.ops.push(Op::Put(keys::artifact(artifact.id), encoded(&artifact)));
        self.artifacts.artifacts.insert(artifact.id, artifact);
    }

    pub(crate) fn new_manifest(&mut self, artifact: u64, kind: &str, digest: &str, offered: bool) -> Option<Manifest> {
        let mut artifact = self.artifacts.artifacts.get(&artifact)?.clone();
        let manifest = Manifest { id: self.next_id(), kind: kind.to_owned(), digest: digest.to_owned(), offered };
        artifact.manifests.push(manifest.clone());
        self.save_artifact(artifact);
        Some(manifest)
    }

    /// Makes an artifact a version of its collection. Patches and increments become one manifest with what they are on
    /// top of.
    pub(crate) fn commit_artifact(&mut self, now_ms: u64, id: u64) -> Result<bool, StoreError> {
        let Some(mut artifact) = self.artifacts.artifacts.get(&id).cloned() else { return Ok(false) };
        let Some(mut collection) = self.artifacts.collections.get(&artifact.collection).cloned() else {
            return Ok(false);
        };
        if !artifact.committed {
            let contents = self.merged(&mut artifact, &collection)?;
            artifact.count = contents.len() as u64;
            artifact.size = contents.values().filter_map(|entry| entry["size"].as_u64()).sum();
            artifact.committed = true;
        }
        collection.add(id, &std::mem::take(&mut artifact.wanted), now_ms);
        artifact.updated_ms = now_ms;
        self.save_collection(collection);
        self.save_artifact(artifact);
        Ok(true)
    }

    /// Makes an artifact a version of a portfolio; gives the number of the version.
    pub(crate) fn link(&mut self, now_ms: u64, portfolio: u64, artifact: u64, aliases: &[String]) -> Option<u64> {
        let mut collection = self.artifacts.collections.get(&portfolio)?.clone();
        collection.add(artifact, aliases, now_ms);
        let version = collection.members.iter().find(|member| member.artifact == artifact)?.version;
        self.save_collection(collection);
        Some(version)
    }

    fn merged(&mut self, artifact: &mut Artifact, collection: &Collection) -> Result<Map<String, Value>, StoreError> {
        let offered: Vec<Manifest> = artifact.manifests.iter().filter(|manifest| manifest.offered).cloned().collect();
        let contents = |manifest: &Value| manifest["contents"].as_object().cloned().unwrap_or_default();
        let Some(last) = offered.last() else { return Ok(Map::new()) };
        let newest = self.manifest_json(&artifact.entity, last)?;
        if last.kind == "FULL" {
            return Ok(contents(&newest));
        }
        let mut all = Map::new();
        if last.kind == "INCREMENTAL"
            && let Some(base) =
                collection.members.last().and_then(|member| self.artifacts.artifacts.get(&member.artifact))
            && let Some(manifest) = base.manifests.iter().rfind(|manifest| manifest.offered)
        {
            all.extend(contents(&self.manifest_json(&artifact.entity, manifest)?));
        }
        for manifest in &offered {
            all.extend(contents(&self.manifest_json(&artifact.entity, manifest)?));
        }
        let mut whole = newest;
        whole["contents"] = Value::Object(all.clone());
        let manifest = Manifest { id: self.next_id(), kind: "FULL".to_owned(), digest: String::new(), offered: true };
        self.put_object(&artifact.entity, &manifest.object(), whole.to_string().as_bytes())?;
        artifact.manifests.push(manifest);
        Ok(all)
    }

    fn manifest_json(&self, entity: &str, manifest: &Manifest) -> Result<Value, StoreError> {
        let text = self.object_content(entity, &manifest.object())?;
        Ok(text.and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_else(|| json!({})))
    }

    /// What a committed artifact contains: entries by path.
    pub(crate) fn contents(&self, id: u64) -> Result<Map<String, Value>, StoreError> {
        let Some(artifact) = self.artifacts.artifacts.get(&id) else { return Ok(Map::new()) };
        let Some(manifest) = artifact.manifests.iter().rfind(|manifest| manifest.offered) else {
            return Ok(Map::new());
        };
        let manifest = self.manifest_json(&artifact.entity, manifest)?;
        Ok(manifest["contents"].as_object().cloned().unwrap_or_default())
    }

    /// Removes a version; its files stay, since others may have them.
    pub(crate) fn delete_artifact(&mut self, id: u64) -> bool {
        if self.artifacts.artifacts.remove(&id).is_none() {
            return false;
        }
        self.ops.push(Op::Delete(keys::artifact(id)));
        let holders = self.artifacts.collections.values().filter(|one| one.members.iter().any(|m| m.artifact == id));
        for mut collection in holders.cloned().collect::<Vec<_>>() {
            collection.members.retain(|member| member.artifact != id);
            self.save_collection(collection);
        }
        true
    }

    pub(crate) fn object(&self, entity: &str, name: &str) -> Result<Option<Object>, StoreError> {
        Ok(self.store.get(&keys::object(entity, name))?.and_then(|value| serde_json::from_slice(&value).ok()))
    }

    pub(crate) fn object_content(&self, entity: &str, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let Some(object) = self.object(entity, name)? else { return Ok(None) };
        Ok(Some(self.blob_content(object.blob, object.size)?))
    }

    /// Stores an object, in place of what had its name. Its content is what this request reads from now on.
    pub(crate) fn put_object(&mut self, entity: &str, name: &str, body: &[u8]) -> Result<(), StoreError> {
        if let Some(before) = self.object(entity, name)? {
            self.delete_all(&keys::blob(before.blob))?;
        }
        let blob = self.put_blob(body);
        let object = Object { size: body.len() as u64, md5: STANDARD.encode(Md5::digest(body)), blob };
        self.ops.push(Op::Put(keys::object(entity, name), encoded(&object)));
        Ok(())
    }
}

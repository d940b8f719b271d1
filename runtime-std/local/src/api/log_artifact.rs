//! Mutations of artifacts: creating, uploading, committing, using, linking, changing.

use super::{Api, Found, Node, artifacts::hex, from_id, id, leaf, mutate::told, null};
use crate::{
    graphql::{Args, Out},
    model::{Artifact, Collection, Manifest},
};
use serde_json::Value;

impl Api<'_> {
    /// None if the mutation is not one of artifacts.
    pub(super) fn mutate_artifact(&mut self, name: &str, input: &Args) -> Result<Option<Found>, String> {
        Ok(Some(match name {
            "createArtifact" => self.create_artifact(input)?,
            "createArtifactManifest" => self.create_manifest(input)?,
            "updateArtifactManifest" => self.update_manifest(input)?,
            "createArtifactFiles" => self.create_artifact_files(input)?,
            "commitArtifact" => {
                let artifact = self.given(input)?.id;
                self.backend.model.commit_artifact(self.now_ms, artifact).map_err(told)?;
                payload(artifact)
            }
            "useArtifact" => self.use_artifact(input)?,
            "updateArtifact" => self.update_artifact(input)?,
            "deleteArtifact" => {
                let artifact = self.given(input)?.id;
                self.backend.model.delete_artifact(artifact);
                let gone = Node::Fields(vec![("id", leaf(id("Artifact", &artifact.to_string())))]);
                Out::Node(Node::Fields(vec![("artifact", Out::Node(gone))]))
            }
            "linkArtifact" => self.link_artifact(input)?,
            "addAliases" | "deleteAliases" => self.change_aliases(input, name == "addAliases")?,
            _ => return Ok(None),
        }))
    }

    fn given(&self, input: &Args) -> Result<Artifact, String> {
        let by_client = |client: String| {
            let all = self.backend.model.artifacts.artifacts.values();
            all.rev().find(|one| one.client_id.as_ref() == Some(&client))
        };
        let found = match input.text("artifactID") {
            Some(id) => self.artifact_of_id(&id),
            None => input.text("clientID").and_then(by_client),
        };
        found.cloned().ok_or_else(|| "artifact not found".to_owned())
    }

    fn create_artifact(&mut self, input: &Args) -> Result<Found, String> {
        let text = |name: &str| input.text(name).filter(|text| !text.is_empty());
        let entity = self.entity_or_mine(text("entityName"));
        let project = text("projectName").ok_or("an artifact needs a project")?;
        let name = text("artifactCollectionName").ok_or("an artifact needs a name")?;
        let kind = text("artifactTypeName").ok_or("an artifact needs a type")?;
        let run = text("runName").and_then(|run| self.backend.model.run_id(&entity, &project, &run));
        let like = Collection { entity: entity.clone(), project, name, kind: kind.clone(), ..Collection::default() };
        let collection = self.backend.model.ensure_collection(self.now_ms, like);
        let all = &self.backend.model.artifacts;
        let known = &all.collections[&collection];
        if known.kind != kind {
            return Err(format!("the collection {} has type {}, not {kind}", known.name, known.kind));
        }
        let (digest, client) = (text("digest").unwrap_or_default(), text("clientID"));
        let distributed = text("distributedID");
        let mut own = all.artifacts.values().filter(|one| one.collection == collection);
        let same = own.find(|one| {
            let equal =
                one.committed && one.digest == digest && input.get("enableDigestDeduplication") == &Value::Bool(true);
            let again = client.is_some() && one.client_id == client;
            equal || again || (!one.committed && distributed.is_some() && one.distributed_id == distributed)
        });
        let (aliases, tags) = (names(input, "aliases", "alias"), names(input, "tags", "tagName"));
        if let Some(mut artifact) = same.cloned() {
            artifact.tags.extend(tags.into_iter().filter(|tag| !artifact.tags.contains(tag)).collect::<Vec<_>>());
            if artifact.committed {
                let mut collection = all.collections[&collection].clone();
                collection.alias(artifact.id, &aliases);
                self.backend.model.save_collection(collection);
            } else {
                artifact.wanted.extend(aliases);
            }
            // The client goes on with its own id for what it has just been given.
            artifact.client_id = client.or(artifact.client_id);
            let found = artifact.id;
            self.backend.model.save_artifact(artifact);
            return Ok(payload(found));
        }
        let artifact = Artifact {
            entity,
            collection,
            digest,
            algorithm: text("digestAlgorithm"),
            description: text("description"),
            metadata: text("metadata"),
            tags,
            ttl_s: input.get("ttlDurationSeconds").as_i64(),
            history_step: input.get("historyStep").as_i64(),
            client_id: client,
            distributed_id: distributed,
            created_by: run,
            created_ms: self.now_ms,
            updated_ms: self.now_ms,
            wanted: aliases,
            ..Artifact::default()
        };
        Ok(payload(self.backend.model.new_artifact(artifact)))
    }

    fn create_manifest(&mut self, input: &Args) -> Result<Found, String> {
        let artifact = self.given(input)?;
        let kind = input.text("type").unwrap_or_else(|| "FULL".to_owned());
        let digest = input.text("digest").unwrap_or_default();
        // The first manifest is only there to name it: its digest is not known yet.
        let offered = !digest.is_empty();
        let manifest =
            self.backend.model.new_manifest(artifact.id, &kind, &digest, offered).ok_or("artifact not found")?;
        Ok(self.manifest_payload(&artifact.entity, &manifest))
    }

    fn update_manifest(&mut self, input: &Args) -> Result<Found, String> {
        let wanted =
            input.text("artifactManifestID").and_then(|id| from_id("ArtifactManifest", &id)?.parse::<u64>().ok());
        let all = self.backend.model.artifacts.artifacts.values();
        let holder = all.rev().find(|one| one.manifests.iter().any(|manifest| Some(manifest.id) == wanted)).cloned();
        let mut artifact = holder.ok_or("manifest not found")?;
        let mut changed = Manifest::default();
        for manifest in artifact.manifests.iter_mut().filter(|manifest| Some(manifest.id) == wanted) {
            manifest.digest = input.text("digest").unwrap_or_default();
            manifest.offered = true;
            changed = manifest.clone();
        }
        let entity = artifact.entity.clone();
        self.backend.model.save_artifact(artifact);
        Ok(self.manifest_payload(&entity, &changed))
    }

    fn manifest_payload(&self, entity: &str, manifest: &Manifest) -> Found {
        Out::Node(Node::Fields(vec![("artifactManifest", self.manifest(entity, manifest, true))]))
    }

    /// Addresses for files; none for a file whose content is here already.
    fn create_artifact_files(&mut self, input: &Args) -> Result<Found, String> {
        let mut nodes = Vec::new();
        for file in input.get("artifactFiles").as_array().into_iter().flatten() {
            let text = |name: &str| file[name].as_str().unwrap_or_default();
            let artifact = self.artifact_of_id(text("artifactID")).ok_or("artifact not found")?;
            let digest = file["digest"].as_str().unwrap_or_else(|| text("md5"));
            let (object, md5) = (hex(digest), hex(text("md5")));
            let known = self.backend.model.object(&artifact.entity, &object).map_err(told)?.is_some();
            let url = || self.backend.object_url(&self.base, "PUT", [&artifact.entity, &object], &md5, text("name"));
            nodes.push(Out::Node(Node::Fields(vec![
                ("name", leaf(text("name"))),
                ("storagePath", leaf(format!("{}/{object}", artifact.id))),
                ("uploadUrl", if known { null() } else { leaf(url()) }),
                ("uploadHeaders", leaf(self.backend.settings.upload_headers.clone())),
                ("uploadMultipartUrls", null()),
                ("artifact", Out::Node(Node::Artifact(artifact.id))),
            ])));
        }
        let edges = nodes.into_iter().map(|node| Out::Node(Node::Fields(vec![("node", node)]))).collect();
        let files = Node::Fields(vec![("edges", Out::List(edges))]);
        Ok(Out::Node(Node::Fields(vec![("files", Out::Node(files))])))
    }

    fn use_artifact(&mut self, input: &Args) -> Result<Found, String> {
        let mut artifact = self.given(input)?;
        let found = artifact.id;
        let entity = self.entity_or_mine(input.text("entityName"));
        let names = input.text("projectName").zip(input.text("runName"));
        let run = names.and_then(|(project, run)| self.backend.model.run_id(&entity, &project, &run));
        let run = run.ok_or("run not found")?;
        if !artifact.used_by.contains(&run) {
            artifact.used_by.push(run);
            self.backend.model.save_artifact(artifact);
        }
        Ok(payload(found))
    }

    fn update_artifact(&mut self, input: &Args) -> Result<Found, String> {
        let mut artifact = self.given(input)?;
        let found = artifact.id;
        artifact.description = input.text("description").or(artifact.description);
        artifact.metadata = input.text("metadata").or(artifact.metadata);
        artifact.ttl_s = input.get("ttlDurationSeconds").as_i64().or(artifact.ttl_s);
        let gone = names(input, "tagsToDelete", "tagName");
        artifact.tags.retain(|tag| !gone.contains(tag));
        for tag in names(input, "tagsToAdd", "tagName") {
            if !artifact.tags.contains(&tag) {
                artifact.tags.push(tag);
            }
        }
        artifact.updated_ms = self.now_ms;
        let collection = artifact.collection;
        self.backend.model.save_artifact(artifact);
        if input.get("aliases").is_array()
            && let Some(mut collection) = self.backend.model.artifacts.collections.get(&collection).cloned()
        {
            let wanted = names(input, "aliases", "alias");
            for member in collection.members.iter_mut().filter(|member| member.artifact == found) {
                member.aliases.clear();
            }
            collection.alias(found, &wanted);
            self.backend.model.save_collection(collection);
        }
        Ok(payload(found))
    }

    fn link_artifact(&mut self, input: &Args) -> Result<Found, String> {
        let artifact = self.given(input)?.id;
        let entity = self.entity_or_mine(input.text("entityName"));
        let kind =
            self.backend.model.artifacts.collections.get(&self.given(input)?.collection).map(|one| one.kind.clone());
        let portfolio = Collection {
            entity,
            project: input.text("projectName").ok_or("a link needs a project")?,
            name: input.text("artifactPortfolioName").ok_or("a link needs a name")?,
            kind: kind.unwrap_or_default(),
            portfolio: true,
            ..Collection::default()
        };
        let id = self.backend.model.ensure_collection(self.now_ms, portfolio);
        let mut aliases = names(input, "aliases", "alias");
        aliases.push("latest".to_owned());
        let version = self.backend.model.link(self.now_ms, id, artifact, &aliases).ok_or("artifact not found")?;
        Ok(Out::Node(Node::Fields(vec![
            ("versionIndex", leaf(version)),
            ("artifactMembership", Out::Node(Node::Member(id, artifact))),
        ])))
    }

    fn change_aliases(&mut self, input: &Args, add: bool) -> Result<Found, String> {
        let artifact = self.given(input)?;
        for alias in input.get("aliases").as_array().into_iter().flatten() {
            let text = |name: &str| alias[name].as_str();
            let all = &self.backend.model.artifacts;
            let own = all.collections.get(&artifact.collection);
            let named = match (text("entityName"), text("projectName"), text("artifactCollectionName")) {
                (Some(entity), Some(project), Some(name)) => all.named(entity, project, name),
                _ => own,
            };
            let Some(mut collection) = named.cloned() else { continue };
            let alias = text("alias").unwrap_or_default().to_owned();
            if add {
                collection.alias(artifact.id, &[alias]);
            } else {
                for member in collection.members.iter_mut().filter(|member| member.artifact == artifact.id) {
                    member.aliases.retain(|known| *known != alias);
                }
            }
            self.backend.model.save_collection(collection);
        }
        Ok(Out::Node(Node::Fields(vec![("success", leaf(true))])))
    }
}

fn payload(artifact: u64) -> Found {
    Out::Node(Node::Fields(vec![("artifact", Out::Node(Node::Artifact(artifact)))]))
}

/// One text of each object of a list.
fn names(input: &Args, list: &str, key: &str) -> Vec<String> {
    let list = input.get(list).as_array().into_iter().flatten();
    list.filter_map(|one| one[key].as_str()).filter(|text| !text.is_empty()).map(str::to_owned).collect()
}

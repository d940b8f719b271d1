//! What the fields of artifacts, collections and memberships mean.

use super::{Api, Found, Node, connection, from_id, id, leaf, null, time};
use crate::{
    graphql::{Args, Out},
    model::{Artifact, Collection, Manifest, Member},
    request::encode,
    store::StoreError,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Map, Value};

impl Api<'_> {
    pub(super) fn artifact_of_id(&self, text: &str) -> Option<&Artifact> {
        self.backend.model.artifacts.artifacts.get(&from_id("Artifact", text)?.parse().ok()?)
    }

    /// The version that `name:alias` names in a project.
    pub(super) fn membership(&self, entity: &str, project: &str, name: &str) -> Option<(&Collection, &Member)> {
        let (name, alias) = name.split_once(':').unwrap_or((name, "latest"));
        let collection = self.backend.model.artifacts.named(entity, project, name)?;
        Some((collection, self.member(collection, alias)?))
    }

    fn member<'a>(&self, collection: &'a Collection, alias: &str) -> Option<&'a Member> {
        let all = &self.backend.model.artifacts.artifacts;
        collection.member(alias, |id| all.get(&id).map(|artifact| artifact.digest.clone()).unwrap_or_default())
    }

    /// Fields of a project that have to do with artifacts.
    pub(super) fn artifacts_of_project(&self, entity: &str, project: &str, name: &str, args: &Args) -> Found {
        let all = &self.backend.model.artifacts;
        let asked = args.text("name").unwrap_or_default();
        let kind = |kind: &str| Out::Node(Node::Type(entity.to_owned(), project.to_owned(), kind.to_owned()));
        match name {
            "artifact" => match self.membership(entity, project, &asked) {
                Some((_, member)) => Out::Node(Node::Artifact(member.artifact)),
                None => null(),
            },
            "artifactCollectionMembership" => match self.membership(entity, project, &asked) {
                Some((collection, member)) => Out::Node(Node::Member(collection.id, member.artifact)),
                None => null(),
            },
            "artifactCollection" => match all.named(entity, project, &asked) {
                Some(collection) => Out::Node(Node::Collection(collection.id)),
                None => null(),
            },
            "artifactCollections" => {
                connection(all.of(entity, project).map(|one| Out::Node(Node::Collection(one.id))).collect(), args)
            }
            "artifactType" if all.of(entity, project).any(|one| one.kind == asked) => kind(&asked),
            "artifactTypes" => {
                let kinds: std::collections::BTreeSet<&str> =
                    all.of(entity, project).map(|one| one.kind.as_str()).collect();
                connection(kinds.into_iter().map(kind).collect(), args)
            }
            _ => null(),
        }
    }

    pub(super) fn artifact_type(&self, [entity, project, kind]: [&str; 3], name: &str, args: &Args) -> Found {
        let all = &self.backend.model.artifacts;
        let mut own = all.of(entity, project).filter(|one| one.kind == kind);
        match name {
            "id" => leaf(id("ArtifactType", kind)),
            "name" => leaf(kind),
            "createdAt" => leaf(own.map(|one| one.created_ms).min().map(time::iso)),
            "artifactCollection" => {
                let asked = args.text("name").unwrap_or_default();
                own.find(|one| one.name == asked).map_or_else(null, |one| Out::Node(Node::Collection(one.id)))
            }
            "artifactCollections" => connection(own.map(|one| Out::Node(Node::Collection(one.id))).collect(), args),
            _ => null(),
        }
    }

    pub(super) fn artifact(&self, of: u64, name: &str, args: &Args) -> Result<Found, StoreError> {
        let model = &self.backend.model;
        let Some(artifact) = model.artifacts.artifacts.get(&of) else { return Ok(null()) };
        let Some(collection) = model.artifacts.collections.get(&artifact.collection) else { return Ok(null()) };
        let member = collection.members.iter().find(|member| member.artifact == of);
        let run = |id: u64| model.run(id).map_or_else(null, |run| Out::Node(Node::Run(run.meta.id)));
        Ok(match name {
            "id" => leaf(id("Artifact", &of.to_string())),
            "artifactSequence" => Out::Node(Node::Collection(collection.id)),
            "versionIndex" => leaf(member.map(|member| member.version)),
            "artifactType" => {
                Out::Node(Node::Type(collection.entity.clone(), collection.project.clone(), collection.kind.clone()))
            }
            "description" => leaf(artifact.description.clone()),
            "metadata" => leaf(artifact.metadata.clone()),
            "ttlDurationSeconds" => leaf(artifact.ttl_s.unwrap_or(-2)),
            "ttlIsInherited" => leaf(artifact.ttl_s.is_none()),
            "tags" => Out::List(artifact.tags.iter().map(|tag| tag_node(tag)).collect()),
            "historyStep" => leaf(artifact.history_step),
            "state" => leaf(if artifact.committed { "COMMITTED" } else { "PENDING" }),
            "size" => leaf(artifact.size),
            "digest" => leaf(artifact.digest.as_str()),
            "digestAlgorithm" => leaf(artifact.algorithm.as_deref().unwrap_or("MANIFEST_MD5")),
            "commitHash" => leaf(artifact.digest.get(..20)),
            "fileCount" => leaf(artifact.count),
            "createdAt" => leaf(time::iso(artifact.created_ms)),
            "updatedAt" => leaf(time::iso(artifact.updated_ms)),
            "aliases" => Out::List(self.holders(of).flat_map(|(one, member)| aliases(one, member)).collect()),
            "createdBy" => artifact.created_by.map_or_else(null, run),
            "usedBy" => connection(artifact.used_by.iter().map(|id| run(*id)).collect(), args),
            "artifactMemberships" => {
                connection(self.holders(of).map(|(one, _)| Out::Node(Node::Member(one.id, of))).collect(), args)
            }
            "currentManifest" => match artifact.manifests.iter().rfind(|manifest| manifest.offered) {
                Some(manifest) => self.manifest(&artifact.entity, manifest, false),
                None => null(),
            },
            "files" => self.artifact_files(of, args)?,
            "filesByManifestEntries" => {
                let entries: Vec<Found> = args
                    .get("entries")
                    .as_array()
                    .into_iter()
                    .flatten()
                    .map(|entry| self.entry(artifact, entry["name"].as_str().unwrap_or_default(), entry))
                    .collect();
                let whole = Args([("first".to_owned(), Value::from(entries.len()))].into_iter().collect());
                connection(entries, &whole)
            }
            _ => null(),
        })
    }

    /// Collections that have an artifact, its own first.
    fn holders(&self, of: u64) -> impl Iterator<Item = (&Collection, &Member)> {
        let all = self.backend.model.artifacts.collections.values();
        all.filter_map(move |one| Some((one, one.members.iter().find(|member| member.artifact == of)?)))
    }

    pub(super) fn collection(&self, of: u64, name: &str, args: &Args) -> Found {
        let model = &self.backend.model;
        let Some(one) = model.artifacts.collections.get(&of) else { return null() };
        let artifact = |member: &Member| Out::Node(Node::Artifact(member.artifact));
        match name {
            "id" => leaf(id("ArtifactCollection", &of.to_string())),
            "name" => leaf(one.name.as_str()),
            "createdAt" | "updatedAt" => leaf(time::iso(one.created_ms)),
            "project" => Out::Node(Node::Project(one.entity.clone(), one.project.clone())),
            "defaultArtifactType" => Out::Node(Node::Type(one.entity.clone(), one.project.clone(), one.kind.clone())),
            "tags" => Out::Node(Node::Fields(vec![("edges", Out::List(Vec::new()))])),
            "aliases" => connection(one.members.iter().flat_map(|member| aliases(one, member)).collect(), args),
            "state" => leaf("READY"),
            "latestArtifact" => one.members.last().map_or_else(null, artifact),
            "artifacts" => connection_with_versions(one, args),
            "artifactMembership" => {
                let alias = args.text("aliasName").unwrap_or_default();
                self.member(one, &alias).map_or_else(null, |member| Out::Node(Node::Member(of, member.artifact)))
            }
            "digestAlgorithm" => {
                let last = one.members.last().and_then(|member| model.artifacts.artifacts.get(&member.artifact));
                leaf(last.map(|artifact| artifact.algorithm.clone().unwrap_or_else(|| "MANIFEST_MD5".to_owned())))
            }
            _ => null(),
        }
    }

    pub(super) fn member_field(&self, of: u64, artifact: u64, name: &str, args: &Args) -> Result<Found, StoreError> {
        let one = self.backend.model.artifacts.collections.get(&of);
        let found = one.and_then(|one| Some((one, one.members.iter().find(|member| member.artifact == artifact)?)));
        let Some((one, member)) = found else { return Ok(null()) };
        Ok(match name {
            "id" => leaf(id("ArtifactCollectionMembership", &format!("{of}:{artifact}"))),
            "versionIndex" => leaf(member.version),
            "createdAt" => leaf(time::iso(member.created_ms)),
            "aliases" => Out::List(aliases(one, member).collect()),
            "artifactCollection" => Out::Node(Node::Collection(of)),
            "artifact" => Out::Node(Node::Artifact(artifact)),
            "files" => self.artifact_files(artifact, args)?,
            _ => null(),
        })
    }

    /// Entries of an artifact, references too: a client that downloads asks for all of them here.
    fn artifact_files(&self, of: u64, args: &Args) -> Result<Found, StoreError> {
        let model = &self.backend.model;
        let Some(artifact) = model.artifacts.artifacts.get(&of) else { return Ok(null()) };
        let contents: Map<String, Value> = model.contents(of)?;
        let names = args.texts("names").filter(|names| !names.is_empty());
        let wanted = |name: &String| names.as_ref().is_none_or(|names| names.contains(name));
        let files = contents.iter().filter(|(name, _)| wanted(name));
        Ok(connection(files.map(|(name, entry)| self.entry(artifact, name, entry)).collect(), args))
    }

    /// An entry of a manifest as a file.
    fn entry(&self, artifact: &Artifact, name: &str, entry: &Value) -> Found {
        let digest = entry["digest"].as_str().unwrap_or_default();
        let url = self.backend.object_url(&self.base, "GET", [&artifact.entity, &hex(digest)], "-", name);
        let birth =
            entry["birthArtifactID"].as_str().map_or_else(|| id("Artifact", &artifact.id.to_string()), str::to_owned);
        Out::Node(Node::Fields(vec![
            ("id", leaf(id("File", &format!("artifact:{}:{name}", artifact.id)))),
            ("name", leaf(name)),
            ("displayName", leaf(name)),
            ("url", leaf(url.as_str())),
            ("directUrl", leaf(url)),
            ("sizeBytes", leaf(entry["size"].as_u64())),
            ("storagePath", leaf(format!("{birth}/{}", hex(digest)))),
            ("updatedAt", leaf(time::iso(artifact.updated_ms))),
            ("digest", leaf(digest)),
            ("md5", leaf(digest)),
        ]))
    }

    /// A manifest; `upload`: with the address to upload it to.
    pub(super) fn manifest(&self, entity: &str, manifest: &Manifest, upload: bool) -> Found {
        let name = "wandb_manifest.json";
        let read = self.backend.object_url(&self.base, "GET", [entity, &manifest.object()], "-", name);
        let write =
            || self.backend.object_url(&self.base, "PUT", [entity, &manifest.object()], &hex(&manifest.digest), name);
        let file = Node::Fields(vec![
            ("id", leaf(id("File", &manifest.object()))),
            ("name", leaf(name)),
            ("directUrl", leaf(read)),
            ("uploadUrl", if upload { leaf(write()) } else { null() }),
            ("uploadHeaders", leaf(self.backend.settings.upload_headers.clone())),
        ]);
        Out::Node(Node::Fields(vec![
            ("id", leaf(id("ArtifactManifest", &manifest.id.to_string()))),
            ("digest", leaf(manifest.digest.as_str())),
            ("type", leaf(manifest.kind.as_str())),
            ("file", Out::Node(file)),
        ]))
    }

    /// Artifacts that a run has made or used.
    pub(super) fn artifacts_of_run(&self, run: u64, made: bool, args: &Args) -> Found {
        let all = self.backend.model.artifacts.artifacts.values().filter(|one| one.committed);
        let own = all.filter(|one| if made { one.created_by == Some(run) } else { one.used_by.contains(&run) });
        connection(own.map(|one| Out::Node(Node::Artifact(one.id))).collect(), args)
    }
}

fn aliases(of: &Collection, member: &Member) -> impl Iterator<Item = Found> {
    let collection = of.id;
    member.aliases.iter().map(move |alias| {
        Out::Node(Node::Fields(vec![
            ("id", leaf(id("ArtifactAlias", &format!("{collection}:{alias}")))),
            ("alias", leaf(alias.as_str())),
            ("artifactCollection", Out::Node(Node::Collection(collection))),
        ]))
    })
}

fn tag_node(tag: &str) -> Found {
    Out::Node(Node::Fields(vec![("id", leaf(id("Tag", tag))), ("name", leaf(tag))]))
}

/// Versions of a collection, the newest first; each edge says which version it is.
fn connection_with_versions(of: &Collection, args: &Args) -> Found {
    let items = of.members.iter().rev().map(|member| (member, Out::Node(Node::Artifact(member.artifact))));
    let (versions, nodes): (Vec<u64>, Vec<Found>) = items.map(|(member, node)| (member.version, node)).unzip();
    let Out::Node(Node::Fields(mut fields)) = connection(nodes, args) else { return null() };
    let after = args.text("after").and_then(|cursor| cursor.parse::<usize>().ok()).unwrap_or(0);
    for (name, value) in &mut fields {
        let Out::List(edges) = value else { continue };
        for (edge, version) in edges.iter_mut().zip(&versions[after.min(versions.len())..]) {
            if let (&mut "edges", Out::Node(Node::Fields(edge))) = (&mut *name, edge) {
                edge.push(("version", leaf(format!("v{version}"))));
            }
        }
    }
    Out::Node(Node::Fields(fields))
}

/// A digest in base64 as hex; what is not base64 is made safe for an address.
pub(super) fn hex(digest: &str) -> String {
    match STANDARD.decode(digest) {
        Ok(bytes) => bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
        Err(_) => encode(digest),
    }
}

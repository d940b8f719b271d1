//! Addresses that files are written to and read from without a key: their signature lets in. Files of runs, and objects of
//! artifacts.

use super::{Backend, OBJECT};
use crate::{
    request::{Request, Response, encode},
    store::StoreError,
};
use md5::{Digest, Md5};

impl Backend {
    /// Address of a file; whoever has it may read (or, signed for that, write) the file without a key.
    pub(crate) fn file_url(&self, base: &str, verb: &str, parts: [&str; 4]) -> String {
        let [entity, project, run, name] = parts;
        let signature = self.auth.sign(&[verb, entity, project, run, name]);
        let name: Vec<String> = name.split('/').map(encode).collect();
        format!("{base}/storage/{signature}/{}/{}/{}/{}", encode(entity), encode(project), encode(run), name.join("/"))
    }

    pub(super) fn storage(
        &mut self,
        now_ms: u64,
        request: &Request,
        signature: &str,
        parts: [&str; 4],
    ) -> Result<Response, StoreError> {
        let [entity, project, run, name] = parts;
        let verb = if request.method == "PUT" { "PUT" } else { "GET" };
        if !self.auth.signed(&[verb, entity, project, run, name], signature) {
            return Ok(Response::error(403, "the signature of this address is wrong"));
        }
        if verb == "GET" {
            return self.download(parts);
        }
        let Some(id) = self.model.run_id(entity, project, run) else { return Ok(Response::error(404, "no such run")) };
        self.model.put_file(now_ms, id, name, request.header("content-type"), &request.body)?;
        Ok(Response { status: self.settings.upload_status, ..Response::default() })
    }

    pub(super) fn download(&self, [entity, project, run, name]: [&str; 4]) -> Result<Response, StoreError> {
        let id = self.model.run_id(entity, project, run);
        let file = id.map(|id| self.model.file(id, name)).transpose()?.flatten();
        let content = file.as_ref().map(|file| self.model.file_content(file)).transpose()?.flatten();
        let Some((file, content)) = file.zip(content) else { return Ok(Response::error(404, "no such file")) };
        Ok(attachment(content).with("Content-MD5", file.md5.as_deref().unwrap_or_default()))
    }

    /// Address of an object of artifacts. `md5` (hex) is what the content must have; `-` for reading.
    pub(crate) fn object_url(
        &self,
        base: &str,
        verb: &str,
        [entity, object]: [&str; 2],
        md5: &str,
        name: &str,
    ) -> String {
        let signature = self.auth.sign(&[verb, OBJECT, entity, object, md5]);
        let name: Vec<String> = name.split('/').map(encode).collect();
        format!("{base}/storage/{signature}/{OBJECT}/{}/{}/{md5}/{}", encode(entity), encode(object), name.join("/"))
    }

    pub(super) fn object(
        &mut self,
        request: &Request,
        signature: &str,
        [entity, object, md5]: [&str; 3],
    ) -> Result<Response, StoreError> {
        let verb = if request.method == "PUT" { "PUT" } else { "GET" };
        if !self.auth.signed(&[verb, OBJECT, entity, object, md5], signature) {
            return Ok(Response::error(403, "the signature of this address is wrong"));
        }
        if verb == "GET" {
            return self.read_object(entity, object);
        }
        let found: String = Md5::digest(&request.body).iter().map(|byte| format!("{byte:02x}")).collect();
        if found != md5 {
            return Ok(Response::error(400, "the content is not what its digest says"));
        }
        self.model.put_object(entity, object, &request.body)?;
        Ok(Response { status: self.settings.upload_status, ..Response::default() })
    }

    pub(super) fn read_object(&self, entity: &str, object: &str) -> Result<Response, StoreError> {
        Ok(match self.model.object_content(entity, object)? {
            Some(content) => attachment(content),
            None => Response::error(404, "no such file"),
        })
    }
}

/// Never a type that a browser runs: these are somebody's data, and this origin has an API.
fn attachment(content: Vec<u8>) -> Response {
    let answer = Response::of(200, "application/octet-stream", content);
    answer.with("X-Content-Type-Options", "nosniff").with("Content-Disposition", "attachment")
}

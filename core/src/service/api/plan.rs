//! What each request asks of the server, and what the server's answer is for the client.

use super::{
    answer::{self, ApiError},
    console, features, graphql, history, queues,
};
use crate::{
    json,
    net::{Body, Class, HttpRequest, HttpResponse, Link, Method, Purpose, Secret},
};
use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};
use runwire_proto::wire::{self, api_request::Request, api_response::Response, auth_request, auth_response};
use serde_json::{Value, json};

const VIEWER: &str = "query Viewer { viewer { id entity username email flags teams { edges { node { name } } } } }";
const MARK_UPLOADED: &str = "mutation MarkRunFilesUploaded($entity: String!, $project: String!, $run: String!, $files: \
                             [String!]!) { markRunFilesUploaded(input: {entityName: $entity, projectName: $project, \
                             runName: $run, files: $files}) { success } }";
const STOP_RUN: &str = "mutation StopRun($id: ID!) { stopRun(input: {id: $id}) { success } }";
const CUSTOM_CHART: &str = "mutation CreateCustomChart($entity: String!, $name: String!, $displayName: String!, \
                            $specType: String!, $access: String!, $spec: JSONString!) { createCustomChart(input: \
                            {entity: $entity, name: $name, displayName: $displayName, type: $specType, access: $access, \
                            spec: $spec}) { chart { id } } }";
const REWRITE_FAILED: &str = "gqlcompat: rewrite GraphQL for older W&B server compatibility: ";

/// The credentials that a client has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) key: bool,
    pub(super) token_file: bool,
}

/// What to do about a request.
#[derive(Debug)]
pub(super) enum Plan {
    /// The answer is known.
    Answer(Response),
    /// There is none.
    Silence,
    /// It is in the server's answer to this.
    Http(HttpRequest, Class, Want),
    /// The file is to be looked at before it can be sent.
    LookAt(wire::UploadFileRequest),
    /// It depends on what the server can do.
    Features(Vec<i32>),
    /// It is the token that requests are signed with.
    Token,
}

/// What is wanted of an answer with a success status.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Want {
    Viewer(Identity),
    Data,
    Features,
    OrgFeatures(Vec<String>),
    Download,
    Upload(wire::UploadFileRequest),
    /// That there is one: this is the answer.
    Done(Response),
    Chart,
    Queue(queues::Kind),
    Console(console::Asked),
    Rows(history::Asked),
    /// The token; no request is made for it.
    Token,
}

/// Plans a request. `scans` are those of the client.
pub(super) fn plan(
    link: &Link,
    identity: Identity,
    scans: &mut history::Scans,
    request: Request,
) -> Result<Plan, ApiError> {
    let query = |name: &str, text: &str, variables: &Value, want: Want| {
        Ok(Plan::Http(link.graphql(Purpose::Graphql, name, text, &variables.to_string()), Class::Graphql, want))
    };
    match request {
        Request::AuthRequest(wire::AuthRequest { request: asked }) => match asked {
            Some(auth_request::Request::AuthenticateRequest(_)) => {
                let request = link.graphql(Purpose::Viewer, "Viewer", VIEWER, "");
                Ok(Plan::Http(request, Class::Graphql, Want::Viewer(identity)))
            }
            Some(auth_request::Request::GetAccessTokenRequest(_)) => Ok(Plan::Token),
            None => Err(ApiError::new("unsupported auth request type: <nil>")),
        },
        Request::GraphqlRequest(request) => plan_query(link, request),
        Request::FeaturesRequest(wire::FeaturesRequest { request }) => match request {
            Some(wire::features_request::Request::Server(server)) => Ok(Plan::Features(server.features)),
            Some(wire::features_request::Request::Org(org)) if org.features.is_empty() => {
                Ok(Plan::Answer(org_answer(wire::OrgFeaturesResponse::default())))
            }
            Some(wire::features_request::Request::Org(org)) if org.org.is_empty() => {
                Err(ApiError::new("org is required to check organization feature flags"))
            }
            Some(wire::features_request::Request::Org(org)) => {
                let variables = json!({"org": org.org});
                query("OrgFeatureFlags", features::ORG_QUERY, &variables, Want::OrgFeatures(org.features))
            }
            None => Err(ApiError::new("unsupported features request")),
        },
        Request::DownloadFileRequest(request) => {
            let mut http = link.put_file(&request.url, Vec::new(), String::new(), 0);
            http.purpose = Purpose::GetFile;
            http.method = Method::Get;
            http.body = Body::Empty;
            http.save_to = Some(request.path);
            Ok(Plan::Http(http, Class::Transfer, Want::Download))
        }
        Request::UploadFileRequest(request) => Ok(Plan::LookAt(request)),
        Request::MarkRunFilesUploadedRequest(request) => {
            let done = Response::MarkRunFilesUploadedResponse(wire::MarkRunFilesUploadedResponse {});
            if request.files.is_empty() {
                return Ok(Plan::Answer(done));
            }
            let wire::MarkRunFilesUploadedRequest { entity, project, run_id, files } = request;
            let variables = json!({"entity": entity, "project": project, "run": run_id, "files": files});
            query("MarkRunFilesUploaded", MARK_UPLOADED, &variables, Want::Done(done))
        }
        Request::StopRunRequest(request) => {
            let done = Response::StopRunResponse(wire::StopRunResponse {});
            query("StopRun", STOP_RUN, &json!({"id": request.storage_id}), Want::Done(done))
        }
        Request::CreateCustomChartRequest(request) => {
            let wire::CreateCustomChartRequest { entity, name, display_name, spec_type, access, spec } = request;
            let variables = json!({"entity": entity, "name": name, "displayName": display_name,
                "specType": spec_type, "access": access, "spec": spec});
            query("CreateCustomChart", CUSTOM_CHART, &variables, Want::Chart)
        }
        Request::RunQueueOperationRequest(request) => {
            let (kind, variables) = queues::ask(request)?;
            query(kind.name(), kind.query(), &variables, Want::Queue(kind))
        }
        Request::ReadRunConsoleLogsRequest(request) => {
            let (asked, variables) = console::ask(request)?;
            query(asked.name(), asked.query(), &variables, Want::Console(asked))
        }
        Request::ReadRunHistoryRequest(request) => match scans.on_request(request)? {
            history::Next::Answer(response) => Ok(Plan::Answer(response)),
            history::Next::Ask(name, text, variables, asked) => query(name, text, &variables, Want::Rows(asked)),
        },
        // No client waits for an answer to it.
        Request::OpenTelemetryRequest(_) => Ok(Plan::Silence),
    }
}

fn plan_query(link: &Link, request: wire::GraphQlRequest) -> Result<Plan, ApiError> {
    let variables = check_variables(&request.variables_json)?;
    let rules = graphql::Rules {
        variables: request.omit_variables.into_iter().collect(),
        fields: request.omit_fields.into_iter().collect(),
        fragments: request.omit_fragments.into_iter().collect(),
        renames: request.rename_fields.into_iter().collect(),
    };
    let query = if rules.is_empty() {
        request.query
    } else {
        graphql::rewrite(&request.query, &rules).map_err(|why| ApiError::new(format!("{REWRITE_FAILED}{why}")))?
    };
    let name = graphql::operation_name(&query).unwrap_or_default();
    let http = link.graphql(Purpose::Graphql, name, &query, variables);
    Ok(Plan::Http(http, Class::Graphql, Want::Data))
}

/// The text of the variables, which goes on as it is: numbers keep all their digits.
fn check_variables(text: &str) -> Result<&str, ApiError> {
    let bad = |why: &dyn core::fmt::Display| ApiError::new(format!("decode GraphQL variables: {why}"));
    if text.is_empty() {
        return Ok("");
    }
    // Stricter than our own reader, which knows numbers that no server does.
    serde_json::from_str::<serde::de::IgnoredAny>(text).map_err(|error| bad(&error))?;
    match json::classify(text) {
        Ok(json::Kind::Object | json::Kind::Null) => Ok(text),
        Ok(_) => Err(bad(&"they are one JSON object, with a member for each variable")),
        Err(error) => Err(bad(&error)),
    }
}

impl Want {
    /// The client's answer from the server's.
    pub(super) fn read(self, response: &HttpResponse, bytes_max: usize) -> Result<Response, ApiError> {
        let identity = match self {
            Want::Download => return Ok(Response::DownloadFileResponse(wire::DownloadFileResponse {})),
            Want::Upload(_) => return Ok(Response::UploadFileResponse(wire::UploadFileResponse {})),
            Want::Viewer(identity) => identity,
            Want::Data => {
                let data_json = answer::read(response, bytes_max)?.data()?.to_string();
                return Ok(Response::GraphqlResponse(wire::GraphQlResponse { data_json }));
            }
            Want::Rows(asked) => return asked.read(answer::read(response, bytes_max)?.data()?),
            Want::Features
            | Want::OrgFeatures(_)
            | Want::Done(_)
            | Want::Chart
            | Want::Queue(_)
            | Want::Console(_)
            | Want::Token => {
                let data = answer::read(response, bytes_max)?.data()?;
                let data = serde_json::from_str(data).map_err(|error| ApiError::new(error.to_string()))?;
                return self.read_data(&data);
            }
        };
        viewer(&answer::read(response, bytes_max)?, identity)
    }

    fn read_data(self, data: &Value) -> Result<Response, ApiError> {
        match self {
            Want::Done(response) => Ok(response),
            Want::OrgFeatures(asked) => Ok(org_answer(features::of_org(data, &asked))),
            Want::Chart => match data.pointer("/createCustomChart/chart/id").and_then(Value::as_str) {
                Some(id) => {
                    Ok(Response::CreateCustomChartResponse(wire::CreateCustomChartResponse { chart_id: id.into() }))
                }
                None => Err(ApiError::new("failed to create custom chart: the server gave it no id")),
            },
            Want::Queue(kind) => kind.read(data),
            Want::Console(asked) => asked.read(data),
            Want::Features
            | Want::Viewer(_)
            | Want::Data
            | Want::Rows(_)
            | Want::Download
            | Want::Upload(_)
            | Want::Token => Err(ApiError::new("this answer is read elsewhere")),
        }
    }
}

/// The answer to who wants the token.
pub(super) fn token_answer(token: &Secret) -> Response {
    let token = wire::GetAccessTokenResponse { access_token: token.reveal().into() };
    let response = Some(auth_response::Response::GetAccessTokenResponse(token));
    Response::AuthResponse(wire::AuthResponse { response })
}

/// The user, even if the server could not tell all about them.
fn viewer(said: &answer::Said<'_>, identity: Identity) -> Result<Response, ApiError> {
    let data: Value = serde_json::from_str(said.data).map_err(|error| ApiError::new(error.to_string()))?;
    let Some(viewer) = data.get("viewer").filter(|viewer| viewer.is_object()) else {
        return Err(match (said.has_errors(), identity.key) {
            (true, _) => said.error(),
            (false, true) => ApiError::new("invalid credentials: the server knows no user with this API key"),
            (false, false) => ApiError::new("invalid credentials: there is no API key; run `wandb login`"),
        });
    };
    let text = |name: &str| match viewer.get(name) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Null) | None => String::new(),
        Some(other) => other.to_string(),
    };
    let edges = viewer.pointer("/teams/edges").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let team = |edge: &Value| Some(edge.pointer("/node/name")?.as_str()?.to_string());
    let user = wire::AuthenticateResponse {
        default_entity: text("entity"),
        username: text("username"),
        email: text("email"),
        teams: edges.iter().filter_map(team).collect(),
        flags_json: text("flags"),
    };
    let response = Some(auth_response::Response::AuthenticateResponse(user));
    Ok(Response::AuthResponse(wire::AuthResponse { response }))
}

fn org_answer(org: wire::OrgFeaturesResponse) -> Response {
    let response = Some(wire::features_response::Response::Org(org));
    Response::FeaturesResponse(wire::FeaturesResponse { response })
}

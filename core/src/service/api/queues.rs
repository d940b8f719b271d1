//! Run queues: their default configuration, making one, changing one.

use super::answer::ApiError;
use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};
use runwire_proto::wire::{
    self, api_response::Response, run_queue_operation_request::Operation as Asked,
    run_queue_operation_response::Operation as Done,
};
use serde_json::{Value, json};

/// Which of the three.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    DefaultConfig,
    Create,
    Upsert,
}

const DEFAULT_CONFIG: &str = "mutation CreateDefaultResourceConfig($entityName: String!, $resource: String!, $config: \
                              JSONString!, $templateVariables: JSONString) { createDefaultResourceConfig(input: \
                              {entityName: $entityName, resource: $resource, config: $config, templateVariables: \
                              $templateVariables}) { defaultResourceConfigID success } }";
const CREATE: &str = "mutation CreateRunQueue($entityName: String!, $projectName: String!, $queueName: String!, $access: \
                      RunQueueAccessType!, $prioritizationMode: RunQueuePrioritizationMode, $defaultResourceConfigID: ID) \
                      { createRunQueue(input: {entityName: $entityName, projectName: $projectName, queueName: $queueName, \
                      access: $access, prioritizationMode: $prioritizationMode, defaultResourceConfigID: \
                      $defaultResourceConfigID}) { success queueID } }";
const UPSERT: &str = "mutation UpsertRunQueue($entityName: String!, $projectName: String!, $queueName: String!, \
                      $resourceType: String!, $resourceConfig: JSONString!, $templateVariables: JSONString, \
                      $prioritizationMode: RunQueuePrioritizationMode, $externalLinks: JSONString, $clientMutationId: \
                      String) { upsertRunQueue(input: {entityName: $entityName, projectName: $projectName, queueName: \
                      $queueName, resourceType: $resourceType, resourceConfig: $resourceConfig, templateVariables: \
                      $templateVariables, prioritizationMode: $prioritizationMode, externalLinks: $externalLinks, \
                      clientMutationId: $clientMutationId}) { success configSchemaValidationErrors } }";

/// What is asked of the server: which mutation, with which variables. What is not there is null.
pub(super) fn ask(request: wire::RunQueueOperationRequest) -> Result<(Kind, Value), ApiError> {
    match request.operation {
        Some(Asked::CreateDefaultResourceConfigRequest(r)) => {
            let variables = json!({"entityName": r.entity_name, "resource": r.resource, "config": r.config,
                "templateVariables": r.template_variables});
            Ok((Kind::DefaultConfig, variables))
        }
        Some(Asked::CreateRunQueueRequest(r)) => {
            let variables = json!({"entityName": r.entity, "projectName": r.project, "queueName": r.queue_name,
                "access": r.access, "prioritizationMode": r.prioritization_mode,
                "defaultResourceConfigID": r.default_resource_config_id});
            Ok((Kind::Create, variables))
        }
        Some(Asked::UpsertRunQueueRequest(r)) => {
            let variables = json!({"entityName": r.entity_name, "projectName": r.project_name,
                "queueName": r.queue_name, "resourceType": r.resource_type, "resourceConfig": r.resource_config,
                "templateVariables": r.template_variables, "prioritizationMode": r.prioritization_mode,
                "externalLinks": r.external_links, "clientMutationId": r.client_mutation_id});
            Ok((Kind::Upsert, variables))
        }
        None => Err(ApiError::new("unsupported operation: the run queue request names none")),
    }
}

impl Kind {
    pub(super) fn name(self) -> &'static str {
        match self {
            Kind::DefaultConfig => "CreateDefaultResourceConfig",
            Kind::Create => "CreateRunQueue",
            Kind::Upsert => "UpsertRunQueue",
        }
    }

    pub(super) fn query(self) -> &'static str {
        match self {
            Kind::DefaultConfig => DEFAULT_CONFIG,
            Kind::Create => CREATE,
            Kind::Upsert => UPSERT,
        }
    }

    pub(super) fn read(self, data: &Value) -> Result<Response, ApiError> {
        let (member, what) = match self {
            Kind::DefaultConfig => ("createDefaultResourceConfig", "create the default resource config"),
            Kind::Create => ("createRunQueue", "create the run queue"),
            Kind::Upsert => ("upsertRunQueue", "upsert the run queue"),
        };
        let Some(made) = data.get(member).filter(|made| made.is_object()) else {
            return Err(ApiError::new(format!("failed to {what}: the server made nothing")));
        };
        let success = made.get("success").and_then(Value::as_bool).unwrap_or(false);
        let text = |name: &str| made.get(name).and_then(Value::as_str).unwrap_or_default().to_string();
        let done = match self {
            Kind::DefaultConfig => {
                Done::CreateDefaultResourceConfigResponse(wire::CreateDefaultResourceConfigResponse {
                    success,
                    default_resource_config_id: text("defaultResourceConfigID"),
                })
            }
            Kind::Create => {
                Done::CreateRunQueueResponse(wire::CreateRunQueueResponse { success, queue_id: text("queueID") })
            }
            Kind::Upsert => {
                let errors = made.get("configSchemaValidationErrors").and_then(Value::as_array);
                let texts: Vec<String> =
                    errors.into_iter().flatten().filter_map(Value::as_str).map(String::from).collect();
                Done::UpsertRunQueueResponse(wire::UpsertRunQueueResponse {
                    success,
                    config_schema_validation_errors: texts,
                })
            }
        };
        Ok(Response::RunQueueOperationResponse(wire::RunQueueOperationResponse { operation: Some(done) }))
    }
}

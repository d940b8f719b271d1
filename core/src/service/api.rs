//! Requests that are about no run of this service: sync, the public API, sweeps. Without a network each gets the answer
//! that a client can understand, and nothing hangs.

use super::{Service, response};
use crate::id::ClientId;
use alloc::format;
use runwire_proto::wire::{
    self, server_request::ServerRequestType as Request, server_response::ServerResponseType as Answer,
};

const NOT_HERE: &str = "This version of runwire works offline only and does not reach a server.";

impl Service {
    pub(super) fn on_api(&mut self, client: ClientId, request_id: &str, request: Request) {
        let answer = match request {
            Request::Authenticate(request) => Answer::AuthenticateResponse(wire::ServerAuthenticateResponse {
                error_status: NOT_HERE.into(),
                info: request.info,
                ..Default::default()
            }),
            Request::ApiInitRequest(_) => {
                let Some(connection) = self.connections.get_mut(&client) else { return };
                let api_id = format!("api-{}", connection.apis);
                connection.apis += 1;
                Answer::ApiInitResponse(wire::ServerApiInitResponse { api_id, ..Default::default() })
            }
            Request::ApiRequest(request) => {
                if request_id.is_empty() {
                    return;
                }
                let known = self.connections.get(&client).is_some_and(|c| api_number(&request.api_id) < Some(c.apis))
                    && api_number(&request.api_id).is_some();
                let message = if known { NOT_HERE } else { "WandbAPI is not initialized" };
                Answer::ApiResponse(wire::ApiResponse {
                    response: Some(wire::api_response::Response::ApiErrorResponse(wire::ApiErrorResponse {
                        message: message.into(),
                        ..Default::default()
                    })),
                })
            }
            Request::SweepSchedulerInit(init) => {
                let why = match init.settings {
                    Some(_) => NOT_HERE,
                    None => "scheduler: the init request carries no settings",
                };
                return self.decline(client, request_id, why.into());
            }
            Request::SweepSchedulerNextTask(_) => {
                use wire::{sweep_scheduler_server_done_task::Reason, sweep_scheduler_server_next_task_response::Task};
                Answer::SweepSchedulerNextTaskResponse(wire::SweepSchedulerServerNextTaskResponse {
                    task: Some(Task::Done(wire::SweepSchedulerServerDoneTask {
                        reason: Reason::FatalError.into(),
                        ..Default::default()
                    })),
                    ..Default::default()
                })
            }
            Request::SweepSchedulerStop(_) | Request::ApiCleanupRequest(_) => return,
            Request::InitSync(_)
            | Request::Sync(_)
            | Request::SyncStatus(_)
            | Request::RecordPublish(_)
            | Request::RecordCommunicate(_)
            | Request::InformInit(_)
            | Request::InformAttach(_)
            | Request::InformFinish(_)
            | Request::InformDetach(_)
            | Request::InformTeardown(_)
            | Request::Cancel(_) => return,
        };
        self.send(client, response::of(request_id, answer));
    }
}

fn api_number(id: &str) -> Option<u64> {
    id.strip_prefix("api-")?.parse().ok()
}

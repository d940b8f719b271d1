//! Requests of the sweep scheduler, which needs a server that this version does not talk to about sweeps.

use super::super::{Service, response};
use crate::id::ClientId;
use runwire_proto::wire::{
    self, server_response::ServerResponseType as Answer, sweep_scheduler_server_done_task::Reason,
    sweep_scheduler_server_next_task_response::Task,
};

const NOT_HERE: &str =
    "The local sweep scheduler is not supported by this version of runwire; use `wandb agent`, which works.";

impl Service {
    pub(super) fn on_scheduler_init(
        &mut self,
        client: ClientId,
        request_id: &str,
        init: &wire::SweepSchedulerClientInitRequest,
    ) {
        let why = match init.settings {
            Some(_) => NOT_HERE,
            None => "scheduler: the init request carries no settings",
        };
        self.decline(client, request_id, why.into());
    }

    pub(super) fn on_scheduler_task(&mut self, client: ClientId, request_id: &str) {
        let done = wire::SweepSchedulerServerDoneTask { reason: Reason::FatalError.into(), ..Default::default() };
        let answer = Answer::SweepSchedulerNextTaskResponse(wire::SweepSchedulerServerNextTaskResponse {
            task: Some(Task::Done(done)),
            ..Default::default()
        });
        self.send(client, response::of(request_id, answer));
    }
}

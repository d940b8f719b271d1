//! API requests of connections, with a server made of answers by hand.
#![allow(clippy::wildcard_enum_match_arm)]

mod history;
mod life;
mod lookups;
mod queries;

use super::{OWN, client};
use crate::{
    completion::{Completion, Failure, FailureKind},
    effect::Effect,
    id::{ClientId, EffectId},
    limits::Limits,
    net::{Body, HttpRequest, HttpResponse},
    service::{
        ServiceInput,
        fuzzing::{World, ask},
    },
};
use alloc::{
    boxed::Box,
    string::{String, ToString},
    vec::Vec,
};
use runwire_proto::wire::{
    self, api_request::Request, api_response::Response, server_request::ServerRequestType as Kind,
    server_response::ServerResponseType as Answer,
};

const A: ClientId = ClientId(1);
const B: ClientId = ClientId(2);

fn world() -> World {
    let mut world = World::new(Limits::default());
    world.hanging.insert(OWN);
    world.give(ServiceInput::Connected(A));
    world.give(ServiceInput::Connected(B));
    world
}

fn settings() -> wire::Settings {
    let headers = [("User-Agent".to_string(), "W&B Public Client 0.31.0".to_string())];
    wire::Settings {
        base_url: Some("http://server:80/".into()),
        api_key: Some("K".into()),
        x_graphql_retry_max: Some(1),
        x_file_transfer_retry_max: Some(1),
        x_extra_http_headers: Some(wire::MapStringKeyStringValue { value: headers.into() }),
        ..Default::default()
    }
}

fn init_with(world: &mut World, client: ClientId, settings: wire::Settings) -> Option<Answer> {
    let init = wire::ServerApiInitRequest { settings: Some(settings), service_name: "wandb".into() };
    world.send(client, &[ask("init", Kind::ApiInitRequest(init))]);
    let answers = world.answers.get_mut(&client)?;
    let at = answers.iter().position(|answer| answer.request_id == "init")?;
    answers.remove(at).server_response_type
}

fn init(world: &mut World, client: ClientId) -> String {
    match init_with(world, client, settings()) {
        Some(Answer::ApiInitResponse(answer)) => answer.api_id,
        other => panic!("no init: {other:?}"),
    }
}

fn api(id: &str, api_id: &str, request: Request) -> wire::ServerRequest {
    ask(id, Kind::ApiRequest(wire::ApiRequest { api_id: api_id.into(), request: Some(request) }))
}

fn graphql(query: &str) -> Request {
    Request::GraphqlRequest(wire::GraphQlRequest { query: query.into(), ..Default::default() })
}

fn viewer() -> Request {
    let request = Some(wire::auth_request::Request::AuthenticateRequest(wire::AuthenticateRequest {}));
    Request::AuthRequest(wire::AuthRequest { request })
}

/// Asks on a new client of `A`.
fn once(request: Request) -> World {
    let mut world = world();
    let id = init(&mut world, A);
    world.send(A, &[api("r", &id, request)]);
    world
}

/// What was asked of the server and has no answer yet.
fn sent(world: &World) -> Vec<(EffectId, HttpRequest)> {
    let http = |(key, id, effect): &(_, EffectId, Effect)| match effect {
        Effect::Http(request) if *key == OWN => Some((*id, (**request).clone())),
        _ => None,
    };
    world.held.iter().filter_map(http).collect()
}

fn the_one(world: &World) -> HttpRequest {
    let mut all = sent(world);
    assert_eq!(all.len(), 1, "{all:?}");
    all.remove(0).1
}

fn body(request: &HttpRequest) -> serde_json::Value {
    serde_json::from_slice(&raw_body(request)).unwrap()
}

fn raw_body(request: &HttpRequest) -> bytes::Bytes {
    match &request.body {
        Body::Bytes(bytes) => bytes.clone(),
        other => panic!("no bytes: {other:?}"),
    }
}

fn complete(world: &mut World, id: EffectId, completion: Completion) {
    world.held.retain(|(key, held, _)| (*key, *held) != (OWN, id));
    world.give(ServiceInput::Completed(OWN, id, completion));
}

fn status(status: u16, body: &str) -> Completion {
    Completion::Http(Box::new(HttpResponse { status, headers: Vec::new(), body: body.to_string().into() }))
}

fn broken() -> Completion {
    Completion::Failed(Failure { kind: FailureKind::Unreachable, message: "the line is cut".into() })
}

/// The server answers the oldest request.
fn serve(world: &mut World, code: u16, body: &str) {
    let id = sent(world)[0].0;
    complete(world, id, status(code, body));
}

fn answer(world: &World, client: ClientId, id: &str) -> Option<Response> {
    match world.answer(client, id)?.server_response_type.clone() {
        Some(Answer::ApiResponse(answer)) => answer.response,
        other => panic!("no API answer: {other:?}"),
    }
}

fn the_answer(world: &World) -> Response {
    answer(world, A, "r").expect("an answer")
}

fn error(response: Response) -> (String, i32) {
    match response {
        Response::ApiErrorResponse(error) => (error.message, error.http_status),
        other => panic!("no error: {other:?}"),
    }
}

fn the_error(world: &World) -> (String, i32) {
    error(the_answer(world))
}

fn data(world: &World) -> String {
    match the_answer(world) {
        Response::GraphqlResponse(answer) => answer.data_json,
        other => panic!("no data: {other:?}"),
    }
}

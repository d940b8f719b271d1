//! What a runtime must do with one attempt of a request: the same servers, good and bad, for each client.
//!
//! A check is a function of a client; each of them is a test on each client.

#![allow(
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "a check names what it expects, all else is a failure"
)]

mod good;
mod hostile;
mod secure;
mod server;

use runwire_async::{AsyncStd, Smol, kit::Requests};
use runwire_core::{
    Completion, Failure,
    net::{HttpRequest, HttpResponse},
};

/// Makes one attempt.
type Client<'a> = &'a dyn Fn(HttpRequest) -> Result<HttpResponse, Failure>;

fn outcome(completion: Completion) -> Result<HttpResponse, Failure> {
    match completion {
        Completion::Http(response) => Ok(*response),
        Completion::Failed(failure) => Err(failure),
        other => panic!("{} is no outcome of a request", other.name()),
    }
}

fn on_threads(check: fn(Client<'_>)) {
    check(&|request| outcome(runwire_std::kit::request(&request)));
}

fn on_smol(check: fn(Client<'_>)) {
    let client = Requests::new(Smol);
    check(&|request| outcome(::smol::block_on(client.perform(request))));
}

fn on_async_std(check: fn(Client<'_>)) {
    let client = Requests::new(AsyncStd);
    check(&|request| outcome(::smol::block_on(client.perform(request))));
}

macro_rules! checks {
    ($($part:ident: $($check:ident)*;)*) => {
        checks! { @on threads on_threads $($part: $($check)*;)* }
        checks! { @on smol on_smol $($part: $($check)*;)* }
        checks! { @on async_std on_async_std $($part: $($check)*;)* }
    };
    (@on $module:ident $on:ident $($part:ident: $($check:ident)*;)*) => {
        mod $module {
            $($(#[test]
            fn $check() {
                super::$on(super::$part::$check);
            })*)*
        }
    };
}

checks! {
    good: a_connection_is_used_again_and_any_status_is_an_answer
        a_closed_connection_and_a_bad_address_are_failures_without_secrets a_silent_server_is_left_at_the_bound
        bodies_are_compressed_and_a_redirect_keeps_them_but_not_the_credentials
        files_are_streamed_with_their_length_and_answers_may_be_saved
        backend_68_a_proxy_for_http_is_asked_with_the_whole_address
        backend_68_a_proxy_for_https_is_asked_for_a_tunnel a_bad_address_of_a_proxy_is_named_but_not_shown;
    hostile: half_an_answer_is_none a_server_that_stops_in_the_middle_is_left_at_the_bound
        an_answer_that_comes_before_the_body_was_taken_is_heard
        a_long_answer_is_cut_and_the_connection_used_again a_compressed_answer_is_read_as_text
        a_download_that_breaks_off_leaves_nothing
        a_bad_header_and_a_missing_file_are_named_without_their_content
        a_framing_header_of_the_caller_does_not_break_the_request;
    secure: backend_69_an_unknown_certificate_is_refused_unless_it_is_not_checked;
}

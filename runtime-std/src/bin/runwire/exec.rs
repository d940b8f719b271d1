//! `runwire exec [--local] [--data FILE] [--] CMD ARGS...`.

use crate::{arguments::Arguments, fail};
use runwire_std::{
    exec,
    local::{Shared, Wanted},
};
use std::ffi::OsString;

pub(crate) fn run(words: &[OsString]) -> i32 {
    let (mut local, mut wanted) = (false, Wanted::default());
    let mut rest = Arguments::new(words);
    let mut command = Vec::new();
    while let Some(word) = rest.next() {
        match word.name.as_str() {
            "--" => {}
            "--local" => {
                local = true;
                continue;
            }
            "--data" => match rest.value(&word) {
                Ok(data) => {
                    wanted.data = Some(data.into());
                    continue;
                }
                Err(why) => return fail(2, &why),
            },
            _ => command.push(word.whole),
        }
        break;
    }
    command.extend(rest.rest());
    if command.is_empty() {
        return fail(2, "exec needs a command: runwire exec [--local] -- python train.py");
    }
    if !local {
        return ended(exec::exec(&command, &Vec::new()));
    }
    let shared = match Shared::start(&wanted) {
        Ok(shared) => shared,
        Err(error) => return fail(1, &error.to_string()),
    };
    let code = ended(exec::exec(&command, &exec::sent_to(&shared.address)));
    let data = wanted.data.map_or_else(String::new, |data| format!(" --data {}", data.display()));
    if shared.is_own() {
        eprintln!("runwire: the runs are kept; `runwire local{data}` shows them at {}", shared.address.url);
    } else {
        eprintln!("runwire: the runs are shown at {}", shared.address.url);
    }
    code
}

fn ended(outcome: Result<i32, exec::ExecError>) -> i32 {
    match outcome {
        Ok(code) => code,
        Err(error) => fail(127, &error.to_string()),
    }
}

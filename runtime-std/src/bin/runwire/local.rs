//! `runwire local [--addr IP:PORT] [--data FILE] [--key KEY] [--allow-origin URL]...`: serves until SIGINT or SIGTERM.

use crate::{arguments, fail};
use runwire_std::local::{self, Serving, Wanted};
use std::ffi::OsString;

const USAGE: &str = "runwire local [--addr IP:PORT] [--data FILE] [--key KEY] [--allow-origin URL]...";

pub(crate) fn run(words: &[OsString]) -> i32 {
    let mut wanted = Wanted::default();
    let mut rest = arguments::Arguments::new(words);
    while let Some(word) = rest.next() {
        let taken = match word.name.as_str() {
            "--addr" => rest.parsed(&word).map(|addr| wanted.addr = Some(addr)),
            "--data" => rest.value(&word).map(|data| wanted.data = Some(data.into())),
            "--allow-origin" => rest.text(&word).map(|origin| wanted.origins.push(origin)),
            "--key" => rest.text(&word).map(|key| wanted.key = Some(key)),
            _ => Err(format!("{} is not known: {USAGE}", word.name)),
        };
        if let Err(why) = taken {
            return fail(2, &why);
        }
    }
    let interrupted = match local::interrupted() {
        Ok(flag) => flag,
        Err(error) => return fail(1, &format!("signals can't be taken: {error}")),
    };
    let serving = match Serving::start(&wanted) {
        Ok(Ok(serving)) => serving,
        Ok(Err(address)) => {
            println!("Another runwire serves this data already: {}", address.url);
            return fail(1, "end that one first, or name another file with --data");
        }
        Err(error) => return fail(1, &error.to_string()),
    };
    let local::Address { url, key } = &serving.address;
    println!("Serving {}", serving.data.display());
    println!("Look at your runs:   {url}");
    println!("Send runs here:      export WANDB_BASE_URL={url} WANDB_API_KEY={key}");
    println!("or in one command:   runwire exec --local -- python train.py");
    println!("Ctrl-C ends this; everything is kept.");
    local::wait_for(&interrupted);
    serving.stop();
    println!("Ended.");
    0
}

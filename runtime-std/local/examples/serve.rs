//! Serves until it is killed: `serve [--addr IP:PORT] [--data FILE] [--key KEY]... [--host NAME]... [--entity NAME]
//! [--feature NAME]... [--test-controls]`. Prints the address as its first line.

use runwire_local::{Options, Server};
use std::{env, error::Error};

fn main() -> Result<(), Box<dyn Error>> {
    let mut options = Options::default();
    let mut features = Vec::new();
    let mut args = env::args().skip(1);
    while let Some(flag) = args.next() {
        if flag == "--test-controls" {
            options.test_controls = true;
            continue;
        }
        let value = args.next().ok_or_else(|| format!("{flag} needs a value"))?;
        match flag.as_str() {
            "--addr" => options.addr = value.parse()?,
            "--data" => options.data = Some(value.into()),
            "--key" => options.keys.push(value),
            "--host" => options.hosts.push(value),
            "--entity" => options.settings.entity = value,
            "--feature" => features.push(value),
            _ => return Err(format!("{flag} is not known").into()),
        }
    }
    if !features.is_empty() {
        options.settings.features = features;
    }
    let server = Server::start(options)?;
    println!("{}", server.url());
    server.wait();
    Ok(())
}

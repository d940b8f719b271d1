//! The checked-in messages are what the schema says. `RUNWIRE_UPDATE=1 cargo test -p runwire-proto --test generated` rewrites them.
use std::path::Path;

#[test]
fn generated_messages_match_the_schema() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let schema = root.join("schema");
    let files = [
        "internal.proto",
        "server.proto",
        "settings.proto",
        "telemetry.proto",
        "base.proto",
        "sync.proto",
        "api.proto",
        "otel.proto",
        "sweep_scheduler.proto",
    ];
    let set = protox::compile(files, [&schema]).expect("the schema compiles");
    let out = root.join("src/generated");
    let target = std::env::temp_dir().join(format!("runwire-generated-{}", std::process::id()));
    std::fs::create_dir_all(&target).expect("a scratch folder");
    prost_build::Config::new().btree_map(["."]).out_dir(&target).compile_fds(set).expect("prost generates");
    let fresh = std::fs::read_to_string(target.join("wandb_internal.rs")).expect("generated file");
    std::fs::remove_dir_all(&target).ok();
    let checked_in = out.join("wandb_internal.rs");
    if std::env::var_os("RUNWIRE_UPDATE").is_some() {
        std::fs::create_dir_all(&out).expect("folder");
        std::fs::write(&checked_in, &fresh).expect("written");
    }
    let current = std::fs::read_to_string(&checked_in).expect("checked-in messages");
    assert!(current == fresh, "proto/src/generated is stale: run with RUNWIRE_UPDATE=1");
}

//! The client's own facts (`EnvironmentRecord`), as far as its settings and the batch system tell them.

use crate::{
    settings::{Config, text},
    time::UnixNanos,
};
use alloc::string::String;
use runwire_proto::wire;

/// The first of the two environment records of a run; the machine's facts follow when they are known.
pub(super) fn of_client(config: &Config, writer_id: &str) -> wire::EnvironmentRecord {
    let settings = &config.settings;
    let get = |value: &Option<String>| String::from(text(value));
    let started = settings.x_start_time.map(|seconds| UnixNanos((seconds * 1e9) as i64).timestamp());
    let git = (settings.git_remote_url.is_some() || settings.git_commit.is_some())
        .then(|| wire::GitRepoRecord { remote_url: get(&settings.git_remote_url), commit: get(&settings.git_commit) });
    wire::EnvironmentRecord {
        os: get(&settings.os),
        python: get(&settings.python),
        started_at: started,
        docker: get(&settings.docker),
        args: settings.args.as_ref().map(|list| list.value.clone()).unwrap_or_default(),
        // The path as it was started, not the absolute one: what a user would type again.
        program: get(&settings.program),
        code_path: get(&settings.program_relpath),
        code_path_local: get(&settings.code_path_local),
        git,
        email: get(&settings.email),
        root: get(&settings.root_dir),
        host: get(&settings.host),
        username: get(&settings.username),
        executable: get(&settings.x_executable),
        colab: get(&settings.colab_url),
        slurm: config.slurm.clone(),
        writer_id: writer_id.into(),
        ..Default::default()
    }
}

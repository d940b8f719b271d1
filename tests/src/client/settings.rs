//! The settings that an official client of version 0.31.0 sends with `inform_init`, for an offline run.
use std::fs;
use std::path::{Path, PathBuf};

use runwire_proto::wire::{ListStringValue, Settings};

/// A key that any embedded server without keys of its own lets in.
pub const ONLINE_KEY: &str = "local-0123456789012345678901234567890123456789";

/// Where an offline run keeps its files below a folder that the caller owns.
pub fn run_dir(root: &Path, id: &str) -> PathBuf {
    root.join("wandb").join(format!("offline-run-20250101_000000-{id}"))
}

/// Settings of an offline run without console capture and system metrics. Makes the folders, as a real client does.
pub fn offline(root: &Path, id: &str) -> Settings {
    let dir = run_dir(root, id);
    for sub in ["files", "logs"] {
        fs::create_dir_all(dir.join(sub)).expect("a test's folder can be filled");
    }
    paths(root, id)
}

/// The same without making any folder.
pub fn paths(root: &Path, id: &str) -> Settings {
    let dir = run_dir(root, id);
    let logs = dir.join("logs");
    let below = |path: PathBuf| Some(path.to_str().expect("test paths are UTF-8").to_owned());
    let text = |text: &str| Some(text.to_owned());
    Settings {
        offline: Some(true),
        mode: text("offline"),
        run_mode: text("offline-run"),
        run_id: text(id),
        entity: text("e"),
        project: text("p"),
        root_dir: below(root.to_path_buf()),
        wandb_dir: below(root.join("wandb")),
        sync_dir: below(dir.clone()),
        sync_file: below(dir.join(format!("run-{id}.wandb"))),
        sync_symlink_latest: below(root.join("wandb").join("latest-run")),
        log_dir: below(logs.clone()),
        log_internal: below(logs.join("debug-internal.log")),
        log_user: below(logs.join("debug.log")),
        log_symlink_internal: below(root.join("wandb").join("debug-internal.log")),
        log_symlink_user: below(root.join("wandb").join("debug.log")),
        resume_fname: below(root.join("wandb").join("wandb-resume.json")),
        tmp_code_dir: below(dir.join("tmp").join("code")),
        api_key: text(ONLINE_KEY),
        // Nothing listens there, so a run that wrongly goes online fails at once.
        base_url: text("http://127.0.0.1:9"),
        app_url: text("http://127.0.0.1:9"),
        args: Some(ListStringValue { value: vec!["--epochs".into(), "3".into()] }),
        os: text("Linux-6.1-x86_64"),
        platform: text("linux"),
        python: text("CPython 3.11.7"),
        program: text("train.py"),
        program_abspath: below(root.join("train.py")),
        x_executable: text("python3"),
        host: text("machine"),
        username: text("someone"),
        start_datetime: text("2025-01-01T00:00:00.000000"),
        timespec: text("20250101_000000"),
        x_start_time: Some(1_735_689_600.5),
        console: text("off"),
        console_multipart: Some(false),
        console_chunk_max_bytes: Some(0),
        console_chunk_max_seconds: Some(0),
        deployment: text("local"),
        disable_code: Some(false),
        disable_git: Some(true),
        disable_git_fork_point: Some(true),
        disable_job_creation: Some(true),
        save_code: Some(false),
        finish_timeout: Some(0.0),
        init_timeout: Some(90.0),
        heartbeat_seconds: Some(30),
        insecure_disable_ssl: Some(false),
        is_local: Some(false),
        quiet: Some(false),
        resumed: Some(false),
        show_errors: Some(true),
        show_info: Some(true),
        show_warnings: Some(true),
        silent: Some(true),
        stop_on_fatal_error: Some(false),
        symlink: Some(true),
        shared: Some(false),
        x_disable_machine_info: Some(false),
        x_disable_meta: Some(true),
        x_disable_stats: Some(true),
        x_history_value_encoding: text("json"),
        x_internal_check_process: Some(8.0),
        x_log_level: Some(10),
        x_primary: Some(true),
        x_save_requirements: Some(true),
        x_server_side_derived_summary: Some(false),
        x_service_wait: Some(30.0),
        x_skip_transaction_log: Some(false),
        x_stats_buffer_size: Some(0),
        x_stats_pid: Some(i32::try_from(std::process::id()).expect("process ids are small")),
        x_stats_sampling_interval: Some(15.0),
        x_stats_disk_paths: Some(ListStringValue { value: vec!["/".into()] }),
        x_transaction_log_flush_interval: Some(15.0),
        x_update_finish_state: Some(true),
        ..Settings::default()
    }
}

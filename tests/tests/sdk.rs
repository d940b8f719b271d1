//! The official SDK can't tell: every script runs on the official sidecar and on ours, and all that is left is compared.
//!
//! How a script is run, what is collected and what may differ is in `sdk/*.py`. One script by hand:
//! `cargo test -p runwire-tests --test sdk -- --exact NAME`.
//! `RUNWIRE_SDK_SIDECAR` puts another sidecar in the place of ours; the official one there tries the suite itself.

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use runwire_tests::official::{official_core, official_python, runwire_program, workspace};

/// One test a script, named like it.
macro_rules! scripts {
    ($folder:literal, $all:ident: $($name:ident)*) => {
        const $all: &[&str] = &[$(stringify!($name)),*];
        $(#[test]
        fn $name() {
            compare(&workspace().join($folder).join(concat!(stringify!($name), ".py")));
        })*
    };
}

scripts! { "tests/sdk/scripts", SCRIPTS:
    alert artifact artifact_draft asyncio_tasks big_row code_diff code_saving commit_false config_big config_edits
    config_pins console_basic console_chatty console_control console_multipart console_off console_raw
    console_redirect console_stderr dict_values disabled empty_rows empty_run exception exception_in_with exec_basic
    exec_children exec_config_files exec_exit_code exec_no_finish exit_code finish_exit_code flush_interval fork_child
    fork_from_offline killed_many_rows killed_os_exit killed_sigkill killed_sigterm killed_two_runs label
    log_after_finish long_strings many_metrics many_runs many_steps media metadata_edits metric_all metric_copy
    metric_first metric_glob metric_last metric_max metric_mean metric_min metric_none metric_overwrite
    metric_step_sync mixture model_files module_functions multiprocessing_own_runs multiprocessing_spawn names_odd
    nested no_finish no_finish_two non_finite not_primary plots preempting quiet_and_silent resume_from_offline
    resume_offline runs_parallel runs_reinit runs_sequential same_id_twice save_policies scalars settings_misc
    setup_teardown sigint sigint_caught sigterm_handler slow_run steps_backward steps_explicit steps_implicit_mixed
    summary_edits summary_metric_override summary_reads system_no_disks system_stats table table_incremental
    tensorboard_folders tensorboard_histograms tensorboard_open_row tensorboard_scalars threads typed_encoding
    typed_values unicode warnings_many watch_no_torch with_block write_logs
}

scripts! { "examples/python", EXAMPLES:
    console_progress define_metric fit
}

#[test]
fn every_script_is_a_test() {
    for (folder, named) in [("tests/sdk/scripts", SCRIPTS), ("examples/python", EXAMPLES)] {
        let files = fs::read_dir(workspace().join(folder)).expect("the folder of scripts can be read");
        let paths = files.map(|file| file.expect("a folder's entry can be read").path());
        let scripts = paths.filter(|path| path.extension().is_some_and(|end| end == "py"));
        let found: BTreeSet<String> = scripts.filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned())).collect();
        let named: BTreeSet<String> = named.iter().map(|&name| name.to_owned()).collect();
        assert_eq!(found, named, "scripts in {folder} and tests here");
    }
}

#[test]
fn the_comparison_notices() {
    let output = python("planted.py", &[]);
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    let wrong: Vec<&str> =
        text.lines().filter(|line| !line.starts_with("found ") && !line.starts_with("passed ")).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    for name in ["row_dropped", "value_changed", "file_missing", "exit_code_wrong", "footer_lost", "killed_row_lost"] {
        assert!(text.contains(&format!("found {name}:")), "{name} was not planted:\n{text}");
    }
    assert!(text.contains("passed may_gather_derived_summaries"), "{text}");
}

fn compare(script: &Path) {
    let other = env::var_os("RUNWIRE_SDK_SIDECAR").filter(|path| !path.is_empty());
    let ours = other.map_or_else(runwire_program, PathBuf::from);
    let output = python("pair.py", &[script, Path::new("--ours"), &ours]);
    assert!(
        output.status.success(),
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

/// Runs a program of the suite; official results are kept below `target/official-cache`.
fn python(program: &str, arguments: &[&Path]) -> Output {
    let program = workspace().join("tests").join("sdk").join(program);
    Command::new(official_python())
        .arg("-B")
        .arg(program)
        .args(arguments)
        .arg("--official")
        .arg(official_core())
        .arg("--cache")
        .arg(workspace().join("target").join("official-cache"))
        .output()
        .expect("Python can be started")
}

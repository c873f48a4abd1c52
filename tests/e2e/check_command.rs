//! `tollgate check`: everything that is wrong with a file, at once, each with its place; and starts that must fail.

use crate::support::{Launch, finish};

/// Exit status and everything printed.
fn check(yaml: &str) -> (i32, String) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config.yaml");
    std::fs::write(&file, yaml).unwrap();
    run(Launch::without_config().arg("check").arg("--config").arg(file.to_str().unwrap()))
}

fn run(launch: Launch) -> (i32, String) {
    let output = finish(launch);
    let printed = [output.stdout, output.stderr].concat();
    (output.status.code().unwrap(), String::from_utf8(printed).unwrap())
}

#[test]
fn a_good_file_passes() {
    let (status, printed) = check(
        "model_list:\n  - {model_name: gpt, litellm_params: {model: openai/gpt-4o, api_key: sk-x}}\n\
         general_settings: {master_key: sk-long-enough-for-everybody-0123456789}\n",
    );
    assert_eq!(status, 0, "{printed}");
    assert!(!printed.contains("error"), "{printed}");
}

#[test]
fn a_warning_does_not_fail() {
    let (status, printed) = check(
        "model_list:\n  - {model_name: gpt, litellm_params: {model: openai/gpt-4o, api_key: env/NOT_SET}}\n\
         general_settings: {master_key: sk-1234}\n",
    );
    assert_eq!(status, 0, "{printed}");
    assert!(printed.contains("warning"), "{printed}");
}

#[test]
fn every_error_is_shown_with_its_place() {
    let (status, printed) = check(
        "model_list:\n  - {model_name: gpt, litellm_params: {model: openai/gpt-4o, rpm: many}}\n\
         \u{20} - {litellm_params: {model: openai/gpt-4o}}\n  - {model_name: other}\n\
         general_settings: {master_kee: sk-1234, max_request_size_mb: -1}\nrooter_settings: {}\n",
    );
    assert_eq!(status, 78, "{printed}");
    let places = [
        "model_list[0].litellm_params.rpm",
        "model_list[1]",
        "model_list[2]",
        "general_settings.master_kee",
        "general_settings.max_request_size_mb",
        "rooter_settings",
    ];
    for place in places {
        assert!(printed.contains(place), "{place} is not in:\n{printed}");
    }
    assert!(printed.contains("master_key") && printed.contains("router_settings"), "no nearest name in:\n{printed}");
}

#[test]
fn a_file_that_is_no_config_is_an_error_not_a_crash() {
    for text in ["", "[", "- 1\n- 2\n", "model_list: 7\n", "\u{0}", "a: &a [*a]\n", "model_list: [{}]\n"] {
        let (status, printed) = check(text);
        assert!(status == 78 || (text.is_empty() && status == 0), "{text:?}: {status}\n{printed}");
        assert!(!printed.contains("panicked"), "{text:?}: {printed}");
    }
}

#[test]
fn a_missing_file_is_an_error() {
    let (status, printed) = run(Launch::without_config().arg("check").arg("--config").arg("nowhere.yaml"));
    assert_eq!(status, 78, "{printed}");
    assert!(printed.contains("nowhere.yaml"), "{printed}");
}

#[test]
fn a_bad_file_is_not_served() {
    let launch = Launch::with_config("model_list: 7\n").arg("--port").arg("0").arg("--host").arg("127.0.0.1");
    let (status, printed) = run(launch);
    assert_eq!(status, 78, "{printed}");
    assert!(printed.contains("model_list"), "{printed}");
}

#[test]
fn the_version_is_told() {
    let (status, printed) = run(Launch::without_config().arg("--version"));
    assert_eq!((status, printed.trim()), (0, concat!("tollgate ", env!("CARGO_PKG_VERSION"))));
}

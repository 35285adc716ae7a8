//! Chromium or Chrome on a page of the register. Without either, tests check nothing of it and say so; where the environment
//! variable `CI` is set, they fail.
#![allow(dead_code, reason = "each test program uses its part of this")]

use serde::Deserialize;
use std::fs;
use std::path::Path;
use std::process::Command;

const MEASURE: &str = include_str!("../registers/measure.html");

/// The browser's name, if there is one.
pub fn browser() -> Option<&'static str> {
    let runs = |name: &&str| Command::new(name).arg("--version").output().is_ok_and(|o| o.status.success());
    let found = ["chromium", "chromium-browser", "google-chrome"].into_iter().find(runs);
    if found.is_none() {
        assert!(std::env::var_os("CI").is_none(), "install chromium: in CI the page has to be looked at");
        eprintln!("not run: there is no chromium, chromium-browser or google-chrome");
    }
    found
}

/// Runs the browser on a file and gives what it printed and what it complained of.
pub fn open(browser: &str, arguments: &[&str], page: &Path) -> (String, String) {
    let profile = tempfile::tempdir().unwrap();
    let output = Command::new(browser)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-dev-shm-usage"])
        .args(["--enable-logging=stderr", "--v=0", "--allow-file-access-from-files"])
        .args(["--disable-background-networking", "--host-resolver-rules=MAP * ~NOTFOUND"])
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .args(arguments)
        .arg(format!("file://{}", page.display()))
        .output()
        .unwrap();
    let (out, err) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{err}");
    (out, err.into_owned())
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Measured {
    pub width: u32,
    pub content_width: u32,
    pub height: u32,
    pub text: String,
    pub charts: usize,
    pub thin: usize,
    pub scripts: usize,
    pub injected: usize,
    pub loaded: Vec<String>,
    pub background: String,
    pub unnamed: usize,
}

/// Measures a page at 360 and at 1,280 pixels.
pub fn measured(browser: &str, page: &Path, arguments: &[&str]) -> Vec<Measured> {
    let frames = page.with_extension("frames.html");
    fs::write(&frames, MEASURE.replace("PAGE", page.file_name().unwrap().to_str().unwrap())).unwrap();
    let (dom, complaints) = open(browser, &[arguments, &["--dump-dom"]].concat(), &frames);
    for word in ["CONSOLE", "Content Security Policy", "Refused to"] {
        assert!(!complaints.contains(word), "{page:?}: {complaints}");
    }
    let (_, rest) = dom.split_once("<pre id=\"measured\">").unwrap();
    let all: Vec<Measured> = serde_json::from_str(rest.split_once("</pre>").unwrap().0).unwrap();
    assert_eq!(all.iter().map(|m| m.width.div_ceil(100)).collect::<Vec<_>>(), [4, 13]);
    all
}

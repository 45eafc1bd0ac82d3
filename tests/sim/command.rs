//! `trunkwarden sim` as people type it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};

fn sim(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_trunkwarden"));
    command.arg("sim").args(arguments).stdin(Stdio::null());
    command
}

#[test]
fn it_prints_what_to_paste_and_ends_with_0_on_sigterm() {
    let mut child = sim(&["--listen", "127.0.0.1:0", "--channels", "2"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let first = lines.next().unwrap();
    assert!(first.starts_with("# A simulated platform of 2 channels at http://127.0.0.1:"), "{first}");
    let base = first.split("http://").nth(1).unwrap().split(' ').next().unwrap().to_owned();
    order(&base, r#"{"status": {"channel": "ch-0001", "is": "unhealthy"}}"#);
    let pid = rustix::process::Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    // All of it is a configuration, whatever happens meanwhile.
    let text: Vec<String> = std::iter::once(first).chain(lines).collect();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text.join("\n")).unwrap();
    let mut check = Command::new(env!("CARGO_BIN_EXE_trunkwarden"));
    let check = check.args(["check", "--config"]).arg(file.path()).env("SIM_CLIENT_SECRET", "s").output().unwrap();
    let told = String::from_utf8(check.stdout).unwrap();
    assert_eq!(told, "ok: 1 tenant, 2 channels, 1 policy; mode enforce; 0 warnings\n");
    let mut happened = String::new();
    child.stderr.take().unwrap().read_to_string(&mut happened).unwrap();
    assert!(happened.contains("ch-0001 is unhealthy"), "{happened}");
}

#[test]
fn it_says_how_many_channels_it_does_not_list() {
    let mut child = sim(&["--listen", "127.0.0.1:0", "--channels", "12"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert!(lines.any(|line| line.starts_with("# 2 more channels are not listed")));
    child.kill().unwrap();
    child.wait().unwrap();
}

/// Has something happen, as `curl -d` does.
fn order(base: &str, incident: &str) {
    let mut stream = TcpStream::connect(base).unwrap();
    let length = incident.len();
    write!(stream, "POST /control/incident HTTP/1.1\r\nHost: {base}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{incident}").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 204"), "{answer}");
}

#[test]
fn what_it_cannot_do_is_one_clear_line_and_1() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let mut file = tempfile::NamedTempFile::new().unwrap();
    writeln!(file, "[sim]\nchannels = 0").unwrap();
    let path = file.path().to_str().unwrap();
    for (arguments, part) in [
        (&["--listen", address.as_str()][..], address.as_str()),
        (&["--listen", "0.0.0.0:0"], "loopback"),
        (&["--scenario", "nowhere.toml"], "nowhere.toml"),
        (&["--scenario", path], "sim.channels is 0"),
    ] {
        let output = sim(arguments).output().unwrap();
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), told.lines().count()), (Some(1), 1), "{told}");
        assert!(told.contains(part) && output.stdout.is_empty(), "{told}");
    }
}

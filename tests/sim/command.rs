//! `trunkwarden sim` as people type it.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::process::{Command, Stdio};

fn sim(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_trunkwarden"));
    command.arg("sim").args(arguments).stdin(Stdio::null());
    command
}

#[test]
fn it_prints_what_to_paste_and_ends_with_0_on_sigterm() {
    let mut child = sim(&["--listen", "127.0.0.1:0", "--channels", "2"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let first = lines.next().unwrap();
    assert!(first.starts_with("A simulated platform of 2 channels at http://127.0.0.1:"), "{first}");
    let pasted: Vec<String> = lines.by_ref().skip(1).take_while(|l| !l.is_empty()).collect();
    let table: toml::Table = pasted.join("\n").parse().unwrap();
    assert_eq!(table["channels"].as_array().unwrap().len(), 2);
    let pid = rustix::process::Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
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

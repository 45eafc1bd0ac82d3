//! What people give that is wrong, and what they ask for that is not there: each is told as that, and never as a broken log.

use super::commands::{of, on, run, said};
use super::place::Place;
use secrecy::ExposeSecret;
use std::os::unix::fs::symlink;
use trunkwarden::journal::Signer;

#[test]
fn what_is_wrong_with_what_was_given_is_not_laid_to_the_log() {
    let (place, other) = (Place::with(9, 5), Place::with(9, 5));
    let key = place.key().to_string();
    let strange = Signer::new("log.example/other", &[9; 32]).unwrap();
    let file = |name: &str, text: &str| {
        let path = place.state().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let newest = other.newest().note;
    let damaged = file("damaged", newest.trim_end());
    let foreign = file("foreign", &strange.checkpoint(3, &[0; 32]));
    let private = file("audit.key", strange.to_secret_text().expose_secret());
    for (args, words) in [
        (["--key", &key, "--checkpoint", &damaged], "damaged cannot be used, and the log was not checked"),
        (["--key", &key, "--checkpoint", &foreign], "foreign cannot be used, and the log was not checked"),
        (["--key", &private, "--archive", "archive"], "--key was given a private key; it takes the public one"),
    ] {
        let output = on(&place, &[&["audit", "verify"], &args[..]].concat());
        let text = said(&output);
        assert_eq!((output.status.code(), text.lines().count()), (Some(1), 1), "{text}");
        assert!(text.contains(words) && !text.contains("broken"), "{text}");
    }
    // There is something, and it cannot be opened: a link that leads to itself.
    let link = place.state().join("link.db");
    symlink(&link, &link).unwrap();
    let text = said(&run(&of(&link, &["audit", "verify"])));
    assert!(text.contains("link.db cannot be read: ") && !text.contains("there is no journal"), "{text}");
}

#[test]
fn a_backup_says_what_belongs_to_it_and_names_the_file_that_cannot_be_written() {
    let place = Place::with(9, 5);
    std::fs::write(place.state().join("audit.vkey"), format!("{}\n", place.key())).unwrap();
    let copy = place.state().join("copy/b.db");
    let refused = said(&on(&place, &["journal", "backup", copy.to_str().unwrap()]));
    // Nothing follows, such as the name of a file that only we know.
    assert!(refused.ends_with("copy/b.db: No such file or directory (os error 2)\n"), "{refused}");
    std::fs::create_dir(copy.parent().unwrap()).unwrap();
    let output = on(&place, &["journal", "backup", copy.to_str().unwrap()]);
    assert!(output.status.success() && said(&output).contains("keep audit.vkey"), "{}", said(&output));
    let output = run(&of(&copy, &["audit", "verify"]));
    assert!(said(&output).contains("no public key: there is no audit.vkey beside"), "{}", said(&output));
    std::fs::copy(place.state().join("audit.vkey"), copy.with_file_name("audit.vkey")).unwrap();
    let output = run(&of(&copy, &["audit", "verify"]));
    assert!(output.status.success(), "{}", said(&output));
}

#[test]
fn a_tail_of_nothing_says_so_and_what_cannot_match_is_refused() {
    let place = Place::with(5, 100);
    for (args, code, words) in [
        (&["--tenant", "nope"][..], 0, "no entry matches\n"),
        (
            &["--channel", "acme/ch-0001"],
            0,
            "no entry matches; --channel takes the id alone, such as --tenant acme --channel ch-0001",
        ),
        (&["--from", "2027-01-02T00:00:00Z", "--to", "2027-01-01T00:00:00Z"], 1, "--from must be earlier than --to"),
        (&["--event", "failovr.held"], 2, "did you mean failover.held?"),
        (&["--event", "foo"], 2, "no event type matches it; docs/audit.md lists"),
    ] {
        for verb in ["tail", "export"] {
            let output = on(&place, &[&["audit", verb], args].concat());
            assert_eq!(output.status.code(), Some(code), "{verb} {args:?}: {}", said(&output));
            // An export of nothing is an empty file.
            assert!(code == 0 && verb == "export" || said(&output).contains(words), "{args:?}: {}", said(&output));
        }
    }
}

#[test]
fn a_sink_that_is_none_is_not_the_same_as_no_sink_at_all() {
    let place = Place::with(5, 100);
    let config = place.state().join("t.toml");
    std::fs::write(&config, format!("[daemon]\nstate_dir = {:?}\n", place.state())).unwrap();
    let list = |more: &[&str]| run(&[&["outbox", "list", "--config", config.to_str().unwrap()], more].concat());
    assert!(said(&list(&[])).contains("no sink is configured"));
    let output = list(&["--sink", "nope"]);
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    assert!(said(&output).contains("no sink `nope` is configured, and nothing waits for it"), "{}", said(&output));
}

//! What `check` advises of a file that loads: what it probably does not mean.

use super::{TENANT, channels, loaded, with};
use std::fmt::Write;
use std::process::Command;
use trunkwarden::config::{self, Diagnostic};

fn of(text: &str) -> Vec<String> {
    loaded(text).advice.into_iter().map(|advice| advice.message).collect()
}

fn policy(more: &str) -> String {
    with(&format!("{more}\n{}", channels(3)))
}

#[test]
fn a_score_that_is_written_as_a_fraction() {
    for (table, key, given, meant) in [
        ("failover", "quality_below", "0.5", "50"),
        ("failover", "min_candidate_score", "0.6", "60"),
        ("quality", "optimise_below", "0.8", "80"),
    ] {
        let set = |value: &str| of(&policy(&format!("[policies.default.{table}]\n{key} = {value}")));
        assert_eq!(set(given), [format!("`{key}` is {given} on a scale of 0 to 100; did you mean {meant}?")]);
        assert_eq!(set("50.0"), Vec::<String>::new());
    }
    let nobody = policy("[policies.default.failover]\nmin_candidate_score = 0");
    assert_eq!(of(&nobody), Vec::<String>::new(), "0 asks for nothing");
}

#[test]
fn a_keep_fit_that_leaves_nothing_to_move() {
    let limit = |table: &str, n: u32| of(&policy(&format!("[{table}]\nkeep_fit = {n}")));
    let said = ["`keep_fit` is 4 and `acme` has 3 channels: none of them can ever be moved"];
    assert_eq!(
        (limit("limits", 4), limit("tenants.acme.limits", 4)),
        (said.map(str::to_owned).into(), said.map(str::to_owned).into())
    );
    assert_eq!(limit("limits", 3), Vec::<String>::new());
    let global = of(&policy("[limits]\nglobal_keep_fit = 4"));
    assert_eq!(global, ["`global_keep_fit` is 4 and there are 3 channels: none of them can ever be moved"]);
}

#[test]
fn a_window_that_never_opens() {
    let window = |cron: &str| {
        of(&policy(&format!(
            "[policies.default.failover]\nfailback = \"window\"\nfailback_window = {{ cron = \"{cron}\", for = \"1h\", timezone = \"UTC\" }}"
        )))
    };
    let never = "`failback_window` of policy `default` never opens: no day fits its cron \"0 0 3 31 2 *\"";
    assert_eq!((window("0 0 3 31 2 *"), window("0 0 3 29 2 *")), (vec![never.to_owned()], Vec::new()));
    let maintenance = "[[policies.default.maintenance]]\ncron = \"0 0 3 30 2 *\"\nfor = \"1h\"\ntimezone = \"UTC\"";
    assert_eq!(of(&policy(maintenance)).len(), 1);
}

#[test]
fn what_nobody_watches_or_uses() {
    assert_eq!(of(TENANT), ["no [[channels]] row stands in the configuration: nothing is watched"]);
    let unused = "[policies.calm]\ninherit = \"base\"\n[policies.base]\n[policies.idle]\n";
    let used = "[[channels]]\nid = \"ch-9\"\ntenant = \"acme\"\npolicy = \"calm\"\n";
    assert_eq!(of(&policy(&format!("{unused}{used}"))), ["no channel uses the policy `idle`"]);
}

#[test]
fn a_secret_that_goes_over_the_wire_in_the_clear() {
    let at = |url: &str| of(&policy("").replace("https://api.example/", url));
    let said = "the client secret and the tokens of `acme` go to api.example without encryption";
    assert_eq!(at("http://api.example/"), [said]);
    for own in ["http://127.0.0.1:8080", "http://localhost:8080", "http://[::1]:8080"] {
        assert_eq!(at(own), Vec::<String>::new(), "{own}");
    }
    let sink = |url: &str| {
        of(&policy(&format!("[[audit.export]]\nname = \"nms\"\nurl = \"{url}\"\ntoken = {{ env = \"T\" }}")))
    };
    assert_eq!(
        sink("http://nms.example"),
        ["the credentials of the sink `nms` go to nms.example without encryption: use https"]
    );
    assert_eq!(sink("https://nms.example"), Vec::<String>::new());
}

#[test]
fn a_backup_that_is_written_with_its_tenant() {
    let text = policy("[[channels]]\nid = \"ch-9\"\ntenant = \"acme\"\nfailover = [\"acme/ch-0\"]");
    let shown: String = loaded(&text).warnings.iter().map(Diagnostic::render).collect();
    assert!(shown.contains("write the id alone: `ch-0`"), "{shown}");
}

#[test]
fn what_will_not_do_on_this_machine() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let (token, short) = (folder.path().join("token"), folder.path().join("short"));
    for (path, text, mode) in [(&token, "a-token-of-24-characters", 0o644), (&short, "short", 0o600)] {
        std::fs::write(path, text).unwrap();
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    }
    let said = |more: &str| -> Vec<String> {
        let text = format!("{more}\n{TENANT}");
        let found = config::parse_str("c.toml", &text).unwrap_or_else(|r| panic!("{r}")).unusable_here();
        found.into_iter().map(|warning| warning.message).collect()
    };
    let secret = "`tenants.acme.auth.client_secret` cannot be used, and `run` will refuse to start: the environment variable \
                  TRUNKWARDEN_TEST_NO_SUCH_VARIABLE is not set";
    assert_eq!(said(""), [secret]);
    let operator =
        |path: &std::path::Path| said(&format!("[daemon.tokens]\noperator = {{ file = {path:?} }}")).remove(0);
    assert!(operator(&token).starts_with("`daemon.tokens.operator` can be read by every user of this machine ("));
    assert_eq!(operator(&short), "`daemon.tokens.operator` has fewer than 16 characters and is not accepted");
}

/// What `check` says of a file: both its outputs.
fn check(text: &str) -> String {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    let out =
        Command::new(env!("CARGO_BIN_EXE_trunkwarden")).args(["check", "--config"]).arg(file.path()).output().unwrap();
    format!("{}{}", String::from_utf8(out.stdout).unwrap(), String::from_utf8(out.stderr).unwrap())
}

#[test]
fn check_says_the_mode_in_force() {
    for (mode, words) in [("observe", "; mode observe: nothing is changed; "), ("enforce", "; mode enforce; ")] {
        let said = check(&format!("[daemon]\nmode = \"{mode}\"\n{}", policy("")));
        assert!(said.contains(words), "{said}");
    }
}

#[test]
fn a_list_under_one_bracket_is_one_error_and_names_the_other_bracket() {
    let rows = channels(4).replacen("[[channels]]", "[channels]", 1);
    let said = check(&with(&rows));
    assert!(said.starts_with("not valid: 1 error\n") && said.contains("with two brackets, [[channels]]"), "{said}");
    for (text, header) in
        [(rows, "[[channels]]"), ("[policies.default.maintenance]\ncron = \"x\"\n".to_owned(), "[[maintenance]]")]
    {
        let one = text.split("[[channels]]").next().unwrap().to_owned();
        let said = check(&with(&one));
        assert!(
            said.starts_with("not valid: 1 error\n") && said.contains("two brackets") && said.contains(header),
            "{said}"
        );
    }
}

#[test]
fn what_is_no_toml_says_what_helps_and_what_the_stars_are() {
    for (line, help) in [
        ("tenant = \u{201c}acme\u{201d}", "use straight quotes"),
        ("tenant: \"acme\"", "use = between a key and its value, not a colon"),
    ] {
        let said = check(&with(&format!("[[channels]]\nid = \"ch-1\"\n{line}\n")));
        assert!(said.contains(help), "{said}");
        assert_eq!(said.matches("(*** stands for a part of a line that may hold a secret)").count(), 1, "{said}");
    }
}

#[test]
fn a_tenant_that_is_misspelt_is_one_error_and_nothing_else() {
    let mut text = channels(2);
    write!(text, "[[channels]]\nid = \"ch-9\"\ntenant = \"acne\"\nfailover = [\"ch-0\"]\n").unwrap();
    write!(text, "[[channels]]\nid = \"ch-8\"\ntenant = \"acne\"\nfailover = [\"ch-9\"]\n").unwrap();
    let said = check(&with(&text));
    assert!(said.starts_with("not valid: 2 errors\n") && !said.contains("warning"), "{said}");
}

#[test]
fn a_longer_word_for_a_known_one_is_told_the_known_one() {
    let said = check(&policy("[policies.default.failover]\nfailback = \"automatic\""));
    assert!(said.contains("`failback` cannot be \"automatic\"; did you mean \"auto\"?"), "{said}");
}

#[test]
fn a_file_that_is_not_there_names_the_option() {
    let run = |command: &str| {
        Command::new(env!("CARGO_BIN_EXE_trunkwarden")).args([command, "--config", "/no/such"]).output()
    };
    for command in ["check", "run"] {
        let said = String::from_utf8(run(command).unwrap().stderr).unwrap();
        assert!(said.contains("; --config FILE names another one"), "{said}");
    }
}

#[test]
fn nothing_is_advised_of_the_example() {
    let loaded = config::load(std::path::Path::new("config/trunkwarden.toml")).unwrap();
    assert_eq!(loaded.advice.iter().map(ToString::to_string).collect::<Vec<_>>(), Vec::<String>::new());
}

//! The configuration file: the annotated example, what is refused and in which words, defaults, and the schema.

#![allow(
    clippy::float_cmp,
    clippy::format_collect,
    clippy::unwrap_used,
    clippy::panic,
    reason = "tests: configured numbers come back to the bit, and helper functions are no tests to clippy"
)]

#[path = "config/advice.rs"]
mod advice;
#[path = "config/policy_page.rs"]
mod policy_page;

use proptest::prelude::*;
use secrecy::ExposeSecret;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use trunkwarden::config::{self, Config, Loaded, SecretRef, Severity};
use trunkwarden::policy::{
    CandidateOrder, ChannelId, CodecValues, Failback, Limits, Mode, OPUS_WIDEBAND, Policy, Scorer, Statistic,
};

const EXAMPLE: &str = include_str!("../config/trunkwarden.toml");

const TENANT: &str = r#"
[tenants.acme]
base_url = "https://api.example/"
[tenants.acme.auth]
client_id = "cid"
client_secret = { env = "TRUNKWARDEN_TEST_NO_SUCH_VARIABLE" }
"#;

fn with(text: &str) -> String {
    format!("{TENANT}\n{text}")
}

fn loaded(text: &str) -> Loaded {
    config::parse_str("test.toml", text).unwrap_or_else(|rejected| panic!("{rejected}"))
}

fn read(text: &str) -> Config {
    loaded(text).config
}

fn channels(n: usize) -> String {
    (0..n).map(|i| format!("[[channels]]\nid = \"ch-{i}\"\ntenant = \"acme\"\n")).collect()
}

mod example {
    use super::*;

    #[test]
    fn loads_with_what_it_includes() {
        let loaded = config::load(Path::new("config/trunkwarden.toml")).unwrap();
        let ids: Vec<&str> = loaded.config.channels.iter().map(|c| c.key.channel.as_str()).collect();
        assert_eq!(ids, ["ch-0001", "ch-0002", "ch-0003", "ch-0101", "ch-0102"]);
        assert_eq!(loaded.config.files.len(), 2);
        assert_eq!(loaded.config.provisions.len(), 1);
        let unexpected: Vec<String> = loaded.warnings.iter().map(ToString::to_string).collect();
        assert_eq!(unexpected, Vec::<String>::new());
    }

    /// Every key of the schema stands in the example, as a value or in a comment.
    #[test]
    fn shows_every_key() {
        let mut keys = Vec::new();
        super::schema::walk(&config::schema::schema(), &mut keys);
        let missing: Vec<&String> = keys
            .iter()
            .filter(|key| {
                let name = regex_free_name(key);
                !EXAMPLE.lines().any(|line| names_key(line, name))
            })
            .collect();
        assert_eq!(missing, Vec::<&String>::new());
    }

    fn regex_free_name(path: &str) -> &str {
        path.rsplit('.').next().unwrap()
    }

    fn names_key(line: &str, name: &str) -> bool {
        line.split(|c: char| !(c.is_alphanumeric() || c == '_')).any(|word| word == name)
    }

    /// What the example calls a default is one: `default` compiled from it is the engine's own.
    #[test]
    fn says_the_defaults() {
        let loaded = config::load(Path::new("config/trunkwarden.toml")).unwrap();
        let built_in = Policy { name: "default".to_owned(), ..Policy::default() };
        assert_eq!(*loaded.config.policies["default"], built_in);
        let plain = read(TENANT);
        assert_eq!(loaded.config.daemon.listen, plain.daemon.listen);
        assert_eq!(loaded.config.daemon.state_dir, plain.daemon.state_dir);
        assert_eq!(loaded.config.daemon.mode, plain.daemon.mode);
        let (shown, bare) = (&loaded.config.tenants["acme"], &plain.tenants["acme"]);
        assert_eq!(shown.requests_per_minute, bare.requests_per_minute);
        assert_eq!(format!("{:?}", shown.paths), format!("{:?}", bare.paths));
        assert_eq!(shown.auth.scopes, bare.auth.scopes);
        assert_eq!(loaded.config.audit.compliance_tag, plain.audit.compliance_tag);
    }
}

mod invalid {
    use super::*;

    fn files() -> Vec<PathBuf> {
        let mut files: Vec<PathBuf> = std::fs::read_dir("tests/invalid")
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|e| e == "toml"))
            .collect();
        files.sort();
        files
    }

    /// Each file of the folder is refused in words that are worth reading, and none of them repeats a secret.
    #[test]
    fn each_file_is_refused_in_its_words() {
        for path in files() {
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            let rejected = config::load(&path).err().unwrap_or_else(|| panic!("{name} was accepted"));
            assert!(rejected.diagnostics.iter().any(|d| d.severity == Severity::Error), "{name}");
            let shown =
                format!("{rejected}\n{}", rejected.diagnostics.iter().map(|d| format!("{d}\n")).collect::<String>());
            assert!(!shown.contains("hunter2"), "{name} shows a secret:\n{shown}");
            assert!(!format!("{rejected:?}").contains("hunter2"), "{name} keeps a secret");
            insta::with_settings!({ snapshot_path => "invalid/messages", prepend_module_to_snapshot => false, omit_expression => true }, {
                insta::assert_snapshot!(name, rejected.to_string());
            });
        }
    }

    #[test]
    fn a_file_that_is_not_there_is_one_clear_line() {
        let rejected = config::load(Path::new("tests/invalid/nowhere/at-all.toml")).unwrap_err();
        assert_eq!(rejected.diagnostics.len(), 1);
        let shown = rejected.to_string();
        assert!(shown.starts_with("error: cannot read tests/invalid/nowhere/at-all.toml: "), "{shown}");
        assert_eq!(shown.lines().count(), 1);
    }

    #[test]
    fn a_file_that_is_not_utf8_names_the_line() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("latin1.toml");
        std::fs::write(&path, b"[daemon]\nmode = \"\xe4\"\n").unwrap();
        let rejected = config::load(&path).unwrap_err();
        assert!(rejected.to_string().ends_with("line 2 is not UTF-8"), "{rejected}");
    }

    #[test]
    fn endless_nesting_is_an_error_like_any_other() {
        for opening in ["[", "{a=", "[{a="] {
            let text = with(&format!("[policies.default.failover]\non = {}", opening.repeat(50_000)));
            let rejected = config::parse_str("deep.toml", &text).unwrap_err();
            assert!(rejected.diagnostics.len() <= 10, "{}", rejected.diagnostics.len());
            let _ = rejected.to_string();
        }
    }

    #[test]
    fn line_and_column_are_where_the_value_stands() {
        let text = with("[policies.default.health]\ninterval = \"1s\"\n");
        let rejected = config::parse_str("here.toml", &text).unwrap_err();
        let first = &rejected.diagnostics[0];
        let line = text.lines().position(|line| line.starts_with("interval")).unwrap() + 1;
        assert_eq!((first.file(), first.line(), first.column()), (Some(Path::new("here.toml")), Some(line), Some(12)));
    }
}

mod values {
    use super::*;

    #[test]
    fn nothing_but_a_tenant_is_all_defaults() {
        let loaded = loaded(TENANT);
        let config = &loaded.config;
        assert_eq!(loaded.warnings, []);
        assert_eq!(config.daemon.listen.to_string(), "127.0.0.1:9475");
        assert_eq!(config.daemon.state_dir, PathBuf::from("/var/lib/trunkwarden"));
        assert_eq!(config.daemon.mode, Mode::Observe);
        assert_eq!(config.daemon.operator_token, None);
        assert_eq!(*config.policies["default"], Policy { name: "default".to_owned(), ..Policy::default() });
        let tenant = &config.tenants["acme"];
        assert_eq!(tenant.base_url, "https://api.example");
        assert_eq!(tenant.auth.token_url, "https://api.example/api/v2/oauth/token");
        assert_eq!(tenant.requests_per_minute, 60);
        assert_eq!(tenant.limits, Limits::default());
        assert_eq!(tenant.paths.channel, "/api/v2/channels/{id}");
        assert_eq!(tenant.paths.calls, None);
        assert!(tenant.bridge.is_none());
        assert_eq!(config.audit.compliance_tag, "telephony_channel_audit");
    }

    #[test]
    fn observe_mode_never_asks_for_the_write_scope() {
        let scopes = |text: &str| read(text).tenants["acme"].auth.scopes.clone();
        let read_only = ["channel:read", "telemetry:read", "analytics:read"];
        assert_eq!(scopes(TENANT), read_only);
        let enforce = with("[daemon]\nmode = \"enforce\"\n");
        assert!(scopes(&enforce).contains(&"channel:write".to_owned()));
        let capped = with("[daemon]\nmode = \"enforce\"\n[policies.default]\nmode = \"observe\"\n");
        assert_eq!(scopes(&capped), read_only);
        let explicit = TENANT.replace("client_id", "scopes = [\"channel:read\", \"channel:write\"]\nclient_id");
        assert_eq!(scopes(&explicit), ["channel:read"]);
    }

    #[test]
    fn a_policy_inherits_key_by_key_or_starts_from_the_built_in_values() {
        let config = read(&with(
            "[policies.default.health]\nfall = 7\nrise = 5\n[policies.default.quality.codecs.PCMU]\nie = 1.0\n\
             [policies.a]\ninherit = \"default\"\n[policies.a.health]\nrise = 9\n[policies.a.quality.codecs.PCMU]\nbpl = 9.0\n\
             [policies.b]\ninherit = \"a\"\nmode = \"observe\"\n[policies.c.health]\nrise = 4\n",
        ));
        let health = |name: &str| (config.policies[name].health.fall, config.policies[name].health.rise);
        assert_eq!(health("a"), (7, 9));
        assert_eq!(health("b"), (7, 9));
        assert_eq!(health("c"), (3, 4));
        assert_eq!(config.policies["b"].mode.0, Mode::Observe);
        assert_eq!(config.policies["a"].mode.0, Mode::Enforce);
        let pcmu = config.policies["b"].quality.codecs.0["PCMU"];
        assert_eq!((pcmu.ie, pcmu.bpl), (1.0, 9.0));
    }

    #[test]
    fn hold_down_follows_the_policys_own_block_period() {
        let config = read(&with("[policies.default.failover]\nblock_period = \"1m\"\n"));
        let failover = &config.policies["default"].failover;
        assert_eq!(failover.hold_down_max, Duration::from_mins(8));
        assert_eq!(failover.hold_down_half_life, Duration::from_mins(3));
    }

    #[test]
    fn tenants_override_limits_key_by_key() {
        let config = read(&with("[limits]\nmax_concurrent = 9\nkeep_fit = 4\n[tenants.acme.limits]\nkeep_fit = 2\n"));
        let expected = Limits { max_concurrent: 9, keep_fit: 2, ..Limits::default() };
        assert_eq!(config.tenants["acme"].limits, expected);
    }

    #[test]
    fn words_become_what_they_mean() {
        let config = read(&with(
            "[policies.default.failover]\norder = \"best\"\nfailback = \"manual\"\non = [\"unhealthy\", \"degraded\"]\nquality_below = 50\n\
             [policies.default.quality]\nscorer = \"tiers\"\n[policies.default.quality.codecs.PCMA]\nplc = true\n\
             [policies.default.quality.codecs.iLBC]\nie = 11\nbpl = 32\n",
        ));
        let policy = &config.policies["default"];
        assert_eq!(policy.failover.order, CandidateOrder::Best);
        assert_eq!(policy.failover.failback, Failback::Manual);
        assert_eq!(policy.failover.on, ["unhealthy", "degraded"]);
        assert_eq!(policy.failover.quality_below, Some(50.0));
        assert_eq!(policy.quality.scorer, Scorer::default_tiers());
        assert_eq!(policy.quality.codecs.0["PCMA"].bpl, 25.1);
        assert_eq!(policy.quality.codecs.0["ILBC"].bpl, 32.0);
    }

    #[test]
    fn the_e_models_open_parameters_and_the_statistic_reach_the_engine() {
        let text = "[policies.default.quality]\nsummary = \"p95\"\none_way_share = 0.6\nadvantage = 5\nburst_r = 1.5\ndegraded_by = 15\n";
        let loaded = loaded(&with(text));
        let policy = &loaded.config.policies["default"];
        assert_eq!(policy.telemetry.summary, Statistic::Percentile(95));
        let quality = &policy.quality;
        assert_eq!((quality.one_way_share, quality.advantage, quality.burst_r), (0.6, 5.0, 1.5));
        assert_eq!(quality.degraded_by, Some(15.0));
        for (word, statistic) in [("mean", Statistic::Mean), ("p50", Statistic::Percentile(50))] {
            let config = read(&with(&format!("[policies.default.quality]\nsummary = \"{word}\"\n")));
            assert_eq!(config.policies["default"].telemetry.summary, statistic);
        }
    }

    #[test]
    fn opus_in_wideband_has_values_of_its_own_on_that_scale() {
        let config = read(&with("[policies.default.quality]\ncodecs.OPUS = { wideband = true, kbit_s = 24 }\n"));
        let opus = config.policies["default"].quality.codecs.0["OPUS"];
        assert_eq!(opus, CodecValues { kbit_s: 24.0, ..OPUS_WIDEBAND });
    }

    #[test]
    fn backups_left_out_and_no_backups_differ() {
        let config = read(&with(
            "[[channels]]\nid = \"a\"\ntenant = \"acme\"\n[[channels]]\nid = \"b\"\ntenant = \"acme\"\nfailover = []\n\
             [[channels]]\nid = \"c\"\ntenant = \"acme\"\nfailover = [\"b\", \"a\"]\n",
        ));
        let failover: Vec<_> = config.channels.iter().map(|c| c.failover.clone()).collect();
        assert_eq!(failover, [None, Some(vec![]), Some(vec![ChannelId::from("b"), ChannelId::from("a")])]);
        assert!(Arc::ptr_eq(&config.channels[0].policy, &config.policies["default"]));
        assert_eq!(config.params().channels.len(), 3);
    }

    #[test]
    fn loopback_and_plain_http_are_legal_and_a_token_path_may_be_a_url() {
        let text = TENANT
            .replace("https://api.example/", "http://127.0.0.1:8080/base/")
            .replace("client_id", "token_path = \"http://127.0.0.1:8081/oauth/token\"\nclient_id");
        let config = read(&text);
        assert_eq!(config.tenants["acme"].base_url, "http://127.0.0.1:8080/base");
        assert_eq!(config.tenants["acme"].auth.token_url, "http://127.0.0.1:8081/oauth/token");
    }

    #[test]
    fn paths_of_a_file_are_relative_to_it() {
        let dir = tempfile::tempdir().unwrap();
        let main = dir.path().join("main.toml");
        std::fs::create_dir(dir.path().join("more")).unwrap();
        let tenant = TENANT.replace("{ env = \"TRUNKWARDEN_TEST_NO_SUCH_VARIABLE\" }", "{ file = \"secret\" }");
        std::fs::write(&main, "include = [\"more/*.toml\", \"more/a.toml\"]\n[daemon]\nstate_dir = \"state\"\n")
            .unwrap();
        std::fs::write(dir.path().join("more/a.toml"), tenant).unwrap();
        let config = config::load(&main).unwrap().config;
        assert_eq!(config.daemon.state_dir, dir.path().join("state"));
        assert_eq!(config.files, [main, dir.path().join("more/a.toml")]);
        assert_eq!(config.tenants["acme"].auth.client_secret, SecretRef::File(dir.path().join("more/secret")));
    }
}

mod warnings {
    use super::*;

    fn of(text: &str) -> Vec<String> {
        loaded(text).warnings.into_iter().map(|w| w.message).collect()
    }

    #[test]
    fn a_backup_that_is_no_configured_channel() {
        let text = with(
            "[[channels]]\nid = \"ch-0001\"\ntenant = \"acme\"\nfailover = [\"ch-00O2\"]\n[[channels]]\nid = \"ch-0002\"\ntenant = \"acme\"\n",
        );
        assert_eq!(of(&text), ["the backup `ch-00O2` is not a configured channel of `acme`"]);
        assert!(loaded(&text).warnings[0].render().contains("did you mean `ch-0002`?"));
    }

    #[test]
    fn a_rescue_without_a_way_to_bridge_or_to_list() {
        let text = |more: &str| {
            with(&format!("{more}\n[policies.default.rescue]\ntarget = \"phone:+12025550100\"\n{}", channels(1)))
        };
        assert_eq!(of(&text("")), ["no calls of `acme` can be rescued: it lacks a [tenants.NAME.bridge] table"]);
        assert_eq!(of(&text("[tenants.acme.bridge]")), ["no calls of `acme` can be rescued: it lacks `paths.calls`"]);
        let sip = "[tenants.acme.bridge]\ntarget_types = [\"sip\"]";
        assert_eq!(of(&text(sip)), ["no calls of `acme` can be rescued: it lacks \"phone\" in its target_types"]);
        let whole = "[tenants.acme.bridge]\n[tenants.acme.paths]\ncalls = \"/calls?channel={id}\"";
        assert_eq!(of(&text(whole)), Vec::<String>::new());
    }

    #[test]
    fn a_poll_plan_that_does_not_fit_names_the_interval_that_would() {
        let text = with(&channels(200));
        let found = loaded(&text).warnings;
        assert_eq!(found.len(), 1);
        let plan = config::plan(&read(&text), &"acme".into());
        assert!(!plan.fits);
        // 200 looks and a telemetry query of 2 x 100 ids a minute, of 60 - 6: 200 / (54 - 2) minutes, rounded up.
        assert_eq!(plan.needed_per_minute, 402.0);
        assert_eq!(plan.available_per_minute, 54.0);
        assert_eq!(plan.fitting_interval, Duration::from_secs(231));
        assert!(found[0].render().contains("\"231s\""), "{}", found[0].render());
        let changed = with(&format!("[policies.default.health]\ninterval = \"231s\"\n{}", channels(200)));
        assert_eq!(of(&changed), Vec::<String>::new());
    }

    #[test]
    fn a_limit_into_which_no_failover_fits_names_the_least_that_works() {
        let at = |limit: u32| {
            let limited = format!("[tenants.acme]\nrequests_per_minute = {limit}\n");
            let health =
                "[policies.default.health]\ninterval = \"10m\"\n[policies.default.telemetry]\ninterval = \"10m\"\n";
            with(&format!("{health}{}", channels(1))).replacen("[tenants.acme]\n", &limited, 1)
        };
        for limit in 1..4 {
            let found = loaded(&at(limit)).warnings;
            assert_eq!(found.len(), 1, "at {limit}");
            let told = found[0].render();
            assert!(told.contains("may never fail over") && told.contains("requests_per_minute to 4"), "{told}");
        }
        assert_eq!((of(&at(4)), of(&at(6))), (Vec::new(), Vec::new()));
    }

    #[test]
    fn a_plan_that_fits_keeps_its_interval() {
        let plan = config::plan(&read(&with(&channels(5))), &"acme".into());
        assert!(plan.fits);
        assert_eq!(plan.needed_per_minute, 11.0);
        assert_eq!(plan.effective_interval, Duration::from_secs(30));
    }

    #[test]
    fn an_event_glob_that_matches_nothing_and_none_that_the_log_has_a_type_for() {
        let hook = |events: &str| format!("{TENANT}[[webhooks]]\nurl = \"http://h\"\nevents = [{events}]\n");
        let loaded = config::parse_str("c.toml", &hook(r#""failovr.*", "*", "*.held", "fail*""#)).unwrap();
        let said: Vec<&str> = loaded.warnings.iter().map(|w| w.message.as_str()).collect();
        assert_eq!(said, ["no event type begins with `failovr`; did you mean `failover`?"]);
        let page = std::fs::read_to_string("docs/audit.md").unwrap();
        let types: Vec<String> = page
            .split("\n## Event types")
            .nth(1)
            .unwrap()
            .lines()
            .take_while(|line| !line.starts_with("## "))
            .filter_map(|line| Some(format!("\"{}\"", line.strip_prefix("| `")?.split('`').next()?)))
            .collect();
        assert!(types.len() > 20);
        let loaded = config::parse_str("c.toml", &hook(&types.join(", "))).unwrap();
        assert_eq!(loaded.warnings.iter().map(|w| w.message.clone()).collect::<Vec<_>>(), Vec::<String>::new());
    }

    #[test]
    fn an_include_that_matches_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let main = dir.path().join("main.toml");
        std::fs::write(&main, format!("include = [\"none.d/*.toml\"]\n{TENANT}")).unwrap();
        let warnings = config::load(&main).unwrap().warnings;
        assert_eq!(warnings.iter().map(|w| w.message.as_str()).collect::<Vec<_>>(), ["no file matches this include"]);
    }

    #[test]
    fn a_secret_that_cannot_be_resolved_is_one_only_when_asked() {
        let loaded = loaded(TENANT);
        assert_eq!(loaded.warnings, []);
        let found = loaded.unusable_here();
        assert_eq!(found.len(), 1);
        assert!(found[0].message.contains("TRUNKWARDEN_TEST_NO_SUCH_VARIABLE is not set"), "{}", found[0]);
        assert_eq!(found[0].severity, Severity::Warning);
    }

    #[test]
    fn scopes_without_the_write_scope_while_policies_may_act() {
        let text = TENANT.replace("client_id", "scopes = [\"channel:read\"]\nclient_id");
        assert_eq!(of(&text), Vec::<String>::new());
        assert_eq!(of(&format!("[daemon]\nmode = \"enforce\"\n{text}")).len(), 1);
    }
}

mod secrets {
    use super::*;
    use secrecy::ExposeSecret;

    fn from(content: &str) -> Result<String, String> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("secret");
        std::fs::write(&path, content).unwrap();
        SecretRef::File(path).resolve().map(|s| s.expose_secret().to_owned()).map_err(|e| e.to_string())
    }

    #[test]
    fn a_file_loses_one_newline_and_nothing_else() {
        assert_eq!(from("s3cret\n").unwrap(), "s3cret");
        assert_eq!(from("s3cret").unwrap(), "s3cret");
        assert_eq!(from(" s3cret \n\n").unwrap(), " s3cret \n");
        assert!(from("\n").unwrap_err().ends_with("is empty"));
        assert!(from("").unwrap_err().ends_with("is empty"));
    }

    #[test]
    fn a_place_without_a_secret_is_named() {
        let error = SecretRef::File("/no/such/file".into()).resolve().unwrap_err().to_string();
        assert!(error.contains("cannot read the secret file /no/such/file"), "{error}");
        let error = SecretRef::Env("TRUNKWARDEN_TEST_NO_SUCH_VARIABLE".into()).resolve().unwrap_err().to_string();
        assert!(error.contains("TRUNKWARDEN_TEST_NO_SUCH_VARIABLE is not set"), "{error}");
    }
}

mod schema {
    use super::*;
    use serde_json::Value;

    /// Every key path of a schema, names of the user's choice as `*`.
    pub(super) fn walk(schema: &Value, out: &mut Vec<String>) {
        fn go(schema: &Value, path: &str, out: &mut Vec<String>) {
            for (name, inner) in schema["properties"].as_object().into_iter().flatten() {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                out.push(path.clone());
                go(inner, &path, out);
            }
            if schema["additionalProperties"].is_object() {
                go(&schema["additionalProperties"], path, out);
            }
            if schema["items"].is_object() {
                go(&schema["items"], path, out);
            }
        }
        go(schema, "", out);
    }

    /// The key sets of the contract, written down apart from the crate's own table.
    #[test]
    fn has_every_key_of_the_contract_and_its_default() {
        let schema = config::schema::schema();
        let mut keys = Vec::new();
        walk(&schema, &mut keys);
        for (table, names) in contract() {
            for name in names.split_whitespace() {
                let path = if table.is_empty() { name.to_owned() } else { format!("{table}.{name}") };
                assert!(keys.contains(&path), "{path} is not in the schema");
            }
        }
        let policy = &schema["properties"]["policies"]["additionalProperties"]["properties"];
        assert_eq!(policy["health"]["properties"]["interval"]["default"], "30s");
        assert_eq!(policy["quality"]["properties"]["tiers"]["default"][2]["score"], 60);
        assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    }

    fn contract() -> BTreeMap<&'static str, &'static str> {
        BTreeMap::from([
            ("", "include daemon references tenants policies limits channels audit webhooks"),
            ("daemon", "listen state_dir mode tokens"),
            ("daemon.tokens", "operator"),
            ("references", "targets interval timeout"),
            ("tenants", "base_url requests_per_minute latency ca_file proxy headers auth bridge paths limits"),
            ("tenants.auth", "grant client_id client_secret token_path scopes"),
            ("tenants.bridge", "scopes max_legs"),
            ("tenants.paths", "channels channel telemetry bridge calls"),
            ("tenants.limits", "max_concurrent max_per_hour keep_fit mass_hold"),
            (
                "limits",
                "max_concurrent max_per_hour keep_fit mass_hold global_max_concurrent global_max_per_hour global_keep_fit",
            ),
            (
                "policies",
                "mode propose_for inherit health telemetry quality failover codec provisioning rescue maintenance",
            ),
            ("policies.health", "interval timeout fast_interval fall fall_of rise"),
            ("policies.telemetry", "interval window bucket min_samples"),
            (
                "policies.quality",
                "scorer optimise_below summary one_way_share advantage burst_r degraded_by tiers otherwise codecs",
            ),
            ("policies.quality.tiers", "latency_ms jitter_ms score"),
            ("policies.quality.codecs", "ie bpl plc wideband kbit_s frame_ms"),
            (
                "policies.failover",
                "enabled on quality_below quality_for better_by min_candidate_score require_score order block_period \
                 hold_down_max hold_down_half_life hold_down_suppress hold_down_reuse action_timeout verify_for \
                 max_dependents failback failback_after failback_better_by failback_window",
            ),
            ("policies.failover.failback_window", "cron for timezone"),
            (
                "policies.codec",
                "enabled cooldown min_gain restore_after max_bitrate_increase dtmf_mode rtp_payload_type",
            ),
            ("policies.provisioning", "mode interval settle_for"),
            ("policies.rescue", "target max_calls per_minute directions"),
            ("policies.maintenance", "cron for timezone"),
            ("channels", "id name tenant policy failover provision"),
            ("channels.provision", "sip_server sip_port username password codecs failover health_check"),
            ("channels.provision.codecs", "name priority"),
            ("channels.provision.health_check", "interval_seconds timeout_seconds"),
            (
                "audit",
                "compliance_tag origin signing_key checkpoint_entries checkpoint_interval retention_days hold_for witness export \
                  file",
            ),
            (
                "audit.export",
                "name url events token basic headers client_cert client_key ca_file proxy timeout max_pending order max_tries \
                  bulk bulk_interval bulk_cron bulk_batch",
            ),
            ("audit.export.basic", "username password"),
            ("audit.file", "name path events max_bytes keep order max_pending"),
            (
                "webhooks",
                "name url events secret secrets token basic headers client_cert client_key timeout order max_tries",
            ),
        ])
    }

    /// The reader refuses a key exactly where the schema has none: each key of the schema is put into a file of its own
    /// with a value of no key's type, once as it is and once with a letter too many.
    #[test]
    fn agrees_with_the_reader() {
        let mut keys = Vec::new();
        documents(&config::schema::schema(), &|inner| inner, &mut keys);
        assert!(keys.len() > 120, "only {} keys", keys.len());
        for (name, right, wrong) in keys {
            let unknown = |document: &toml::Value, name: &str| {
                let rejected = config::parse_str("k.toml", &toml::to_string(document).unwrap()).unwrap_err();
                rejected.diagnostics.iter().any(|d| d.message.starts_with(&format!("unknown key `{name}`")))
            };
            assert!(!unknown(&right, &name), "the reader does not know {right}");
            assert!(unknown(&wrong, &format!("{name}qqqqqqqq")), "the reader accepts {wrong}");
        }
    }

    type Wrap<'w> = &'w dyn Fn(toml::Value) -> toml::Value;

    /// For each key of the schema, a file that has only it, and one that has it misspelt.
    fn documents(schema: &Value, wrap: Wrap<'_>, out: &mut Vec<(String, toml::Value, toml::Value)>) {
        let table =
            |name: &str, value: toml::Value| toml::Value::Table([(name.to_owned(), value)].into_iter().collect());
        for (name, inner) in schema["properties"].as_object().into_iter().flatten() {
            let date = toml::Value::Datetime("1979-05-27".parse().unwrap());
            let misspelt = format!("{name}qqqqqqqq");
            out.push((name.clone(), wrap(table(name, date.clone())), wrap(table(&misspelt, date))));
            documents(inner, &|value| wrap(table(name, value)), out);
        }
        if schema["additionalProperties"]["properties"].is_object() {
            documents(&schema["additionalProperties"], &|value| wrap(table("NAME", value)), out);
        }
        if schema["items"]["properties"].is_object() {
            documents(&schema["items"], &|value| wrap(toml::Value::Array(vec![value])), out);
        }
    }
}

mod commands {
    use std::process::{Command, Output};

    fn trunkwarden(arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_trunkwarden")).args(arguments).output().unwrap()
    }

    fn text(bytes: &[u8]) -> String {
        String::from_utf8(bytes.to_vec()).unwrap()
    }

    #[test]
    fn check_sums_up_a_good_file_and_ends_with_0() {
        let out = trunkwarden(&["check", "--config", "config/trunkwarden.toml"]);
        assert_eq!(out.status.code(), Some(0));
        let line = text(&out.stdout);
        assert!(line.starts_with("ok: 1 tenant, 5 channels, 2 policies; "), "{line}");
        assert!(text(&out.stderr).contains("warning: "));
    }

    #[test]
    fn check_explains_a_bad_file_and_ends_with_78() {
        let out = trunkwarden(&["check", "--config", "tests/invalid/unknown_key.toml"]);
        assert_eq!(out.status.code(), Some(78));
        assert_eq!(text(&out.stdout), "not valid: 1 error\n");
        assert!(text(&out.stderr).contains("did you mean `fall`?"));
        assert!(!text(&out.stderr).contains('\u{1b}'), "colours without a terminal");
    }

    #[test]
    fn check_of_no_file_is_one_line_and_78() {
        let out = trunkwarden(&["check", "--config", "/no/such/trunkwarden.toml"]);
        assert_eq!(out.status.code(), Some(78));
        assert_eq!(text(&out.stderr).trim().lines().count(), 1);
    }

    #[test]
    fn schema_prints_json() {
        let out = trunkwarden(&["schema"]);
        assert_eq!(out.status.code(), Some(0));
        let schema: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
        assert_eq!(schema["title"], "trunkwarden.toml");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_at_all_makes_it_panic(text in "\\PC*") {
        if let Err(rejected) = config::parse_str("any.toml", &text) {
            let _ = rejected.to_string();
        }
    }

    #[test]
    fn no_change_of_the_example_makes_it_panic(
        edits in prop::collection::vec((any::<prop::sample::Index>(), 0usize..12, "[\\[\\]{}=\"'#.,\n a-z0-9\u{e9}-]{0,6}"), 1..6)
    ) {
        let mut text = EXAMPLE.to_owned();
        for (at, cut, put) in edits {
            let floor = |mut i: usize| { while !text.is_char_boundary(i) { i -= 1; } i };
            let start = floor(at.index(text.len()));
            let end = floor((start + cut).min(text.len())).max(start);
            text.replace_range(start..end, &put);
        }
        match config::parse_str("changed.toml", &text) {
            Ok(loaded) => { let _ = loaded.warnings.iter().map(config::Diagnostic::render).collect::<String>(); }
            Err(rejected) => { let _ = rejected.to_string(); }
        }
    }

    /// Whatever else is wrong around it, a secret written in plain never shows.
    #[test]
    fn a_plain_secret_never_shows(
        before in prop_oneof![
            "[ -~\n]{0,40}",
            prop::sample::select(vec![
                "[daemon]\nmode = \"observe\"", "policy = \"a\"", "[tenants.a]\nauth = { client_id = \"c\"", "include = [\"x\"",
                "[tenants.a.auth]\nscopes = [ 'a'", "[tenants.a.auth", "[tenants.a.auth.client_secret]", "policy = a",
            ]).prop_map(str::to_owned),
        ],
        between in prop::sample::select(vec!["\n", "\n", " ", ", ", "}", "]"]),
        key in prop::sample::select(vec![
            "client_secret", "password", "token", "operator", "secret", "client_secert", "x.secret", "proxy", "url", "headers.X",
        ]),
        equals in prop::sample::select(vec![" = ", " = ", "=", " ", ": ", " = [", " = { value = ", " = { token = ", " = 1 ", " == "]),
        quote in prop::sample::select(vec!["\"", "'", "\"\"\"", "\"\"\"\n", ""]),
        after in "[ -~\n]{0,40}",
    ) {
        let text = format!("{before}{between}{key}{equals}{quote}correct-horse{quote}{after}");
        let Err(rejected) = config::parse_str("secret.toml", &text) else { return Ok(()) };
        prop_assert!(!rejected.to_string().contains("correct-horse"), "{}\n{}", text, rejected);
        let kept = format!("{rejected:?}");
        prop_assert!(!kept.contains("correct-horse"), "{}", text);
    }
}

#[test]
fn a_folder_that_files_may_be_put_into_is_watched_before_the_first_one_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let main = folder.path().join("trunkwarden.toml");
    std::fs::create_dir(folder.path().join("channels.d")).unwrap();
    std::fs::write(&main, format!("include = [\"channels.d/*.toml\"]\n{TENANT}")).unwrap();
    let config = trunkwarden::config::load(&main).unwrap().config;
    let expected = [folder.path().to_owned(), folder.path().join("channels.d")];
    assert_eq!(config.folders.into_iter().collect::<Vec<_>>(), expected);
}

/// The folder of a configuration with an included file that desires a channel whose password is `place`.
fn included(main: &str, place: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let channels = folder.path().join("channels.d");
    std::fs::create_dir(&channels).unwrap();
    std::fs::write(channels.join("own"), "secret").unwrap();
    std::fs::write(folder.path().join("above"), "secret").unwrap();
    std::os::unix::fs::symlink("../above", channels.join("link")).unwrap();
    let channel = format!(
        "[[channels]]\nname = \"trunk-1\"\ntenant = \"acme\"\n[channels.provision]\nsip_server = \"sip.example\"\n\
         sip_port = 5060\nusername = \"u\"\npassword = {place}\ncodecs = [{{ name = \"PCMU\", priority = 1 }}]\n"
    );
    std::fs::write(channels.join("a.toml"), channel).unwrap();
    let path = folder.path().join("trunkwarden.toml");
    std::fs::write(&path, format!("include = [\"channels.d/*.toml\"]\n{main}\n{TENANT}")).unwrap();
    (folder, path)
}

#[test]
fn an_included_file_names_secrets_of_its_own_folder_or_is_told_the_line_that_allows_more() {
    for (place, more) in [
        (r#"{ file = "own" }"#, None),
        (r#"{ file = "../above" }"#, Some("@/above")),
        (r#"{ file = "link" }"#, Some("@/channels.d/link")),
        (r#"{ file = "/etc/shadow" }"#, Some("/etc/shadow")),
        (r#"{ env = "TRUNK_1" }"#, Some("env:TRUNK_1")),
        (r#"{ credential = "audit-key" }"#, Some("credential:audit-key")),
    ] {
        let (folder, path) = included("", place);
        let warnings = |path: &Path| -> String {
            config::load(path)
                .unwrap_or_else(|rejected| panic!("{rejected}"))
                .warnings
                .iter()
                .map(config::Diagnostic::render)
                .collect()
        };
        let shown = warnings(&path);
        let Some(more) = more.map(|more| more.replace('@', folder.path().to_str().unwrap())) else {
            assert_eq!(shown, "", "{place}");
            continue;
        };
        let line = format!("include_secrets = [\"{more}\"]");
        assert!(shown.contains("outside this included file's own folder") && shown.contains(&line), "{place}: {shown}");
        // The line that it names is the one that helps.
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, format!("{line}\n{text}")).unwrap();
        assert_eq!(warnings(&path), "", "{place}");
    }
    // A glob, which is not one over folders.
    for (glob, fine) in [("env:TRUNK_*", true), ("env:OTHER_*", false), ("TRUNK_*", false), ("*", true)] {
        let (_folder, path) = included(&format!("include_secrets = [\"{glob}\"]"), r#"{ env = "TRUNK_1" }"#);
        assert_eq!(config::load(&path).unwrap().warnings.is_empty(), fine, "{glob}");
    }
    let (_folder, path) = included("include_secrets = [\"/etc/*\"]", r#"{ file = "/etc/ssl/private/key" }"#);
    assert!(!config::load(&path).unwrap().warnings.is_empty());
}

#[test]
fn what_is_told_of_a_refused_file_holds_none_of_its_lines() {
    let rejected = config::load(Path::new("tests/invalid/secret_in_proxy.toml")).unwrap_err();
    let summary = rejected.summary();
    assert!(summary.contains("secret_in_proxy.toml:3:") && summary.contains("`proxy`"), "{summary}");
    for part in ["hunter2", "hun/", "user:", "proxy.example", "X-Key", "hooks.example", "^", " | "] {
        assert!(!summary.contains(part), "{part}: {summary}");
    }
    let many =
        config::parse_str("many.toml", &(0..50).map(|n| format!("unknown_{n} = 1\n")).collect::<String>()).unwrap_err();
    assert!(many.summary().lines().count() == 21 && many.summary().ends_with("with their lines"), "{}", many.summary());
}

#[test]
fn a_proxy_an_address_and_a_header_may_be_secrets() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        std::fs::write(folder.path().join(name), text).unwrap();
        format!("{{ file = \"{}\" }}", folder.path().join(name).display())
    };
    let proxy = file("proxy", "http://user:p@ss@proxy.example:3128\n");
    let url = file("url", "https://hooks.example/T000/secret?x=1\n");
    let text = TENANT
        .replace("[tenants.acme]", &format!("[tenants.acme]\nproxy = {proxy}\nheaders = {{ \"X-Key\" = {url} }}"));
    let config = read(&format!("{text}\n[[webhooks]]\nurl = {url}\nproxy = {proxy}\nevents = [\"*\"]\n"));
    let tenant = &config.tenants["acme"];
    let shown = tenant.proxy.as_ref().unwrap().resolve_url().unwrap();
    assert_eq!(shown.expose_secret(), "http://user:p@ss@proxy.example:3128");
    assert_eq!(tenant.headers["X-Key"].resolve().unwrap().expose_secret(), "https://hooks.example/T000/secret?x=1");
    let sink = &config.webhooks[0].sink;
    assert_eq!(sink.url.resolve_url().unwrap().expose_secret(), "https://hooks.example/T000/secret?x=1");
    assert!(sink.name.starts_with("webhook-secret-"), "{}", sink.name);
    assert!(!format!("{config:?}").contains("T000"));
    // Where it is no URL, the message does not repeat it.
    file("url", "user:hunter2@hooks.example");
    let error = sink.url.resolve_url().unwrap_err().to_string();
    assert!(error.contains("/url") && !error.contains("hunter2"), "{error}");
}

#[test]
fn what_a_path_stands_for_has_a_print_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    for name in ["secret", "ca", "token"] {
        write(name, "old");
    }
    let at = |name: &str| folder.path().join(name).display().to_string();
    let text = TENANT
        .replace(
            "client_secret = { env = \"TRUNKWARDEN_TEST_NO_SUCH_VARIABLE\" }",
            &format!("client_secret = {{ file = \"{}\" }}", at("secret")),
        )
        .replace("[tenants.acme]", &format!("[tenants.acme]\nca_file = \"{}\"", at("ca")));
    let text = format!(
        "{text}\n[[webhooks]]\nurl = \"https://h.example\"\nevents = [\"*\"]\ntoken = {{ file = \"{}\" }}\n",
        at("token")
    );
    let config = read(&text);
    let files = config.read_files();
    for name in ["secret", "ca", "token"] {
        assert!(files.contains(&folder.path().join(name)), "{name}");
        let prints = || (config.tenants["acme"].print(), config.webhooks[0].sink.print([]));
        let before = prints();
        assert_eq!(prints(), before, "{name}");
        write(name, "new");
        let after = prints();
        assert_eq!((after.0 != before.0, after.1 != before.1), (name != "token", name == "token"), "{name}");
    }
}

mod places {
    use super::*;
    use rustix::fs::{CWD, FileType, Mode as Permission, mknodat};

    fn fifo(path: &Path) {
        mknodat(CWD, path, FileType::Fifo, Permission::RUSR | Permission::WUSR, 0).unwrap();
    }

    /// In a thread of its own: what waits for ever fails.
    fn within_moments<T: Send + 'static>(read: impl FnOnce() -> T + Send + 'static) -> T {
        let (sender, receiver) = std::sync::mpsc::channel();
        std::thread::spawn(move || sender.send(read()));
        receiver.recv_timeout(Duration::from_secs(20)).unwrap_or_else(|_| panic!("it waits"))
    }

    #[test]
    fn what_is_no_regular_file_is_refused_at_once_and_named() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fifo(&at("pipe.toml"));
        let pipe = at("pipe.toml");
        let said = within_moments(move || config::load(&pipe).unwrap_err().to_string());
        assert!(said.contains("pipe.toml: it is a FIFO, and a regular file is needed"), "{said}");

        std::fs::write(at("main.toml"), format!("include = [\"p*.toml\"]\n{TENANT}")).unwrap();
        let main = at("main.toml");
        let said = within_moments(move || config::load(&main).unwrap_err().to_string());
        assert!(said.contains("it is a FIFO") && said.contains("included here"), "{said}");

        for (place, is) in
            [(at("pipe.toml"), "a FIFO"), (folder.path().to_owned(), "a folder"), ("/dev/zero".into(), "a device")]
        {
            let secret = SecretRef::File(place.clone());
            let said = within_moments(move || secret.resolve().unwrap_err().to_string());
            assert!(said.contains(is) && said.contains(place.to_str().unwrap()), "{said}");
        }
    }

    #[test]
    fn a_state_directory_that_cannot_be_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, "").unwrap();
        let refused = |state_dir: &Path| {
            let text = with(&format!("[daemon]\nstate_dir = {state_dir:?}\n"));
            config::parse_str("test.toml", &text).err().map(|rejected| rejected.to_string()).unwrap_or_default()
        };
        for (state_dir, why) in [
            (file.clone(), "is no folder"),
            (file.join("below"), "is no folder"),
            ("/dev/null".into(), "is no folder"),
            ("/proc/self".into(), "belongs to the kernel"),
            ("/proc/self/state".into(), "belongs to the kernel"),
            (folder.path().join("x".repeat(107)), "is too long"),
        ] {
            let said = refused(&state_dir);
            assert!(said.contains("state_dir") && said.contains(why), "{}: {said}", state_dir.display());
        }
        for fine in [folder.path().to_owned(), folder.path().join("made/when/it/starts")] {
            assert_eq!(refused(&fine), "", "{}", fine.display());
        }
    }

    #[test]
    fn the_longest_state_directory_that_is_taken_has_a_socket_that_can_be_made() {
        let folder = tempfile::tempdir().unwrap();
        let at_most = 107 - "/control.sock".len();
        let state_dir = folder.path().join("x".repeat(at_most - folder.path().as_os_str().len() - 1));
        let text = with(&format!("[daemon]\nstate_dir = {state_dir:?}\n"));
        assert!(config::parse_str("test.toml", &text).is_ok());
        std::fs::create_dir(&state_dir).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let bound =
            runtime.block_on(async { trunkwarden::http::bind_control(&state_dir.join("control.sock")).map(drop) });
        assert!(bound.is_ok(), "{bound:?}");
    }
}

mod changes {
    use super::*;

    #[test]
    fn one_thing_that_changes_is_named_and_more_are_counted() {
        let text = with(&format!("[policies.gold]\n[policies.gold.health]\nfall = 4\n{}", channels(5)));
        let old = read(&text);
        let told = |new: &str| config::changes(&old, &read(new)).join("; ");
        assert_eq!(told(&text), "");
        assert_eq!(told(&text.replace("fall = 4", "fall = 5")), "policy gold changed");
        let (four, two) = (text.replace("id = \"ch-4\"", "id = \"ch-9\""), with(&channels(2)));
        assert_eq!(told(&four), "channel acme/ch-9 added; channel acme/ch-4 removed");
        assert_eq!(told(&two), "policy gold removed; 3 channels removed");
        let secret = text.replace("NO_SUCH_VARIABLE", "NO_SUCH_OTHER");
        assert_eq!(
            told(&format!("daemon.mode = \"enforce\"\n{secret}")),
            "mode observe to enforce; tenant acme changed"
        );
    }

    #[test]
    fn the_digest_is_of_every_files_name_and_text() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        let digest = || config::load(&folder.path().join("main.toml")).unwrap().config.digest;
        write("main.toml", &format!("include = [\"channels-*.toml\"]\n{TENANT}"));
        write("channels-1.toml", &channels(1));
        write("other.toml", "not = \"ours\"");
        let first = digest();
        write("other.toml", "not = \"ours either\"");
        write("channels-1.toml", &channels(1));
        assert_eq!(digest(), first, "nothing that is read changed");
        write("channels-1.toml", &format!("{}# a remark", channels(1)));
        let second = digest();
        std::fs::rename(folder.path().join("channels-1.toml"), folder.path().join("channels-2.toml")).unwrap();
        assert_eq!(BTreeSet::from([first, second, digest()]).len(), 3);
    }
}

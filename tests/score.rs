//! `trunkwarden score` as people type it, against the check values of the E-model; and the operators' page on scoring,
//! whose tables are what the code computes.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail by them")]

mod command {
    use serde_json::Value;
    use std::io::Write;
    use std::process::{Command, Output};

    fn score(arguments: &str) -> Output {
        Command::new(env!("CARGO_BIN_EXE_trunkwarden"))
            .arg("score")
            .args(arguments.split_whitespace())
            .output()
            .unwrap()
    }

    #[track_caller]
    fn json(arguments: &str) -> Value {
        let out = score(&format!("{arguments} --json"));
        let told = String::from_utf8(out.stderr).unwrap();
        assert_eq!((out.status.code(), told.as_str()), (Some(0), ""));
        serde_json::from_slice(&out.stdout).unwrap()
    }

    fn number(answer: &Value, key: &str) -> f64 {
        answer[key].as_f64().unwrap_or_else(|| panic!("{key} is no number in {answer}"))
    }

    #[track_caller]
    fn near(answer: &Value, key: &str, want: f64, tolerance: f64) {
        let got = number(answer, key);
        assert!((got - want).abs() <= tolerance, "{key} is {got}, not {want} within {tolerance}");
    }

    #[test]
    fn a_clean_call_has_the_recommendations_default_rating() {
        let answer = json("--mouth-to-ear-ms 0 --loss-pct 0 --codec PCMU --plc on");
        near(&answer, "ro", 94.7688, 5e-5);
        near(&answer, "is", 1.4136, 5e-5);
        near(&answer, "r_factor", 93.2062, 5e-5);
        near(&answer, "mos", 4.4094, 5e-5);
    }

    #[test]
    fn delay_costs_what_the_full_model_says() {
        for (delay, id, r) in [
            (100, 2.6915, 90.664),
            (150, 3.8161, 89.539),
            (200, 7.5505, 85.805),
            (300, 20.6889, 72.666),
            (400, 31.1084, 62.247),
        ] {
            let answer = json(&format!("--mouth-to-ear-ms {delay} --loss-pct 0 --codec PCMA"));
            near(&answer, "delay_ms", f64::from(delay), 1e-12);
            near(&answer, "id", id, 5e-5);
            near(&answer, "r_factor", r, 1e-3);
            // The same by network latency: 20 ms of buffer at the least, and a frame of 20 ms.
            let networked = json(&format!("--latency-ms {} --jitter-ms 0 --loss-pct 0 --codec PCMA", delay - 40));
            assert_eq!(networked["r_factor"], answer["r_factor"]);
        }
    }

    #[test]
    fn loss_costs_what_equation_7_29_says() {
        for (codec, loss, ie_eff, mos) in [
            ("PCMU --plc on", 1, 3.640, 4.328),
            ("PCMU --plc on", 5, 15.781, 3.923),
            ("PCMU --plc off", 1, 17.925, 3.834),
            ("PCMU", 1, 17.925, 3.834),
            ("G729", 2, 19.000, 3.788),
        ] {
            let answer = json(&format!("--mouth-to-ear-ms 0 --loss-pct {loss} --codec {codec}"));
            near(&answer, "ie_eff", ie_eff, 5e-4);
            near(&answer, "mos", mos, 5e-4);
            near(&answer, "effective_loss_pct", f64::from(loss), 1e-12);
        }
        let bursty = json("--mouth-to-ear-ms 0 --loss-pct 5 --codec PCMU --plc on --burst-r 2");
        near(&bursty, "ie_eff", 17.210, 5e-4);
    }

    #[test]
    fn wideband_is_rated_on_its_own_scale_and_compared_on_the_narrowband_one() {
        let answer = json("--mouth-to-ear-ms 0 --loss-pct 0 --codec G722");
        assert_eq!(answer["scale"], "wideband");
        // 129 - 13, and the little listener echo of a connection without delay; R 116 has MOS 4.3371.
        near(&answer, "r", 116.0, 0.25);
        near(&answer, "r_factor", number(&answer, "r") / 1.29, 1e-9);
        near(&answer, "mos", 4.3371, 0.01);
    }

    #[test]
    fn every_answer_is_the_sum_of_its_parts() {
        for codec in ["PCMU", "pcma", "G729", "G722", "Opus"] {
            let answer = json(&format!(
                "--latency-ms 120 --jitter-ms 15 --loss-pct 1 --codec {codec} --advantage 5 --burst-r 1.5"
            ));
            let part = |key| number(&answer, key);
            let r = part("ro") - part("is") - part("id") - part("ie_eff") + part("advantage");
            near(&answer, "r", r, 1e-9);
            near(
                &answer,
                "delay_ms",
                part("network_delay_ms") + part("buffer_delay_ms") + part("codec_delay_ms"),
                1e-9,
            );
            near(&answer, "buffer_delay_ms", 60.0, 1e-12);
            let lost = 1.0 + 0.99 * part("late_pct");
            near(&answer, "effective_loss_pct", lost, 1e-9);
            near(&answer, "score", part("r_factor").clamp(0.0, 100.0), 1e-12);
            assert_eq!(answer["codec"], codec.to_uppercase());
        }
    }

    #[test]
    fn half_of_a_round_trip_is_one_way() {
        let there_and_back = json("--latency-ms 240 --jitter-ms 15 --loss-pct 1 --round-trip");
        assert_eq!(there_and_back, json("--latency-ms 120 --jitter-ms 15 --loss-pct 1"));
    }

    #[test]
    fn in_words_it_says_where_the_points_went() {
        let out = score("--latency-ms 120 --jitter-ms 15 --loss-pct 1 --codec PCMU");
        let text = String::from_utf8(out.stdout).unwrap();
        for part in [
            "PCMU: score 66.1, R 66.14, MOS 3.411: many users dissatisfied",
            "200.0 ms from mouth to ear = 120.0 network + 60.0 de-jitter buffer + 20.0 codec",
            "1.12 % not played = 1.00 % lost, and 0.12 % of the rest too late",
            "94.77 Ro - 1.41 Is - 7.55 Id (delay) - 19.67 Ie,eff (codec and loss) + 0.00 A = 66.14",
        ] {
            assert!(text.contains(part), "{part} is not in\n{text}");
        }
    }

    const TENANT: &str = "[tenants.a]\nbase_url = \"https://api.example\"\n[tenants.a.auth]\nclient_id = \"c\"\nclient_secret = { env = \"NO_SUCH\" }\n";

    fn file(text: &str) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::with_suffix(".toml").unwrap();
        write!(file, "{TENANT}{text}").unwrap();
        file
    }

    #[test]
    fn a_policys_values_come_from_the_file() {
        let file = file(
            "[policies.far.quality]\nadvantage = 10\nburst_r = 2\none_way_share = 0.75\n\
             [policies.far.quality.codecs.AMR]\nie = 5\nbpl = 10\nframe_ms = 30\n\
             [policies.plain.quality]\nscorer = \"tiers\"\n",
        );
        let with = |arguments: &str| json(&format!("--config {} {arguments}", file.path().display()));
        let far = with("--policy far --latency-ms 200 --jitter-ms 0 --loss-pct 2 --codec amr --round-trip");
        for (key, want) in
            [("advantage", 10.0), ("burst_r", 2.0), ("network_delay_ms", 150.0), ("ie", 5.0), ("codec_delay_ms", 30.0)]
        {
            near(&far, key, want, 1e-12);
        }
        let typed = with("--policy far --latency-ms 200 --jitter-ms 0 --loss-pct 2 --burst-r 1 --advantage 0");
        near(&typed, "burst_r", 1.0, 1e-12);
        let plain = with("--policy plain --latency-ms 200 --jitter-ms 40 --loss-pct 2");
        assert_eq!((&plain["scorer"], number(&plain, "score")), (&"tiers".into(), 85.0));
        let default = with("--latency-ms 120 --jitter-ms 15 --loss-pct 1");
        assert_eq!(default, json("--latency-ms 120 --jitter-ms 15 --loss-pct 1"));
    }

    #[test]
    fn what_is_not_allowed_is_one_line_that_says_what_is() {
        let given = "--latency-ms 1 --jitter-ms 1 --loss-pct 1";
        let tiers = file("[policies.default.quality]\nscorer = \"tiers\"\n");
        let tiers = format!("--mouth-to-ear-ms 1 --loss-pct 1 --config {}", tiers.path().display());
        for (arguments, parts) in [
            ("", &["--loss-pct is missing", "--mouth-to-ear-ms"][..]),
            ("--latency-ms 1 --loss-pct 1", &["--jitter-ms is missing"]),
            ("--latency-ms -1 --jitter-ms 1 --loss-pct 1", &["--latency-ms", "from 0 to 60000"]),
            ("--latency-ms 60001 --jitter-ms 1 --loss-pct 1", &["--latency-ms", "from 0 to 60000"]),
            ("--latency-ms 1 --jitter-ms NaN --loss-pct 1", &["--jitter-ms", "from 0 to 60000"]),
            ("--latency-ms 1 --jitter-ms 1 --loss-pct 100.1", &["--loss-pct", "from 0 to 100"]),
            ("--latency-ms 1 --jitter-ms 1 --loss-pct 1%", &["--loss-pct", "from 0 to 100"]),
            ("--latency-ms inf --jitter-ms 1 --loss-pct 1", &["--latency-ms", "from 0 to 60000"]),
            (&format!("{given} --codec AMR"), &["AMR", "known: G722, G729, OPUS, PCMA, PCMU"]),
            (&format!("{given} --plc yes"), &["--plc", "on or off"]),
            (&format!("{given} --codec G729 --plc on"), &["G729", "PCMU and PCMA"]),
            (&format!("{given} --burst-r 0.9"), &["--burst-r", "from 1 to 8"]),
            (&format!("{given} --burst-r 9"), &["--burst-r", "from 1 to 8"]),
            (&format!("{given} --advantage -1"), &["--advantage", "from 0 to 20"]),
            (&format!("{given} --advantage 21"), &["--advantage", "from 0 to 20"]),
            (&format!("{given} --mouth-to-ear-ms 1"), &["--mouth-to-ear-ms", "--latency-ms"]),
            (&format!("{given} --policy gold"), &["--policy", "--config"]),
            (&format!("{given} --config config/trunkwarden.toml --policy gold"), &["gold", "default, premium"]),
            (&tiers, &["--mouth-to-ear-ms", "tiers"]),
        ] {
            let out = score(arguments);
            let told = String::from_utf8(out.stderr).unwrap();
            assert_eq!((out.status.code(), told.lines().count()), (Some(2), 1), "{arguments}: {told}");
            assert!(out.stdout.is_empty() && parts.iter().all(|part| told.contains(part)), "{arguments}: {told}");
        }
    }

    #[test]
    fn a_bad_configuration_is_78_in_its_own_words() {
        let out = score("--latency-ms 1 --jitter-ms 1 --loss-pct 1 --config tests/invalid/unknown_key.toml");
        assert_eq!(out.status.code(), Some(78));
        assert!(String::from_utf8(out.stderr).unwrap().contains("did you mean `fall`?"));
    }
}

mod page {
    use serde_json::Value;
    use trunkwarden::config;
    use trunkwarden::policy::score::emodel::{Line, mos};
    use trunkwarden::policy::score::playout::Playout;
    use trunkwarden::policy::score::{Conditions, Path, codec_values, predict, rate};
    use trunkwarden::policy::{CodecTable, CodecValues, QualityParams};

    const PAGE: &str = include_str!("../docs/scoring.md");

    /// Rows of cells as a Markdown table.
    fn table(head: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
        let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
        let head: Vec<String> = head.iter().map(|&cell| cell.to_owned()).collect();
        let rule = format!("|{}\n", "---|".repeat(head.len()));
        [line(&head), rule].into_iter().chain(rows.into_iter().map(|row| line(&row))).collect()
    }

    fn codec(name: &str) -> CodecValues {
        match name.split_once(" concealed") {
            None => codec_values(&CodecTable::default(), name).unwrap(),
            Some((name, _)) => {
                let mut table = CodecTable::default();
                table.0.entry(name.to_owned()).and_modify(|values| values.plc = true);
                codec_values(&table, name).unwrap()
            }
        }
    }

    fn delay() -> String {
        let (line, params, pcmu) = (Line::default(), QualityParams::default(), codec("PCMU"));
        table(
            &["Ta, ms", "Idd", "Id", "R", "MOS"],
            [0.0, 50.0, 100.0, 150.0, 200.0, 250.0, 300.0, 400.0, 600.0].map(|ta| {
                let p = rate(&params, &Path::mouth_to_ear(ta, 0.0), &pcmu);
                vec![
                    format!("{ta}"),
                    format!("{:.4}", line.idd(ta)),
                    format!("{:.4}", line.id(ta)),
                    format!("{:.2}", p.r_factor),
                    format!("{:.3}", p.mos),
                ]
            }),
        )
    }

    fn jitter() -> String {
        table(
            &["jitter, ms", "buffer, ms", "later than the buffer, %"],
            [0.0, 2.0, 5.0, 10.0, 15.0, 20.0, 30.0, 50.0, 80.0, 120.0].map(|jitter| {
                let playout = Playout::for_jitter(jitter);
                vec![format!("{jitter}"), format!("{:.0}", playout.buffer_ms), format!("{:.2}", playout.late_pct)]
            }),
        )
    }

    const COMPARED: [&str; 5] = ["PCMU", "PCMU concealed", "G729", "G722", "OPUS"];

    fn loss() -> String {
        let params = QualityParams::default();
        let head: Vec<&str> = ["loss, %"].into_iter().chain(COMPARED).collect();
        table(
            &head,
            [0.0, 0.5, 1.0, 2.0, 3.0, 5.0, 10.0, 20.0].map(|packet_loss_pct| {
                let conditions = Conditions { one_way_ms: 40.0, jitter_ms: 5.0, packet_loss_pct };
                let cell = |name: &&str| {
                    let p = predict(&params, &conditions, &codec(name));
                    format!("{:.1} ({:.2})", p.score, p.mos)
                };
                [format!("{packet_loss_pct}")].into_iter().chain(COMPARED.iter().map(cell)).collect()
            }),
        )
    }

    fn bursts() -> String {
        table(
            &["loss, %", "BurstR 1", "BurstR 1.5", "BurstR 2", "BurstR 4", "BurstR 8"],
            [1.0, 2.0, 5.0, 10.0].map(|loss| {
                let cell = |burst_r| {
                    let params = QualityParams { burst_r, ..QualityParams::default() };
                    format!(
                        "{:.3}",
                        rate(&params, &Path::mouth_to_ear(0.0, loss), &codec("PCMU concealed")).rating.ie_eff
                    )
                };
                [format!("{loss}")].into_iter().chain([1.0, 1.5, 2.0, 4.0, 8.0].map(cell)).collect()
            }),
        )
    }

    fn opinions() -> String {
        table(
            &["R", "MOS", "users (ITU-T G.109)"],
            [
                (93.2, "very satisfied"),
                (90.0, "very satisfied"),
                (80.0, "satisfied"),
                (70.0, "some dissatisfied"),
                (60.0, "many dissatisfied"),
                (50.0, "nearly all dissatisfied"),
                (40.0, "not recommended"),
            ]
            .map(|(r, users)| vec![format!("{r}"), format!("{:.3}", mos(r)), users.to_owned()]),
        )
    }

    fn codecs() -> String {
        table(
            &["codec", "Ie", "Bpl", "scale", "kbit/s", "frame and look-ahead, ms"],
            COMPARED.map(|name| {
                let v = codec(name);
                let scale = if v.wideband { "wideband" } else { "narrowband" };
                vec![
                    if name == "PCMU" {
                        "PCMU, PCMA".to_owned()
                    } else {
                        name.replace(" concealed", ", PCMA with `plc = true`")
                    },
                    format!("{}", v.ie),
                    format!("{}", v.bpl),
                    scale.to_owned(),
                    format!("{}", v.kbit_s),
                    format!("{}", v.frame_ms),
                ]
            }),
        )
    }

    fn keys() -> String {
        let schema = config::schema::schema();
        let quality = &schema["properties"]["policies"]["additionalProperties"]["properties"]["quality"]["properties"];
        let rows = quality.as_object().unwrap().iter().map(|(name, key)| {
            let default = match (&key["default"], name.as_str()) {
                (_, "tiers") => "see below".to_owned(),
                (Value::Null, _) => "none".to_owned(),
                (value, _) => format!("`{value}`"),
            };
            vec![format!("`{name}`"), default, key["description"].as_str().unwrap().to_owned()]
        });
        table(&["key", "default", "meaning"], rows)
    }

    #[test]
    fn every_table_is_what_the_code_computes() {
        let rendered = [
            ("opinions", opinions()),
            ("delay", delay()),
            ("jitter", jitter()),
            ("codecs", codecs()),
            ("loss", loss()),
            ("bursts", bursts()),
            ("keys", keys()),
        ];
        let mut wrong = String::new();
        for (name, table) in &rendered {
            let begin = format!("<!-- table: {name} -->\n");
            let shown = PAGE.split_once(&begin).and_then(|(_, rest)| rest.split_once("<!-- end -->"));
            if shown.map(|(shown, _)| shown) != Some(table) {
                wrong = format!("{wrong}{begin}{table}<!-- end -->\n\n");
            }
        }
        assert!(wrong.is_empty(), "docs/scoring.md should say:\n\n{wrong}");
        assert_eq!(PAGE.matches("<!-- table: ").count(), rendered.len());
    }
}

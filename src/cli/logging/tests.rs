//! Each line bears the spans that it is in, in both formats, whatever else runs meanwhile.

use super::*;
use crate::journal::Operation;
use crate::sync::lock;
use serde_json::Value;
use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use tracing::Instrument;
use uuid::Uuid;

#[derive(Clone, Default)]
struct Memory(Arc<Mutex<Vec<u8>>>);

impl Write for Memory {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        lock(&self.0).write(line)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

async fn bridge(call: &'static str) {
    tracing::warn!(call, "begun");
    tokio::task::yield_now().await;
    tracing::warn!(call, "over");
}

/// The lines of two operations that go on at the same time, and of one event outside of them.
async fn lines(format: LogFormat) -> Vec<String> {
    let memory = Memory::default();
    let out = memory.clone();
    let logging = subscriber(format, false, EnvFilter::new("warn"), move || out.clone()).set_default();
    let operation = |id: u128, call: &str| Operation {
        op: None,
        id: Uuid::from_u128(id),
        kind: "bridge".to_owned(),
        tenant: "acme".to_owned(),
        subject: call.to_owned(),
        key: None,
        actor: "operator:uid:0".to_owned(),
        request: Value::Null,
    };
    let (first, second) = (operation(1, "call-1").span(), operation(2, "call-2").span());
    tokio::join!(bridge("call-1").instrument(first), bridge("call-2").instrument(second));
    tracing::warn!("outside");
    drop(logging);
    let text = String::from_utf8(lock(&memory.0).clone()).unwrap();
    text.lines().map(str::to_owned).collect()
}

#[tokio::test]
async fn each_line_bears_the_operation_that_it_is_about() {
    let text = lines(LogFormat::Text).await;
    assert_eq!(text.len(), 5, "{text:?}");
    for (call, n) in [("call-1", 1), ("call-2", 2)] {
        let id = Uuid::from_u128(n);
        let span = format!(r#"operation{{id={id} kind="bridge" tenant="acme" subject="{call}"}}"#);
        let mine: Vec<_> = text.iter().filter(|line| line.contains(&format!("call=\"{call}\""))).collect();
        assert!(mine.len() == 2 && mine.iter().all(|line| line.contains(&span)), "{span}: {text:?}");
    }
    assert!(!text.last().unwrap().contains("operation"), "{text:?}");
}

#[tokio::test]
async fn each_line_of_json_bears_it_once() {
    let lines = lines(LogFormat::Json).await;
    let read: Vec<Value> = lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    for (call, n) in [("call-1", 1), ("call-2", 2)] {
        let mine: Vec<_> = read.iter().filter(|line| line["call"] == call).collect();
        assert_eq!(mine.len(), 2, "{lines:?}");
        for line in mine {
            let spans = line["spans"].as_array().unwrap();
            assert_eq!((spans.len(), &spans[0]["name"]), (1, &Value::from("operation")), "{line}");
            assert_eq!(spans[0]["id"], Uuid::from_u128(n).to_string(), "{line}");
            assert!(line.get("span").is_none() && line.get("tenant").is_none(), "{line}");
        }
    }
    assert_eq!(read.last().unwrap()["message"], "outside");
}

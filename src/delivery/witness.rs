//! The witness: a sink to which our checkpoints were delivered, read back once at a start. The log on this machine's disk
//! is checked against the checkpoints that it holds.
//!
//! An HTTP sink is asked by GET on its address, with its own credentials; a file is read from its end. Whatever form an answer
//! has, a checkpoint in it is found: a note by itself, or the text of any field of JSON, as a whole or line by line. Must
//! never believe one: whose signature it bears is the journal's to judge.

use super::http::HttpPost;
use super::target::headers;
use crate::config::Config;
use crate::config::sink::{FileSink, HttpSink};
use crate::journal::note::Checkpoint;
use secrecy::ExposeSecret;
use serde_json::Value;
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Bytes of an answer, or of a file's end, that are read.
const MOST: u64 = 16 * 1024 * 1024;

/// Checkpoints that are handed on: the greatest.
const KEPT: usize = 16;

/// What the witness of `config` holds; `None`: none is configured.
///
/// # Errors
/// Why nothing was learnt, in a sentence without secrets.
pub async fn witnessed(config: &Config) -> Option<Result<Vec<Checkpoint>, String>> {
    let name = config.audit.proof.witness.as_ref()?;
    let exports = config.audit.exports.iter().map(|export| &export.sink);
    let hooks = config.webhooks.iter().map(|hook| &hook.sink);
    let read = if let Some(sink) = exports.chain(hooks).find(|sink| sink.name == *name) {
        ask(sink).await
    } else if let Some(file) = config.audit.files.iter().find(|file| file.name == *name) {
        let (file, state_dir) = (file.clone(), config.daemon.state_dir.clone());
        let read = tokio::task::spawn_blocking(move || look(&file, &state_dir));
        read.await.unwrap_or_else(|error| Err(error.to_string()))
    } else {
        Err("no such sink is configured".to_owned())
    };
    let told = read.and_then(|text| match checkpoints(&text) {
        held if held.is_empty() => Err("it holds no checkpoint".to_owned()),
        held => Ok(held),
    });
    Some(told.map_err(|why| format!("the witness `{name}` says nothing about the log: {why}")))
}

async fn ask(sink: &HttpSink) -> Result<String, String> {
    let key = sink.credentials.client.as_ref().map(|(_, key)| key.resolve()).transpose();
    let post = HttpPost::new(sink, key.map_err(|error| error.to_string())?.as_ref())?;
    let url = sink.url.resolve_url().map_err(|error| format!("`url`: {error}"))?;
    let (status, body) = post.get(url.expose_secret(), headers(&sink.credentials)?, sink.timeout, MOST).await?;
    if !status.is_success() {
        return Err(format!("it answered {} to a GET", status.as_u16()));
    }
    Ok(String::from_utf8_lossy(&body).into_owned())
}

/// The end of the file, or of the one that it was renamed to.
fn look(sink: &FileSink, state_dir: &Path) -> Result<String, String> {
    let device = |path: &Path| std::fs::metadata(path).map(|there| there.dev()).ok();
    if device(&sink.path).is_some_and(|there| device(state_dir) == Some(there)) {
        tracing::warn!(
            path = %sink.path.display(),
            "the witness is on the file system of `state_dir`: whoever can write one can write both"
        );
    }
    let mut renamed = sink.path.clone().into_os_string();
    renamed.push(".1");
    let older = end_of(&PathBuf::from(renamed)).unwrap_or_default();
    let newer = end_of(&sink.path).map_err(|error| format!("cannot read {}: {error}", sink.path.display()))?;
    Ok(older + "\n" + &newer)
}

fn end_of(path: &Path) -> std::io::Result<String> {
    let mut file = crate::config::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(MOST)))?;
    let mut bytes = Vec::new();
    file.take(MOST).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The greatest checkpoints in a text.
fn checkpoints(text: &str) -> Vec<Checkpoint> {
    let mut found = Vec::new();
    if let Ok(checkpoint) = Checkpoint::parse(text) {
        found.push(checkpoint);
    } else if let Ok(value) = serde_json::from_str::<Value>(text) {
        within(&value, &mut found);
    } else {
        for value in text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()) {
            within(&value, &mut found);
        }
    }
    found.sort_by_key(|checkpoint| std::cmp::Reverse(checkpoint.size));
    found.truncate(KEPT);
    found
}

fn within(value: &Value, found: &mut Vec<Checkpoint>) {
    match value {
        Value::String(text) => found.extend(Checkpoint::parse(text).ok()),
        Value::Array(items) => items.iter().for_each(|item| within(item, found)),
        Value::Object(fields) => fields.values().for_each(|field| within(field, found)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use crate::journal::Signer;
    use serde_json::json;

    #[test]
    fn checkpoints_are_found_in_whatever_form_they_come() {
        let signer = Signer::new("log.example/audit", &[7; 32]).unwrap();
        let note = |size| signer.checkpoint(size, &[9; 32]);
        let entry = |size| json!({ "event_type": "journal.checkpoint", "details": { "note": note(size) } });
        let lines = format!("{}\n{{\"torn\": \n{}\n", entry(5), entry(7));
        for (text, sizes) in [
            (note(3), vec![3]),
            (entry(4).to_string(), vec![4]),
            (json!([entry(1), { "data": entry(2) }]).to_string(), vec![2, 1]),
            (json!({ "entries": [entry(6)], "next": null }).to_string(), vec![6]),
            (lines, vec![7, 5]),
            ("<html>not found</html>".to_owned(), vec![]),
            (String::new(), vec![]),
        ] {
            let found: Vec<u64> = checkpoints(&text).iter().map(|checkpoint| checkpoint.size).collect();
            assert_eq!(found, sizes, "{text}");
        }
    }
}

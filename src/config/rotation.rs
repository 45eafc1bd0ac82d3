//! What the places that a configuration names hold: a path stands for other bytes tomorrow, be it written anew, renamed over,
//! or a link into a folder that is swapped, as Kubernetes does it.
//!
//! Must never: keep a secret or show one; a print is a digest.

use super::model::{Config, Tenant};
use super::secrets::{SecretRef, Setting};
use super::sink::HttpSink;
use secrecy::ExposeSecret;
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::io::Read;
use std::path::{Path, PathBuf};

/// What of a certificates' file is looked at, in bytes: more than any that is taken.
const LARGEST: u64 = 8 << 20;

/// A digest of what was in some places when they were read. Two that are alike: nothing was rotated in between.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Print([u8; 32]);

impl Tenant {
    /// Of its secrets and its certificate authorities, as they are now. Blocks while it reads.
    pub fn print(&self) -> Print {
        let settings = self.proxy.iter().chain(self.headers.values()).filter_map(Setting::secret);
        print(settings.chain([&self.auth.client_secret]), self.ca_file.iter())
    }
}

impl HttpSink {
    /// Of its secrets and its certificates, as they are now, and of these secrets. Blocks while it reads.
    pub fn print<'s>(&'s self, more: impl IntoIterator<Item = &'s SecretRef>) -> Print {
        print(self.secrets().chain(more), self.certificates())
    }

    fn secrets(&self) -> impl Iterator<Item = &SecretRef> {
        let own = &self.credentials;
        let settings = [&self.url].into_iter().chain(&self.proxy).chain(own.headers.iter().map(|(_, value)| value));
        let password = own.basic.iter().map(|(_, password)| password);
        let key = own.client.iter().map(|(_, key)| key);
        settings.filter_map(Setting::secret).chain(&own.token).chain(password).chain(key)
    }

    fn certificates(&self) -> impl Iterator<Item = &PathBuf> {
        self.ca_file.iter().chain(self.credentials.client.iter().map(|(certificate, _)| certificate))
    }
}

impl Config {
    /// Every file that is read for a secret or a certificate, and those of the configuration itself.
    pub fn read_files(&self) -> BTreeSet<PathBuf> {
        let tenants = self.tenants.values().flat_map(|tenant| {
            let settings = tenant.proxy.iter().chain(tenant.headers.values()).filter_map(Setting::secret);
            let secrets = settings.chain([&tenant.auth.client_secret]).filter_map(file_of);
            secrets.chain(tenant.ca_file.clone())
        });
        let sinks = self.audit.exports.iter().map(|export| &export.sink).chain(self.webhooks.iter().map(|w| &w.sink));
        let sinks = sinks.flat_map(|s| s.secrets().filter_map(file_of).chain(s.certificates().cloned()));
        let signing = self.webhooks.iter().flat_map(|webhook| webhook.secrets.iter().filter_map(file_of));
        let operator = self.daemon.operator_token.iter().filter_map(file_of);
        tenants.chain(sinks).chain(signing).chain(operator).chain(self.files.iter().cloned()).collect()
    }
}

fn file_of(secret: &SecretRef) -> Option<PathBuf> {
    match secret {
        SecretRef::File(path) => Some(path.clone()),
        SecretRef::Credential(name) => {
            std::env::var_os("CREDENTIALS_DIRECTORY").map(|folder| Path::new(&folder).join(name))
        }
        SecretRef::Env(_) => None,
    }
}

fn print<'s>(secrets: impl Iterator<Item = &'s SecretRef>, files: impl Iterator<Item = &'s PathBuf>) -> Print {
    let mut all = Sha256::new();
    let mut add = |bytes: &[u8]| {
        all.update((bytes.len() as u64).to_be_bytes());
        all.update(bytes);
    };
    for secret in secrets {
        match secret.resolve() {
            Ok(secret) => add(secret.expose_secret().as_bytes()),
            Err(error) => add(error.to_string().as_bytes()),
        }
    }
    for file in files {
        let mut bytes = Vec::new();
        match super::file::open(file).and_then(|file| file.take(LARGEST).read_to_end(&mut bytes)) {
            Ok(_) => add(&bytes),
            Err(error) => add(error.to_string().as_bytes()),
        }
    }
    Print(all.finalize().into())
}

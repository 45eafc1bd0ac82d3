//! A wire to the platform that a test can hold: a PATCH that is sent over it waits there.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// What becomes of PATCHes.
#[derive(Clone, Copy, PartialEq)]
enum Patches {
    Wait,
    Pass,
    /// Those that waited are lost; others pass.
    Lost,
}

pub struct Line {
    pub url: String,
    patches: watch::Sender<Patches>,
    waiting: Arc<AtomicBool>,
}

impl Line {
    /// A wire to `url`, which holds PATCHes back at first.
    pub async fn to(url: &str) -> Self {
        let platform = url.trim_start_matches("http://").to_owned();
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (patches, held) = watch::channel(Patches::Wait);
        let waiting = Arc::new(AtomicBool::new(false));
        let line = Self { url, patches, waiting: Arc::clone(&waiting) };
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let Ok(server) = TcpStream::connect(&platform).await else { return };
                let (client, server) = (client.into_split(), server.into_split());
                tokio::spawn(copy(client.0, server.1, Some((held.clone(), Arc::clone(&waiting)))));
                tokio::spawn(copy(server.0, client.1, None));
            }
        });
        line
    }

    /// Whether a PATCH waits.
    pub fn is_waiting(&self) -> bool {
        self.waiting.load(Ordering::SeqCst)
    }

    /// Lets pass what waits, and whatever comes.
    pub fn release(&self) {
        self.patches.send_replace(Patches::Pass);
    }

    /// What waits never arrives; whatever comes passes.
    pub fn lose(&self) {
        self.patches.send_replace(Patches::Lost);
    }
}

async fn copy(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut held: Option<(watch::Receiver<Patches>, Arc<AtomicBool>)>,
) {
    let mut buffer = vec![0; 65_536];
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        let Some(bytes) = buffer.get(..read) else { return };
        if let Some((patches, waiting)) = &mut held
            && bytes.starts_with(b"PATCH ")
            && *patches.borrow() == Patches::Wait
        {
            waiting.store(true, Ordering::SeqCst);
            let decided = patches.wait_for(|patches| *patches != Patches::Wait).await.map(|patches| *patches);
            if decided.is_ok_and(|patches| patches == Patches::Lost) {
                return;
            }
        }
        if to.write_all(bytes).await.is_err() {
            return;
        }
    }
}

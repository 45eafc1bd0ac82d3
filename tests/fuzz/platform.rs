//! The platform's answers, through the client that reads them, and what is made of them.

use crate::bench::{Feed, Made, Target};
use crate::mutate::Form;
use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use secrecy::SecretString;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::runtime::Runtime;
use trunkwarden::clock::Clock;
use trunkwarden::config::Paths;
use trunkwarden::platform::{
    CallControl, Class, Client, ClientSettings, Platform, Request, Response, TelemetryQuery, Transport, TransportError,
};
use trunkwarden::policy::{ChannelId, WallMs};

const TOKEN: &[u8] = br#"{"access_token": "t", "token_type": "Bearer", "expires_in": 1800}"#;
const CALL: &str = "12345678-1234-1234-1234-123456789012";
/// A client keeps books of the last minute: another one now and then keeps them short.
const INPUTS_OF_A_CLIENT: u32 = 2_000;

pub fn targets() -> Vec<Target> {
    let target = |name, open| Target { name, form: Form::Json, cost: 1, open };
    let each_with_a_client = |name, open| Target { cost: 10, ..target(name, open) };
    vec![
        target("channel", || feed(false, channel)),
        target("list", || feed(false, list)),
        target("telemetry", || feed(false, telemetry)),
        each_with_a_client("token", || feed(true, token)),
        target("call", || feed(false, call)),
        target("calls", || feed(false, calls)),
    ]
}

/// A platform that gives the same answer to everything but, unless it is what is tried, the token.
struct Same {
    body: Mutex<Bytes>,
    for_tokens: bool,
}

#[async_trait::async_trait]
impl Transport for Same {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        let is_token = request.url.ends_with("/token");
        let body =
            if is_token && !self.for_tokens { Bytes::from_static(TOKEN) } else { self.body.lock().unwrap().clone() };
        let json = HeaderValue::from_static("application/json");
        Ok(Response { status: StatusCode::OK, headers: HeaderMap::from_iter([(header::CONTENT_TYPE, json)]), body })
    }
}

struct Line {
    runtime: Runtime,
    platform: Arc<Same>,
    client: Client,
    left: u32,
}

impl Line {
    fn new(for_tokens: bool) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        let platform = Arc::new(Same { body: Mutex::default(), for_tokens });
        let client = client(&runtime, &platform);
        Self { runtime, platform, client, left: INPUTS_OF_A_CLIENT }
    }

    /// A client that remembers nothing.
    fn renew(&mut self) {
        (self.client, self.left) = (client(&self.runtime, &self.platform), INPUTS_OF_A_CLIENT);
    }
}

fn client(runtime: &Runtime, platform: &Arc<Same>) -> Client {
    let platform = Arc::clone(platform) as Arc<dyn Transport>;
    runtime.block_on(async {
        let clock = Clock::virtual_from(WallMs(1_795_251_600_000));
        Client::new(settings(), platform, clock, Arc::new(|_| {}))
    })
}

fn feed(for_tokens: bool, read: fn(&Line) -> Made) -> Feed {
    let mut line = Line::new(for_tokens);
    Box::new(move |input| {
        line.left -= 1;
        // A refused token is believed for a while: each needs a client that has none.
        if line.left == 0 || for_tokens {
            line.renew();
        }
        *line.platform.body.lock().unwrap() = Bytes::copy_from_slice(input);
        read(&line)
    })
}

fn settings() -> ClientSettings {
    let text = |text: &str| text.to_owned();
    ClientSettings {
        tenant: "acme".into(),
        base_url: text("https://api.example"),
        paths: Paths {
            channels: text("/api/v2/channels"),
            channel: text("/api/v2/channels/{id}"),
            telemetry: text("/api/v2/telemetry/metrics"),
            bridge: text("/api/v2/cti/calls/{call}/bridge"),
            call: Some(text("/api/v2/cti/calls/{call}")),
            calls: Some(text("/api/v2/cti/calls?channel={id}")),
        },
        client_id: text("cid"),
        client_secret: SecretString::from("secret"),
        secret_from: None,
        token_url: text("https://auth.example/token"),
        scopes: vec![text("channel:read")],
        bridge_scopes: Some(vec![text("cti:calls:read")]),
        headers: std::collections::BTreeMap::new(),
        requests_per_minute: 6_000,
        recent: Some(Vec::new()).into(),
        seed: 7,
    }
}

const TIMEOUT: Duration = Duration::from_secs(10);

fn channel(line: &Line) -> Made {
    let id = ChannelId::from("ch-0001");
    let Ok(answer) = line.runtime.block_on(line.client.channel(&id, Class::Poll, TIMEOUT)) else {
        return Made::default();
    };
    assert_eq!(*answer.value.id(), id, "the answer is of the channel that was asked for");
    let view = answer.value.view();
    let texts =
        [view.status.as_deref(), view.dtmf_mode.as_deref(), view.rtp_payload_type.as_deref(), answer.value.name()];
    for text in texts.into_iter().flatten() {
        clean(text, 256);
    }
    view.primary.iter().chain(view.failover.iter().flatten()).for_each(|id| clean(id.as_str(), 256));
    Made { accepted: true, planted: view.codecs.is_some_and(|codecs| codecs.len() > 40) }
}

fn list(line: &Line) -> Made {
    let Ok(answer) = line.runtime.block_on(line.client.channels(None, Class::Poll, TIMEOUT)) else {
        return Made::default();
    };
    for channel in &answer.value.channels {
        clean(channel.id().as_str(), 256);
        let _ = channel.view();
    }
    let page = &answer.value;
    Made { accepted: true, planted: page.channels.len() > 40 && page.next.is_some() }
}

fn telemetry(line: &Line) -> Made {
    let now = WallMs(1_795_251_600_000);
    let query = TelemetryQuery {
        channels: vec!["ch-0001".into(), "ch-0002".into()],
        bucket: Duration::from_mins(1),
        from: now.back(Duration::from_mins(5)),
        to: now,
    };
    let Ok(answer) = line.runtime.block_on(line.client.telemetry(&query, TIMEOUT)) else { return Made::default() };
    let missing = |(whose, sample): &(Option<ChannelId>, trunkwarden::policy::Sample)| {
        whose.is_none() && sample.jitter_ms.is_none()
    };
    Made { accepted: true, planted: answer.value.items.iter().any(missing) }
}

fn token(line: &Line) -> Made {
    let granted = line.runtime.block_on(line.client.authorise(TIMEOUT));
    Made { accepted: granted.is_ok(), planted: granted.is_ok_and(|scopes| scopes.is_some_and(|s| s.is_empty())) }
}

fn control(line: &Line) -> Arc<dyn CallControl> {
    line.client.call_control().unwrap()
}

fn call(line: &Line) -> Made {
    let Ok(answer) = line.runtime.block_on(control(line).call(CALL, Class::Poll, TIMEOUT)) else {
        return Made::default();
    };
    let call = answer.value;
    Made { accepted: true, planted: call.legs.is_some_and(|legs| legs.is_empty()) }
}

fn calls(line: &Line) -> Made {
    let id = ChannelId::from("ch-0001");
    let page = line.runtime.block_on(control(line).calls(&id, None, TIMEOUT));
    Made {
        accepted: page.is_ok(),
        planted: page.is_ok_and(|page| page.value.malformed > 0 && page.value.calls.is_empty()),
    }
}

/// A text of the platform's that is judged, shown or stored: bounded, and of one line.
fn clean(text: &str, most: usize) {
    assert!(text.chars().count() <= most, "a text of {} characters came through", text.chars().count());
    assert!(!text.chars().any(char::is_control), "a control character came through: {text:?}");
}

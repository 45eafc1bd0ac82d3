//! A model, the time, and a client that asks as the contract says.

use axum::http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde_json::Value;
use std::time::Duration;
use trunkwarden::platform::{Request, Response};
use trunkwarden::policy::WallMs;
use trunkwarden::sim::{Answer, Model, Scenario};

/// 2026-11-21T09:00:00Z, at the start.
pub const START: i64 = 1_795_251_600_000;
pub const ALL_SCOPES: &str = "channel:read channel:write telemetry:read analytics:read cti:bridge:write";

pub struct World {
    pub model: Model,
    pub now: Duration,
    pub token: String,
}

pub fn secs(s: u64) -> Duration {
    Duration::from_secs(s)
}

impl World {
    pub fn new(scenario: Scenario) -> Self {
        let mut world = Self { model: Model::new(scenario), now: Duration::ZERO, token: String::new() };
        world.login(ALL_SCOPES);
        world
    }

    pub fn quiet() -> Self {
        Self::new(unlimited(Scenario::quiet(7, 4)))
    }

    pub fn login(&mut self, scopes: &str) {
        let form = format!("grant_type=client_credentials&client_id=cid&client_secret=secret&scope={scopes}");
        let response = self.raw(
            "POST",
            "/api/v2/oauth/token",
            &[("accept", "application/json"), ("content-type", "application/x-www-form-urlencoded")],
            form.replace(' ', "+").as_bytes(),
        );
        let body = json(&response);
        self.token = body["access_token"].as_str().unwrap().into();
    }

    pub fn wall(&self) -> WallMs {
        WallMs(START + i64::try_from(self.now.as_millis()).unwrap())
    }

    pub fn reply(&mut self, method: &str, url: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let wall = self.wall();
        self.model.handle(self.now, wall, &request(method, url, headers, body)).answer
    }

    pub fn raw(&mut self, method: &str, url: &str, headers: &[(&str, &str)], body: &[u8]) -> Response {
        match self.reply(method, url, headers, body) {
            Answer::Response(response) => response,
            other => panic!("no answer: {other:?}"),
        }
    }

    pub fn get(&mut self, url: &str) -> Response {
        let bearer = format!("Bearer {}", self.token);
        self.raw("GET", url, &[("accept", "application/json"), ("authorization", &bearer)], b"")
    }

    pub fn send(&mut self, method: &str, url: &str, body: &Value) -> Response {
        self.send_with(method, url, body, &[])
    }

    pub fn send_with(&mut self, method: &str, url: &str, body: &Value, more: &[(&str, &str)]) -> Response {
        let bearer = format!("Bearer {}", self.token);
        let mut headers = vec![
            ("accept", "application/json"),
            ("authorization", bearer.as_str()),
            ("content-type", "application/json"),
        ];
        headers.extend_from_slice(more);
        self.raw(method, url, &headers, body.to_string().as_bytes())
    }

    pub fn patch(&mut self, id: &str, body: &Value) -> Response {
        self.send("PATCH", &format!("/api/v2/channels/{id}"), body)
    }

    pub fn channel(&mut self, id: &str) -> Value {
        json(&self.get(&format!("/api/v2/channels/{id}")))
    }
}

pub fn unlimited(mut scenario: Scenario) -> Scenario {
    scenario.options.requests_per_minute = 0;
    scenario
}

pub fn request(method: &str, url: &str, headers: &[(&str, &str)], body: &[u8]) -> Request {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.insert(HeaderName::try_from(*name).unwrap(), HeaderValue::from_str(value).unwrap());
    }
    Request {
        method: Method::from_bytes(method.as_bytes()).unwrap(),
        url: format!("http://platform.example{url}"),
        headers: map,
        body: Some(body.to_vec().into()),
        timeout: secs(10),
    }
}

pub fn json(response: &Response) -> Value {
    serde_json::from_slice(&response.body).unwrap()
}

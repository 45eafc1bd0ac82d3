//! TLS both ways: a sink with an authority of its own that asks for our certificate.

use super::server::Authority;
use super::world::{World, until};

#[tokio::test]
async fn a_sink_that_asks_for_our_certificate_gets_it() {
    let authority = Authority::new();
    let address = authority.serve(true).await;
    let world = World::idle();
    let (certificate, key) = authority.leaf("trunkwarden");
    let ca = world.secret("ca.pem", &authority.pem);
    let cert = world.secret("cert.pem", &certificate.pem());
    let key = world.secret("key.pem", &key.serialize_pem());
    let sink = |name: &str, more: &str| {
        format!("[[audit.export]]\nname = \"{name}\"\nurl = \"https://{address}/\"\nbulk = false\n{more}\n")
    };
    let trusting = format!("ca_file = \"{}\"", ca.display());
    let shown = format!("client_cert = \"{}\"\nclient_key = {{ file = \"{}\" }}", cert.display(), key.display());
    world
        .configure(
            &[
                sink("both", &format!("{trusting}\n{shown}")),
                sink("without-certificate", &trusting),
                sink("without-authority", &shown),
            ]
            .concat(),
        )
        .await;
    world.write_many(2).await;
    world.drained("both").await;
    until("the others were refused", || {
        ["without-certificate", "without-authority"].iter().all(|s| world.state(s).error.is_some())
    })
    .await;
    assert_eq!((world.state("without-certificate").pending, world.state("without-authority").pending), (2, 2));
}

//! TLS both ways: a sink with an authority of its own that asks for our certificate.

use super::world::{World, until};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::server::WebPkiClientVerifier;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

struct Authority {
    pem: String,
    der: Vec<u8>,
    issuer: Issuer<'static, KeyPair>,
}

fn authority() -> Authority {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let certificate = params.self_signed(&key).unwrap();
    Authority { pem: certificate.pem(), der: certificate.der().to_vec(), issuer: Issuer::new(params, key) }
}

fn leaf(authority: &Authority, name: &str) -> (rcgen::Certificate, KeyPair) {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    (params.signed_by(&key, &authority.issuer).unwrap(), key)
}

/// A server that answers 200 to whoever shows a certificate of `authority`, and nothing to anybody else.
async fn serve(authority: &Authority) -> SocketAddr {
    let (certificate, key) = leaf(authority, "127.0.0.1");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut roots = rustls::RootCertStore::empty();
    roots.add(authority.der.clone().into()).unwrap();
    let clients = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider)).build().unwrap();
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(clients)
        .with_single_cert(vec![certificate.der().clone()], key.serialize_der().try_into().unwrap())
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(mut stream) = acceptor.accept(stream).await else { return };
                let mut request = vec![0; 65536];
                let _ = stream.read(&mut request).await;
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").await;
                let _ = stream.shutdown().await;
            });
        }
    });
    address
}

#[tokio::test]
async fn a_sink_that_asks_for_our_certificate_gets_it() {
    let authority = authority();
    let address = serve(&authority).await;
    let world = World::idle();
    let (certificate, key) = leaf(&authority, "trunkwarden");
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

//! Addresses, and how long a node is waited for.

use super::*;

#[test]
fn only_the_address_of_a_node_is_one() {
    let out = Output { json: false, quiet: false };
    for url in ["", "node", "ftp://node", "http://node/path", "http://a:b@node", "http://node?x"] {
        let failure = Client::new(url, None, false, out).err().unwrap();
        assert_eq!((&*failure.code, failure.exit), ("bad-url", Exit::Usage), "{url}");
    }
    let client = Client::new("https://node.example:8443/", None, false, out).ok().unwrap();
    assert_eq!(client.at().authority, "node.example:8443");
    // The default port is in no Host header.
    let client = Client::new("https://node.example:443", None, false, out).ok().unwrap();
    assert_eq!(client.at().authority, "node.example");
}

/// A server that answers with `bytes` bytes and then goes on for ever or closes, a byte at a time.
fn trickling(bytes: Option<usize>) -> String {
    use std::io::{Read as _, Write as _};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        assert!(stream.read(&mut [0; 4096]).unwrap() > 0);
        let length = bytes.unwrap_or(1_000_000);
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n");
        stream.write_all(head.as_bytes()).unwrap();
        for _ in 0..length {
            // The client has gone away: that is what is to happen.
            if stream.write_all(b" ").is_err() {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    });
    url
}

fn impatient(url: &str) -> Client {
    let out = Output { json: false, quiet: false };
    let mut client = Client::new(url, None, false, out).ok().unwrap();
    client.patience.answer = Duration::from_millis(200);
    client
}

#[tokio::test]
async fn an_ordinary_answer_that_trickles_in_is_not_waited_for_for_ever() {
    let who = Identity::generate("ada", secnet_types::MemberKind::Person).unwrap();
    for signed in [false, true] {
        let client = impatient(&trickling(None));
        let answered = match signed {
            true => client.look(&who, "/v1/inbox").await,
            false => client.open("/v1/network").await,
        };
        let failure = answered.unwrap_err();
        assert_eq!((&*failure.code, failure.exit), ("unreachable", Exit::Unreachable));
        assert!(failure.message.contains("in time"), "{}", failure.message);
    }
}

#[tokio::test]
async fn a_download_takes_as_long_as_it_takes_and_silence_ends_it() {
    const BYTES: usize = 30;
    let who = Identity::generate("ada", secnet_types::MemberKind::Person).unwrap();
    let client = impatient(&trickling(Some(BYTES)));
    let got = client.download(&who, "/v1/x", BYTES as u64).await.unwrap();
    assert_eq!(got.len(), BYTES);
    let mut client = impatient(&trickling(Some(BYTES)));
    client.patience.silence = Duration::from_millis(1);
    let failure = client.download(&who, "/v1/x", BYTES as u64).await.unwrap_err();
    assert_eq!(&*failure.code, "unreachable");
}

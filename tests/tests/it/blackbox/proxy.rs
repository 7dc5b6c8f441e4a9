//! A way to a PostgreSQL server that can be closed and opened: what a cut network or a restarting server is to the binary.

use std::io;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// Listens on a port of its own. Closed at first: whoever connects is turned away.
pub struct Proxy {
    url: String,
    way: Arc<Mutex<Way>>,
}

struct Way {
    is_open: bool,
    links: Vec<TcpStream>,
}

impl Proxy {
    /// A proxy to the server that this URL names.
    pub fn before(url: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("its address").port();
        let (server, url) = redirected(url, port);
        let way = Arc::new(Mutex::new(Way {
            is_open: false,
            links: Vec::new(),
        }));
        let shared = Arc::clone(&way);
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                admit(client, &server, &shared);
            }
        });
        Self { url, way }
    }

    /// The URL that goes through it.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Lets connections through from now on.
    pub fn open(&self) {
        self.way.lock().expect("the way").is_open = true;
    }

    /// Cuts every connection, and turns new ones away.
    pub fn close(&self) {
        let mut way = self.way.lock().expect("the way");
        way.is_open = false;
        for link in way.links.drain(..) {
            let _ = link.shutdown(Shutdown::Both);
        }
    }
}

/// The server's address, and the URL with the proxy's in its place.
fn redirected(url: &str, port: u16) -> (String, String) {
    let (scheme, rest) = url.split_once("://").expect("a URL");
    let (user, rest) = rest
        .rsplit_once('@')
        .map_or((String::new(), rest), |(user, rest)| (format!("{user}@"), rest));
    let (host, database) = rest.split_once('/').expect("a database");
    let server = if host.contains(':') {
        host.to_owned()
    } else {
        format!("{host}:5432")
    };
    (server, format!("{scheme}://{user}127.0.0.1:{port}/{database}"))
}

fn admit(client: TcpStream, server: &str, way: &Mutex<Way>) {
    let mut way = way.lock().expect("the way");
    if !way.is_open {
        return; // dropping the connection closes it
    }
    let server = TcpStream::connect(server).expect("the PostgreSQL server of TEST_POSTGRES_URL answers");
    copy(&client, &server);
    copy(&server, &client);
    way.links.extend([client, server]);
}

/// Carries bytes one way until either side has closed, on a thread of its own.
fn copy(from: &TcpStream, to: &TcpStream) {
    let (mut from, mut to) = (
        from.try_clone().expect("a socket"),
        to.try_clone().expect("a socket"),
    );
    thread::spawn(move || {
        let _ = io::copy(&mut from, &mut to);
        let _ = to.shutdown(Shutdown::Both);
        let _ = from.shutdown(Shutdown::Both);
    });
}

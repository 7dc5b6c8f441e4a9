//! What is no request, or none of ours, sent byte by byte: every answer is a problem document with a request id, and no error in the log.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use serde_json::Value;

use super::away::base_in_log;
use super::{Running, qiaojian, text};

/// Sends these bytes, and gives status, headers and body of the answer.
fn ask(address: &str, request: &[u8]) -> (u16, String, Value) {
    let mut link = TcpStream::connect(address).unwrap();
    // Who is answered early may find the link closed while it still sends.
    let _ = link.write_all(request);
    let mut bytes = Vec::new();
    let _ = link.read_to_end(&mut bytes);
    let answer = text(&bytes);
    let (head, body) = answer
        .split_once("\r\n\r\n")
        .unwrap_or_else(|| panic!("no answer: {answer}"));
    let status = head.get(9..12).unwrap().parse().unwrap();
    let body = serde_json::from_str(body).unwrap_or_else(|_| panic!("{answer}"));
    (status, head.to_ascii_lowercase(), body)
}

fn get(path: &str, headers: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: h\r\n{headers}Connection: close\r\n\r\n").into_bytes()
}

fn post(path: &str, headers: &str, body: &str) -> Vec<u8> {
    format!("POST {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n{headers}\r\n{body}").into_bytes()
}

fn requests() -> Vec<(&'static str, Vec<u8>, u16, &'static str)> {
    let headers: String = (0..100).map(|number| format!("X-{number}: 1\r\n")).collect();
    let both = "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n";
    vec![
        (
            "raw Chinese",
            get("/v1/areas?q=侨", ""),
            400,
            "unreadable_request",
        ),
        (
            "a long address",
            get(&format!("/{}", "a".repeat(70_000)), ""),
            400,
            "unreadable_request",
        ),
        ("many headers", get("/v1/areas", &headers), 431, "head_too_large"),
        (
            "a long head",
            get("/v1/areas", &format!("X: {}\r\n", "a".repeat(140_000))),
            431,
            "head_too_large",
        ),
        (
            "two hosts",
            get("/v1/areas", "Host: other\r\n"),
            400,
            "unreadable_request",
        ),
        ("no HTTP", b"hello\r\n\r\n".to_vec(), 400, "unreadable_request"),
        (
            "a bad length",
            post("/oauth/token", "Content-Length: many\r\n", ""),
            400,
            "unreadable_request",
        ),
        (
            "two lengths",
            post("/oauth/token", "Content-Length: 1\r\nContent-Length: 2\r\n", "x"),
            400,
            "unreadable_request",
        ),
        (
            "both lengths",
            post("/oauth/token", both, ""),
            400,
            "unreadable_request",
        ),
        ("no such address", get("/v1x", ""), 404, "no_such_route"),
        ("no such page", get("/docs/nowhere.js", ""), 404, "no_such_route"),
        (
            "no such method",
            post("/healthz", "Content-Length: 0\r\n", ""),
            404,
            "no_such_route",
        ),
        ("no token", get("/v1/areas", ""), 401, "token_missing"),
    ]
}

#[test]
fn whatever_is_refused_is_told_in_words() {
    let directory = tempfile::tempdir().unwrap();
    let migrated = qiaojian(directory.path()).arg("migrate").output().unwrap();
    assert!(migrated.status.success(), "{}", text(&migrated.stderr));
    let mut command = qiaojian(directory.path());
    command.arg("api");
    let mut api = Running::start_and_hear_its_log(command);
    let base = base_in_log(&api);
    let address = base.trim_start_matches("http://");
    let mut ids = Vec::new();
    for (what, request, status, code) in requests() {
        let in_english = String::from_utf8_lossy(&request).replacen(
            "Host: h\r\n",
            "Host: h\r\nAccept-Language: en\r\n",
            1,
        );
        for (request, tag) in [(request.as_slice(), "zh-cn"), (in_english.as_bytes(), "en")] {
            let (answered, head, problem) = ask(address, request);
            assert_eq!(
                (answered, &problem["status"]),
                (status, &status.into()),
                "{what}: {problem}"
            );
            assert_eq!(problem["type"], format!("/problems/{code}"), "{what}");
            assert!(
                head.contains("content-type: application/problem+json"),
                "{what}: {head}"
            );
            let id = problem["instance"].as_str().unwrap();
            assert!(
                !id.is_empty() && head.contains(&format!("x-request-id: {id}")),
                "{what}: {head}"
            );
            if what != "no HTTP" {
                assert!(
                    head.contains(&format!("content-language: {tag}")),
                    "{what}: {head}"
                );
            }
            ids.push(id.to_owned());
        }
    }
    api.signal("TERM");
    assert_eq!(api.code(), Some(0));
    let log: Vec<String> = api.lines.iter().collect();
    let errors: Vec<_> = log.iter().filter(|line| line.contains("ERROR")).collect();
    assert!(errors.is_empty(), "{errors:?}");
    for id in ids {
        assert!(
            log.iter().any(|line| line.contains(&id)),
            "{id} is not in the log"
        );
    }
}

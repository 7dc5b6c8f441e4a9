//! The API in this process, on a real socket, with a database of its own; and a client that says which status it expects.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::TimeDelta;
use qiaojian_api::App;
use qiaojian_domain::Noun;
use qiaojian_domain::access::{Post, Role, Scope, write_scopes};
use qiaojian_domain::clock::{Clock, Entropy, ManualClock, OsEntropy};
use qiaojian_domain::ids::TokenId;
use qiaojian_domain::token::TokenStatus;
use qiaojian_store::db::Db;
use qiaojian_store::secrets::{SecretKey, hash_secret, new_secret};
use qiaojian_store::tokens::TokenRow;
use qiaojian_store::{Actor, Recording, StoreError, areas, tokens};
use reqwest::{Method, RequestBuilder, Response};
use serde_json::Value;

use crate::declared::assert_declared;
use crate::fixtures::{article_clock, load_areas};
use crate::{Backend, TestDb, with_database};

/// A running API.
pub struct TestApi {
    /// Where it listens, such as `http://127.0.0.1:41234`.
    pub base: String,
    /// Its clock: it stands at the article's time until it is moved.
    pub clock: Arc<ManualClock>,
    /// The lanes the test itself uses.
    pub db: Db,
    /// The key secrets are sealed under.
    pub secrets: SecretKey,
    servers: Mutex<Vec<actix_web::dev::ServerHandle>>,
    test_db: TestDb,
}

/// Runs a test against an API. The fixture's areas are loaded.
pub fn with_api(backend: Backend, body: impl AsyncFn(&TestApi)) {
    with_database(backend, |test_db| {
        // The server runs on a system of its own, as in production; the test drives it from outside.
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        runtime.block_on(async {
            let api = TestApi::start(test_db).await;
            body(&api).await;
            api.stop().await;
        });
        runtime.shutdown_timeout(Duration::from_secs(1));
    });
}

/// One server of an API.
struct Served {
    base: String,
    server: actix_web::dev::ServerHandle,
}

impl Served {
    async fn start(db: Db, clock: &Arc<ManualClock>, secrets: &SecretKey) -> Self {
        let as_clock: Arc<dyn Clock> = Arc::<ManualClock>::clone(clock);
        let entropy: Arc<dyn Entropy> = Arc::new(OsEntropy);
        let app = App::start(db, as_clock, entropy, secrets.clone())
            .await
            .expect("the API starts");
        let listening = qiaojian_api::listen("127.0.0.1:0").expect("a free port");
        let base = format!("http://{}", listening.address().expect("an address"));
        let (sender, receiver) = tokio::sync::oneshot::channel();
        std::thread::spawn(move || {
            actix_web::rt::System::new().block_on(async move {
                let watcher = app.clone();
                actix_web::rt::spawn(async move { watcher.watch_revocations().await });
                let keeper = app.clone();
                actix_web::rt::spawn(async move { keeper.keep_figures().await });
                let server = qiaojian_api::serve(&app, listening, 1).expect("the server starts");
                let _ = sender.send(server.handle());
                let _ = server.await;
            });
        });
        let server = receiver.await.expect("the server's handle");
        Self { base, server }
    }
}

impl TestApi {
    async fn start(test_db: TestDb) -> Self {
        let clock = article_clock();
        let as_clock: Arc<dyn Clock> = Arc::<ManualClock>::clone(&clock);
        let db = test_db.open(as_clock);
        load_areas(&db, &clock).await;
        Self::over(test_db, db, clock).await
    }

    /// An API over what a database holds.
    pub async fn over(test_db: TestDb, db: Db, clock: Arc<ManualClock>) -> Self {
        let secrets = SecretKey::generate(&OsEntropy);
        let Served { base, server } = Served::start(db.clone(), &clock, &secrets).await;
        Self {
            base,
            clock,
            db,
            secrets,
            servers: Mutex::new(vec![server]),
            test_db,
        }
    }

    /// The address of another replica: lanes and memory of its own, the same database.
    pub async fn replica(&self) -> String {
        let as_clock: Arc<dyn Clock> = Arc::<ManualClock>::clone(&self.clock);
        let served = Served::start(self.test_db.open(as_clock), &self.clock, &self.secrets).await;
        self.servers.lock().expect("the servers").push(served.server);
        served.base
    }

    /// Stops what was started.
    pub async fn stop(&self) {
        let servers = std::mem::take(&mut *self.servers.lock().expect("the servers"));
        for server in servers {
            server.stop(false).await;
        }
    }

    /// A caller of `area` in a role, with a fresh access token.
    pub async fn caller(&self, area: &str, role: Role) -> Client {
        self.caller_with(area, Post::Federation, role, role.scopes())
            .await
    }

    /// A caller of `area` with exactly these scopes.
    pub async fn caller_with(&self, area: &str, post: Post, role: Role, scopes: BTreeSet<Scope>) -> Client {
        let (id, secret) = self.credentials(area, post, role, scopes).await;
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", &id.to_string()),
            ("client_secret", &secret),
        ];
        let reply = reqwest::Client::new()
            .post(format!("{}/oauth/token", self.base))
            .form(&form)
            .send()
            .await
            .expect("the token endpoint answers");
        assert_eq!(reply.status().as_u16(), 200, "a token is given");
        let body: Value = reply.json().await.expect("JSON");
        let token = body["access_token"].as_str().expect("an access token").to_owned();
        Client {
            base: self.base.clone(),
            token: Some(token),
            id: Some(id),
            http: reqwest::Client::new(),
        }
    }

    /// A caller without a token.
    pub fn anonymous(&self) -> Client {
        Client {
            base: self.base.clone(),
            token: None,
            id: None,
            http: reqwest::Client::new(),
        }
    }

    /// The credentials of a new token: client id and secret.
    pub async fn credentials(
        &self,
        area: &str,
        post: Post,
        role: Role,
        scopes: BTreeSet<Scope>,
    ) -> (TokenId, String) {
        let secret = new_secret("qjs_", &OsEntropy);
        let id = TokenId::generate(self.clock.as_ref(), &OsEntropy);
        let (area, hash, now) = (area.to_owned(), hash_secret(&secret), self.clock.now());
        self.db
            .write(move |tx| {
                let actor = Actor::system("test");
                let mut recording = Recording::begin(tx, &actor)?;
                let area =
                    areas::find_anywhere(recording.conn(), &area)?.ok_or(StoreError::NotFound(Noun::Area))?;
                let row = TokenRow {
                    id,
                    version: 1,
                    created_at: now,
                    updated_at: now,
                    created_by: None,
                    label: "test".to_owned(),
                    area_id: area.area_id,
                    post,
                    role,
                    scopes: write_scopes(&scopes),
                    secret_hash: hash.clone(),
                    status: TokenStatus::Active,
                    expires_at: now.plus(TimeDelta::days(90)),
                    revoked_at: None,
                    revoked_seq: None,
                    last_used_at: None,
                    secret_seq: 0,
                };
                tokens::create(&mut recording, &row)
            })
            .await
            .expect("the token is recorded");
        (id, secret)
    }
}

/// A caller of the API.
#[derive(Clone)]
pub struct Client {
    base: String,
    /// Its access token.
    pub token: Option<String>,
    /// The token (client) it belongs to.
    pub id: Option<TokenId>,
    http: reqwest::Client,
}

/// A reply, read.
#[derive(Debug)]
pub struct Reply {
    /// The status code.
    pub status: u16,
    /// The headers.
    pub headers: reqwest::header::HeaderMap,
    /// The body as text.
    pub text: String,
}

impl Reply {
    async fn of(response: Response) -> Self {
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Self {
            status,
            headers,
            text: response.text().await.expect("a body"),
        }
    }

    /// The body as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("not JSON ({error}): {}", self.text))
    }

    /// A header's text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// Fails unless the status is this one.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.text);
        self
    }
}

impl Client {
    /// The same caller at another address.
    #[must_use]
    pub fn at(&self, base: &str) -> Self {
        Self {
            base: base.to_owned(),
            ..self.clone()
        }
    }

    /// A request to be built on.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.base));
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    /// Sends a request. Whatever is answered has to be declared in the OpenAPI document.
    pub async fn send(&self, request: RequestBuilder) -> Reply {
        let (http, request) = request.build_split();
        let request = request.expect("a request");
        let (method, path) = (request.method().clone(), request.url().path().to_owned());
        let reply = Reply::of(http.execute(request).await.expect("the API answers")).await;
        let content_type = reply.header("content-type");
        assert_declared(&method, &path, reply.status, content_type, &reply.text);
        reply
    }

    /// `GET`.
    pub async fn get(&self, path: &str) -> Reply {
        self.send(self.request(Method::GET, path)).await
    }

    /// `POST` with a JSON body.
    pub async fn post(&self, path: &str, body: &Value) -> Reply {
        self.send(self.request(Method::POST, path).json(body)).await
    }

    /// `POST` with a JSON body and an `Idempotency-Key`.
    pub async fn post_once(&self, path: &str, key: &str, body: &Value) -> Reply {
        self.send(
            self.request(Method::POST, path)
                .header("Idempotency-Key", key)
                .json(body),
        )
        .await
    }

    /// `PATCH` of a version.
    pub async fn patch(&self, path: &str, etag: Option<&str>, body: &Value) -> Reply {
        let request = self.request(Method::PATCH, path).json(body);
        self.send(match etag {
            Some(etag) => request.header("If-Match", etag),
            None => request,
        })
        .await
    }

    /// `DELETE` of a version.
    pub async fn delete(&self, path: &str, etag: Option<&str>) -> Reply {
        let request = self.request(Method::DELETE, path);
        self.send(match etag {
            Some(etag) => request.header("If-Match", etag),
            None => request,
        })
        .await
    }
}

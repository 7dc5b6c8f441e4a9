//! The yardstick: a minimal actix + diesel program that answers the service's hot queries with no authentication, scope or audit.
//! Its ways of reading differ only in where a query runs, which is what docs/decisions/0002 decides.

mod queries;
mod wire;

use std::cell::RefCell;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use actix_web::error::{ErrorInternalServerError, ErrorNotFound};
use actix_web::{App, HttpResponse, HttpServer, web};
use diesel::r2d2::{ConnectionManager, Pool};
use diesel::{PgConnection, QueryResult, SqliteConnection};
use qiaojian_domain::clock::{OsEntropy, SystemClock};
use qiaojian_domain::ids::OrganizationId;
use qiaojian_store::db::{AnyConnection, DatabaseUrl, Db, DbError, Lanes, WriteError};
use qiaojian_store::organizations::{self, OrganizationInArea};
use qiaojian_store::{StoreError, Subtree, areas};
use serde::Deserialize;

use crate::database::sqlite;
use queries::{Bare, FigureRow};
use wire::{BareInput, ShownFigure, ShownOrganization, ShownPage};

/// Where a query runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Way {
    /// On the worker's own thread with plain diesel (SQLite), or in the blocking pool with an r2d2 pool (PostgreSQL): the yardstick.
    Plain,
    /// On the worker's own thread, through the service's store and its connection for both databases.
    Inline,
    /// On the service's reader threads.
    Lane,
}

/// What the yardstick is started with.
#[derive(Debug, Clone, clap::Args)]
pub struct Options {
    /// Where to listen.
    #[arg(long)]
    pub listen: SocketAddr,
    /// `sqlite:PATH` or a PostgreSQL URL.
    #[arg(long)]
    pub database: String,
    /// Where a query runs.
    #[arg(long, value_enum, default_value = "plain")]
    pub way: Way,
    /// With `--way lane`: how many reader threads.
    #[arg(long, default_value_t = 2)]
    pub readers: usize,
}

type PgPool = Pool<ConnectionManager<PgConnection>>;

enum Source {
    Plain(RefCell<SqliteConnection>),
    Pool(PgPool),
    Inline(RefCell<AnyConnection>),
    Lane(Db),
}

/// Serves until the process is killed.
///
/// # Errors
/// When the database or the socket cannot be opened.
pub fn serve(options: &Options) -> anyhow::Result<()> {
    let url: DatabaseUrl = options.database.parse()?;
    let make = source_maker(&url, options)?;
    actix_web::rt::System::new().block_on(async move {
        let server = HttpServer::new(move || {
            let source = make().map(web::Data::new);
            App::new()
                .configure(|config| {
                    if let Ok(source) = source {
                        config.app_data(source);
                    }
                })
                .route(
                    "/healthz",
                    web::get().to(async || HttpResponse::Ok().content_type("text/plain").body("ok\n")),
                )
                .route("/v1/organizations", web::get().to(list))
                .route("/v1/organizations", web::post().to(create))
                .route("/v1/organizations/{id}", web::get().to(find))
                .route("/v1/figures", web::get().to(figures))
        });
        server.workers(1).bind(options.listen)?.run().await?;
        anyhow::Ok(())
    })
}

type Maker = Arc<dyn Fn() -> anyhow::Result<Source> + Send + Sync>;

/// One source for each worker thread; a pool or a lane is made once and shared.
fn source_maker(url: &DatabaseUrl, options: &Options) -> anyhow::Result<Maker> {
    let file = |url: &DatabaseUrl| match url {
        DatabaseUrl::Sqlite(path) => Ok::<PathBuf, anyhow::Error>(path.clone()),
        DatabaseUrl::Postgres(_) => anyhow::bail!("a query to a server is not run on an async thread"),
    };
    Ok(match (options.way, url) {
        (Way::Plain, DatabaseUrl::Postgres(text)) => {
            let pool = Pool::builder().build(ConnectionManager::<PgConnection>::new(text))?;
            Arc::new(move || Ok(Source::Pool(pool.clone())))
        }
        (Way::Plain, DatabaseUrl::Sqlite(path)) => {
            let path = path.clone();
            Arc::new(move || Ok(Source::Plain(RefCell::new(sqlite(&path)?))))
        }
        (Way::Inline, _) => {
            let path = file(url)?;
            Arc::new(move || {
                Ok(Source::Inline(RefCell::new(AnyConnection::Sqlite(sqlite(
                    &path,
                )?))))
            })
        }
        (Way::Lane, _) => {
            let lanes = Lanes {
                readers: options.readers,
                slow_readers: 1,
            };
            let db = Db::open(url.clone(), lanes, Arc::new(SystemClock))?;
            Arc::new(move || Ok(Source::Lane(db.clone())))
        }
    })
}

impl Source {
    async fn run<T: Send + 'static>(
        &self,
        on_sqlite: impl FnOnce(&mut SqliteConnection) -> QueryResult<T>,
        on_postgres: impl FnOnce(&mut PgConnection) -> QueryResult<T> + Send + 'static,
        mut on_any: impl FnMut(&mut AnyConnection) -> Result<T, Failed> + Send + 'static,
    ) -> actix_web::Result<T> {
        let outcome = match self {
            Self::Plain(conn) => on_sqlite(&mut conn.borrow_mut()).map_err(Failed::from),
            Self::Inline(conn) => on_any(&mut conn.borrow_mut()),
            Self::Lane(db) => db.read(on_any).await,
            Self::Pool(pool) => {
                let pool = pool.clone();
                let work = move || {
                    let mut conn = pool.get().map_err(|error| Failed(error.to_string()))?;
                    Ok(on_postgres(&mut conn)?)
                };
                web::block(work).await?
            }
        };
        outcome.map_err(|error| ErrorInternalServerError(error.0))
    }
}

#[derive(Debug)]
struct Failed(String);

macro_rules! failed_from {
    ($($error:ty),+) => {$(
        impl From<$error> for Failed {
            fn from(error: $error) -> Self {
                Self(error.to_string())
            }
        }
    )+};
}
failed_from!(diesel::result::Error, DbError, StoreError);

impl WriteError for Failed {
    /// The yardstick does not care.
    fn db_error(&self) -> Option<&DbError> {
        None
    }
}

async fn find(source: web::Data<Source>, id: web::Path<OrganizationId>) -> actix_web::Result<HttpResponse> {
    let id = id.into_inner();
    let found = source
        .run(
            move |conn| queries::sqlite::find(conn, id),
            move |conn| queries::postgres::find(conn, id),
            move |conn| Ok(Some(organizations::find(conn, &Subtree::everything(), id)?)),
        )
        .await?;
    let found = found.ok_or_else(|| ErrorNotFound("no such organization"))?;
    Ok(HttpResponse::Ok()
        .insert_header(("ETag", format!("\"{}\"", found.organization.version)))
        .json(ShownOrganization::of(&found)?))
}

#[derive(Debug, Deserialize)]
struct ListParams {
    area: String,
    limit: i64,
}

async fn list(source: web::Data<Source>, params: web::Query<ListParams>) -> actix_web::Result<HttpResponse> {
    let ListParams { area, limit } = params.into_inner();
    let (on_postgres, on_any) = (area.clone(), area.clone());
    let mut rows: Vec<OrganizationInArea> = source
        .run(
            move |conn| queries::sqlite::list(conn, &area, limit + 1),
            move |conn| queries::postgres::list(conn, &on_postgres, limit + 1),
            move |conn| {
                let within = areas::find(conn, &Subtree::everything(), &on_any)?.subtree();
                Ok(organizations::list(
                    conn,
                    &within,
                    &Default::default(),
                    None,
                    limit + 1,
                )?)
            },
        )
        .await?;
    let limit = usize::try_from(limit).unwrap_or(0);
    let more = rows.len() > limit;
    rows.truncate(limit);
    Ok(HttpResponse::Ok().json(ShownPage::of(&rows, more)?))
}

async fn create(source: web::Data<Source>, input: web::Json<BareInput>) -> actix_web::Result<HttpResponse> {
    let bare = Bare::new(
        OrganizationId::generate(&SystemClock, &OsEntropy),
        input.into_inner(),
    );
    let copy = bare.clone();
    let written = source
        .run(
            |conn| queries::sqlite::insert(conn, &bare),
            move |conn| queries::postgres::insert(conn, &copy),
            |_| Err(Failed("only the plain yardstick writes".to_owned())),
        )
        .await?;
    Ok(HttpResponse::Created().json(written))
}

async fn figures(source: web::Data<Source>) -> actix_web::Result<HttpResponse> {
    let rows: Vec<FigureRow> = source
        .run(queries::sqlite::coverage, queries::postgres::coverage, |_| {
            Err(Failed("only the plain yardstick counts".to_owned()))
        })
        .await?;
    let items: Vec<ShownFigure<'_>> = rows.iter().map(ShownFigure::of).collect();
    Ok(HttpResponse::Ok().json(serde_json::json!({ "items": items })))
}

//! The command line, and the environment variables that can replace its options.

use std::path::PathBuf;

use clap::builder::BoolishValueParser;
use clap::{ArgAction, Parser, Subcommand, ValueEnum};
use qiaojian_domain::access::{Post, Role, Scope};
use qiaojian_domain::violation::{NAME_CHARS, check_text};

/// Qiaojian 侨建: the register of grassroots organizations, its figures, tasks and bulletins.
///
/// Without a command it runs everything (`up`): API and worker on an embedded database under `data/`. A demo campaign
/// is loaded at the first start.
#[derive(Debug, Parser)]
#[command(name = "qiaojian", version, max_term_width = 120)]
pub struct Args {
    #[command(flatten)]
    pub settings: Settings,
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// Options of all commands.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Settings")]
pub struct Settings {
    /// The directory of the embedded database, the keys, the admin's credentials and the notices of the `file` channel.
    #[arg(
        long,
        env = "QIAOJIAN_DATA_DIR",
        default_value = "data",
        global = true,
        value_name = "DIR"
    )]
    pub data_dir: PathBuf,
    /// The address the API listens on. It serves plain HTTP; put a TLS proxy in front of it.
    #[arg(
        long,
        env = "QIAOJIAN_LISTEN",
        default_value = "127.0.0.1:8080",
        global = true,
        value_name = "ADDRESS"
    )]
    pub listen: String,
    /// The database: `sqlite:PATH` or `postgres://…` [default: sqlite:<DATA_DIR>/qiaojian.db].
    #[arg(
        long,
        env = "DATABASE_URL",
        global = true,
        value_name = "URL",
        hide_env_values = true
    )]
    pub database_url: Option<String>,
    /// The key that encrypts secrets in the database: 32 bytes, base64url [default: the file <DATA_DIR>/secret.key].
    #[arg(
        long,
        env = "QIAOJIAN_SECRET_KEY",
        global = true,
        value_name = "KEY",
        hide_env_values = true
    )]
    pub secret_key: Option<String>,
    /// The log filter: a level, or a filter such as `info,qiaojian_worker=debug`.
    #[arg(
        long,
        env = "QIAOJIAN_LOG",
        default_value = "info",
        global = true,
        value_name = "FILTER"
    )]
    pub log: String,
    /// The format of the log, which is written to stderr.
    #[arg(
        long,
        env = "QIAOJIAN_LOG_FORMAT",
        value_enum,
        default_value = "text",
        global = true,
        value_name = "FORMAT"
    )]
    pub log_format: LogFormat,
    /// The mail server: `smtp://host:port` or `smtps://user:password@host`. Without it, mail waits in the queue.
    #[arg(
        long,
        env = "QIAOJIAN_SMTP_URL",
        global = true,
        value_name = "URL",
        hide_env_values = true
    )]
    pub smtp_url: Option<String>,
    /// The sender of notices by email, such as `安徽省侨联 <notice@example.org>`.
    #[arg(
        long,
        env = "QIAOJIAN_MAIL_FROM",
        global = true,
        value_name = "ADDRESS",
        hide_env_values = true
    )]
    pub mail_from: Option<String>,
    /// Number of days without an entry in the register after which a start waits for `qiaojian resume`, because the
    /// clock may be wrong.
    #[arg(
        long,
        env = "QIAOJIAN_LONGEST_SILENCE_DAYS",
        default_value_t = 30,
        global = true,
        value_name = "DAYS",
        value_parser = clap::value_parser!(u16).range(1..=3650)
    )]
    pub longest_silence_days: u16,
}

/// The format of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Human-readable lines.
    Text,
    /// One JSON object per line.
    Json,
}

/// The command to run.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run API and worker in one process (the default). Creates the database if it does not exist, and loads the demo
    /// into a new one.
    Up(Up),
    /// Run the REST service.
    Api,
    /// Run a worker, which composes bulletins and delivers notices. Any number may run.
    Worker,
    /// Bring the database's schema up to date.
    Migrate,
    /// Recompute everything from the rows and compare: the hashes of the audit trail, histories, the read model, and
    /// the figures frozen in bulletins. Only reads. The exit code is 1 if something differs.
    Check(Check),
    /// Resume everything that is held back because the clock or the database was in doubt.
    Resume(Resume),
    /// Load data from a file.
    Import(Import),
    /// Manage the credentials of API clients.
    Token(Token),
    /// The demo campaign: real areas, illustrative organizations.
    Demo(Demo),
    /// Print the OpenAPI document.
    Openapi,
}

impl Command {
    /// Returns the default command, `up`, with its options from the environment.
    ///
    /// # Errors
    /// Returns an error if a variable has a value that its option does not accept.
    pub fn by_default() -> Result<Self, clap::Error> {
        let up = <Up as clap::Args>::augment_args(clap::Command::new("qiaojian up"));
        let matches = up.try_get_matches_from(["qiaojian up"])?;
        <Up as clap::FromArgMatches>::from_arg_matches(&matches).map(Self::Up)
    }
}

#[derive(Debug, clap::Args)]
pub struct Up {
    /// Start a new database without the demo. The variable accepts true or false, 1 or 0.
    #[arg(
        long,
        env = "QIAOJIAN_EMPTY",
        action = ArgAction::SetTrue,
        value_parser = BoolishValueParser::new()
    )]
    pub empty: bool,
}

#[derive(Debug, clap::Args)]
pub struct Resume {
    /// The findings, for the audit trail: at most 200 characters.
    #[arg(long, env = "QIAOJIAN_RESUME_REASON", value_name = "TEXT", value_parser = reason)]
    pub reason: String,
}

fn reason(text: &str) -> Result<String, String> {
    let mut violations = Vec::new();
    check_text(&mut violations, "reason", text, 200);
    match violations.first() {
        None => Ok(text.to_owned()),
        Some(violation) => Err(violation.en.to_string()),
    }
}

#[derive(Debug, clap::Args)]
pub struct Check {
    /// Print JSON: for each check the number of rows, the number of differences, and the first differences. The
    /// variable accepts true or false, 1 or 0.
    #[arg(
        long,
        env = "QIAOJIAN_CHECK_JSON",
        action = ArgAction::SetTrue,
        value_parser = BoolishValueParser::new()
    )]
    pub json: bool,
}

#[derive(Debug, clap::Args)]
pub struct Import {
    #[command(subcommand)]
    pub what: ImportWhat,
}

#[derive(Debug, Subcommand)]
pub enum ImportWhat {
    /// Import areas from a CSV file in UTF-8 or GB18030, or from an XLSX file, either of them also compressed (`.zst`).
    /// The columns are `code,level,parent,name,kind`, or their Chinese headers. The whole file is checked before the
    /// first row is written. Existing rows are left unchanged, so an interrupted import is completed by running it
    /// again.
    Areas {
        /// The file to import.
        file: PathBuf,
        /// Check the file and report what would be added, without writing anything. The variable accepts true or false,
        /// 1 or 0.
        #[arg(
            long,
            env = "QIAOJIAN_DRY_RUN",
            action = ArgAction::SetTrue,
            value_parser = BoolishValueParser::new()
        )]
        dry_run: bool,
        /// Treat the file as a complete edition of the national list, and update the register to it from this day. New
        /// areas are added, areas with a different name, code or parent are changed, and missing areas are merged or
        /// closed; figures of earlier days do not change. The file may have the additional columns `predecessors`
        /// (codes, separated by `;`, or `new`) and `valid_from`.
        #[arg(long, env = "QIAOJIAN_UPDATE_ON", value_name = "DATE")]
        update_on: Option<chrono::NaiveDate>,
        /// The number of rows that were checked and found to be new areas, although they have the name of an area with
        /// another code.
        #[arg(long, env = "QIAOJIAN_DOUBTS", value_name = "COUNT", default_value_t = 0)]
        doubts: usize,
    },
}

#[derive(Debug, clap::Args)]
pub struct Token {
    #[command(subcommand)]
    pub what: TokenWhat,
}

#[derive(Debug, Subcommand)]
pub enum TokenWhat {
    /// Issue credentials bound to an area, a post and scopes. The secret is shown once.
    Create {
        /// The code of the area that the client acts for.
        #[arg(long, env = "QIAOJIAN_TOKEN_AREA", value_name = "CODE")]
        area: String,
        /// A preset of scopes: province_admin, supervisor, city_reporter, county_reporter, township_reporter, village_reporter,
        /// member_unit, reader.
        #[arg(long, env = "QIAOJIAN_TOKEN_ROLE", value_name = "ROLE")]
        role: Role,
        /// The post that the client acts for: federation, party_committee, organization_dept, united_front_dept,
        /// staffing_office, finance_bureau, leading_group, other.
        #[arg(long, env = "QIAOJIAN_TOKEN_POST", default_value = "federation")]
        post: Post,
        /// Only these scopes of the role, separated by commas.
        #[arg(
            long,
            env = "QIAOJIAN_TOKEN_SCOPES",
            value_delimiter = ',',
            value_name = "SCOPE"
        )]
        scopes: Vec<Scope>,
        /// The lifetime in days: `90d`. At most 730d.
        #[arg(
            long,
            env = "QIAOJIAN_TOKEN_EXPIRES_IN",
            default_value = "90d",
            value_parser = days,
            value_name = "DAYS"
        )]
        expires_in: i64,
        /// The purpose; never a person's name. At most 100 characters.
        #[arg(
            long,
            env = "QIAOJIAN_TOKEN_LABEL",
            value_parser = label,
            value_name = "TEXT"
        )]
        label: String,
        /// Print JSON: client_id, client_secret, expires_at. The variable accepts true or false, 1 or 0.
        #[arg(
            long,
            env = "QIAOJIAN_TOKEN_JSON",
            action = ArgAction::SetTrue,
            value_parser = BoolishValueParser::new()
        )]
        json: bool,
    },
}

#[derive(Debug, clap::Args)]
pub struct Demo {
    #[command(subcommand)]
    pub what: DemoWhat,
}

#[derive(Debug, Subcommand)]
pub enum DemoWhat {
    /// Load the demo campaign. Existing rows are left unchanged.
    Load,
}

fn days(text: &str) -> Result<i64, String> {
    let number = text.strip_suffix('d').unwrap_or(text);
    match number.parse() {
        Ok(days @ 1..=730) => Ok(days),
        _ => Err("expected 1d to 730d".to_owned()),
    }
}

/// Checks the label by the same rule as the API.
fn label(text: &str) -> Result<String, String> {
    let mut violations = Vec::new();
    check_text(&mut violations, "label", text, NAME_CHARS);
    match violations.first() {
        None => Ok(text.to_owned()),
        Some(violation) => Err(violation.en.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn days_are_read_with_and_without_their_unit() {
        assert_eq!(days("90d"), Ok(90));
        assert_eq!(days("1"), Ok(1));
        assert!(days("0d").is_err() && days("731d").is_err() && days("3w").is_err());
    }

    #[test]
    fn a_label_follows_the_rule_of_the_api() {
        assert_eq!(label("禹会区侨联 1 号手机"), Ok("禹会区侨联 1 号手机".to_owned()));
        assert_eq!(label("侨".repeat(NAME_CHARS).as_str()).map(drop), Ok(()));
        assert_eq!(label(" "), Err("Must not be empty.".to_owned()));
        assert_eq!(
            label("侨".repeat(NAME_CHARS + 1).as_str()),
            Err("At most 100 characters; there are 101.".to_owned())
        );
        assert!(label("bell \u{7}").is_err());
    }

    #[test]
    fn every_option_has_a_variable() {
        fn options_without(command: &clap::Command, found: &mut Vec<String>) {
            let lacking = command.get_arguments().filter(|argument| {
                let by_clap = ["help", "version"].contains(&argument.get_id().as_str());
                !by_clap && !argument.is_positional() && argument.get_env().is_none()
            });
            found.extend(lacking.map(|argument| format!("{} {argument}", command.get_name())));
            command
                .get_subcommands()
                .for_each(|below| options_without(below, found));
        }
        let mut found = Vec::new();
        options_without(&Args::command(), &mut found);
        assert!(found.is_empty(), "{found:?}");
    }
}

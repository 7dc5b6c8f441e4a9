//! All URLs of the service.

mod areas;
mod assignments;
mod bulletins;
mod changes;
mod deliveries;
mod endpoints;
mod figures;
mod gaps;
mod health;
mod me;
mod milestones;
mod notices;
mod oauth;
mod organizations;
mod programs;
mod rules;
mod schedules;
mod tasks;
mod tokens;

use actix_web::middleware::from_fn;
use utoipa_actix_web::scope;
use utoipa_actix_web::service_config::ServiceConfig;

use crate::middleware::authenticate;

/// Registers every route. Everything under `/v1` requires authentication (`authenticate`).
pub fn configure(config: &mut ServiceConfig<'_>) {
    config
        .service(health::healthz)
        .service(health::readyz)
        .service(health::jwks)
        .service(health::openapi)
        .service(oauth::token::token)
        .service(oauth::revoke::revoke)
        .service(
            scope::scope("/v1")
                .wrap(from_fn(authenticate))
                .service(figures::answer::answer)
                .service(figures::members::members)
                .service(gaps::list::list)
                .service(gaps::tasks::create_tasks)
                .service(milestones::list::list)
                .service(changes::list::list)
                .service(me::me)
                .service(tokens::list::list)
                .service(tokens::create::create)
                .service(tokens::get::get)
                .service(tokens::revoke::revoke)
                .service(tokens::rotate::rotate)
                .service(tokens::renew::renew)
                .service(organizations::list::list)
                .service(organizations::create::create)
                .service(organizations::batch::batch)
                // The lists precede the single organization, which would otherwise take their names for ids.
                .service(organizations::renewals::renewals)
                .service(organizations::dormant::dormant)
                .service(organizations::unveilings::unveilings)
                .service(organizations::template::template)
                .service(organizations::export::export)
                .service(organizations::import::import)
                .service(organizations::get::get)
                .service(organizations::patch::patch)
                .service(organizations::delete::delete)
                .service(organizations::history::history)
                .service(organizations::verify::verify)
                .service(organizations::verify::reject)
                .service(organizations::turns::move_)
                .service(organizations::turns::rekind)
                .service(organizations::turns::change)
                .service(organizations::steps::approve)
                .service(organizations::steps::establish)
                .service(organizations::steps::unveil)
                .service(organizations::steps::close)
                .service(organizations::steps::reopen)
                .service(organizations::merge::merge)
                .service(organizations::split::split)
                .service(organizations::steps::abandon)
                .service(areas::list::list)
                .service(areas::create::create)
                .service(areas::import::import)
                .service(areas::correspondence::correspondence)
                .service(areas::template::template)
                .service(areas::get::get)
                .service(areas::turns::rename)
                .service(areas::turns::move_)
                .service(areas::turns::rekind)
                .service(areas::turns::close)
                .service(areas::turns::merge)
                .service(areas::turns::split)
                .service(areas::reopen::reopen)
                .service(areas::children::children)
                .service(areas::counts::list)
                .service(areas::counts::record)
                .service(programs::list::list)
                .service(programs::create::create)
                .service(programs::get::get)
                .service(programs::patch::patch)
                .service(programs::cohort::cohort)
                .service(programs::set_cohort::set_cohort)
                .service(tasks::list::list)
                .service(tasks::create::create)
                .service(tasks::get::get)
                .service(tasks::assignments::list)
                .service(assignments::list::list)
                .service(assignments::get::get)
                .service(assignments::acts::acknowledge)
                .service(assignments::acts::report)
                .service(assignments::acts::submit)
                .service(assignments::acts::accept)
                .service(assignments::acts::return_)
                .service(assignments::acts::cancel)
                .service(rules::list::list)
                .service(rules::create::create)
                // The document formats precede the resource itself, which would otherwise take their extension for a
                // part of the id.
                .service(bulletins::document::html)
                .service(bulletins::document::json)
                .service(bulletins::document::txt)
                .service(bulletins::list::list)
                .service(bulletins::create::create)
                .service(bulletins::get::get)
                .service(bulletins::steps::approve)
                .service(bulletins::publish::publish)
                .service(bulletins::steps::withdraw)
                .service(bulletins::notices::list)
                .service(bulletins::members::members)
                .service(notices::document::html)
                .service(notices::document::json)
                .service(notices::document::txt)
                .service(notices::list::list)
                .service(notices::get::get)
                .service(notices::acknowledge::acknowledge)
                .service(notices::deliver::deliver)
                .service(schedules::list::list)
                .service(schedules::create::create)
                .service(schedules::get::get)
                .service(schedules::patch::patch)
                .service(schedules::delete::delete)
                .service(schedules::steps::pause)
                .service(schedules::steps::resume)
                .service(schedules::occurrences::list)
                .service(schedules::preview::preview)
                .service(endpoints::list::list)
                .service(endpoints::create::create)
                .service(endpoints::get::get)
                .service(endpoints::patch::patch)
                .service(endpoints::delete::delete)
                .service(endpoints::steps::pause)
                .service(endpoints::steps::resume)
                .service(deliveries::list::list)
                .service(deliveries::get::get)
                .service(deliveries::steps::redeliver)
                .service(deliveries::steps::cancel),
        );
}

//! Descriptions of the parameters of every list.

use utoipa::openapi::RefOr;
use utoipa::openapi::path::{Operation, ParameterIn};
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, SchemaFormat, Type};

use crate::page;

/// Describes the range of `limit` and the source of `cursor`.
pub fn complete(operation: &mut Operation) {
    for parameter in operation.parameters.iter_mut().flatten() {
        let RefOr::T(parameter) = parameter else { continue };
        let description = match (&parameter.parameter_in, parameter.name.as_str()) {
            (ParameterIn::Query, "limit") => {
                let schema = ObjectBuilder::new()
                    .schema_type(Type::Integer)
                    .format(Some(SchemaFormat::KnownFormat(KnownFormat::Int64)))
                    .minimum(Some(1))
                    .maximum(Some(page::MOST))
                    .default(Some(page::DEFAULT.into()));
                parameter.schema = Some(schema.into());
                "The maximum number of rows."
            }
            (ParameterIn::Query, "cursor") => {
                "`next_cursor` of the previous page, with the same filters. If omitted, the first page is returned."
            }
            _ => continue,
        };
        parameter.description = Some(description.to_owned());
    }
}

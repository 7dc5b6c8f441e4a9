//! `qiaojian openapi`

/// Prints the OpenAPI document, as committed in `docs/openapi.json`.
pub fn run() -> anyhow::Result<()> {
    crate::terminal::say(qiaojian_api::openapi_document().to_pretty_json()?);
    Ok(())
}

//! What a Gemini model can do, told by its name: <https://ai.google.dev/gemini-api/docs/models>.

/// Thinks by levels, wants the signatures of calls back, and knows calls by ids.
pub fn is_3_or_newer(model: &str) -> bool {
    generation(model).is_some_and(|generation| generation >= 3)
}

/// Takes JSON Schema for answers; older models take Google's own kind of schema.
pub fn takes_json_schema(model: &str) -> bool {
    generation(model).is_none_or(|generation| generation >= 2)
}

/// The first number of the version. `None`: the name has none (`gemini-flash-latest`, a tuned model).
fn generation(model: &str) -> Option<u32> {
    let (_, version) = model.split_once("gemini-")?;
    let digits = version.find(|c: char| !c.is_ascii_digit()).unwrap_or(version.len());
    version.get(..digits)?.parse().ok()
}

/// What "as little as possible" is in tokens.
pub fn least_budget(model: &str) -> i64 {
    match () {
        () if model.contains("gemini-2.5-flash-lite") => 512,
        () if model.contains("gemini-2.5-flash") => 1,
        () => 128,
    }
}

/// The budget that thinks least: none at all where a model can do without.
pub fn off_budget(model: &str) -> i64 {
    if model.contains("gemini-2.5-pro") { least_budget(model) } else { 0 }
}

/// Has the levels below `low`, and `medium`.
pub fn is_3_flash(model: &str) -> bool {
    is_3_or_newer(model) && model.contains("flash")
}

/// Has the level `medium`.
pub fn knows_medium(model: &str) -> bool {
    is_3_flash(model) || model.contains("gemini-3.1-pro")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_generations() {
        let cases = [
            ("gemini-1.5-pro", false, false),
            ("gemini-2.0-flash", true, false),
            ("models/gemini-2.5-flash", true, false),
            ("gemini-3-pro-preview", true, true),
            ("gemini-3.1-flash-lite", true, true),
            ("gemini-flash-latest", true, false),
            ("4965075652664360960", true, false),
        ];
        for (model, json_schema, third) in cases {
            assert_eq!((takes_json_schema(model), is_3_or_newer(model)), (json_schema, third), "{model}");
        }
    }
}

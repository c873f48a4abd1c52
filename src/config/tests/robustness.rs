//! No text makes the reader panic: valid files with pieces cut out, doubled and replaced.

use std::collections::HashSet;

use proptest::prelude::*;

use super::read;

const FILES: [&str; 4] = [
    include_str!("../../../conf/tollgate.yaml"),
    include_str!("../../../tests/fixtures/seeds/000-litellm-config.yaml"),
    include_str!("../../../tests/fixtures/seeds/001-values-rendered.yaml"),
    include_str!("../../../tests/fixtures/seeds/002-routing.yaml"),
];

/// Pieces that change the kind of what stands there.
const PIECES: [&str; 16] = [
    "",
    "null",
    "[]",
    "{}",
    "-1",
    "1e999",
    ".nan",
    "'",
    "${",
    "os.environ/",
    "&a *a",
    "<<:",
    "\n---\n",
    "é",
    "*",
    ": ",
];

/// The same file with one stretch of characters replaced by a piece.
fn mutated(text: &str, from: usize, length: usize, piece: &str) -> String {
    let total = text.chars().count();
    let from = from % total.max(1);
    let before = text.chars().take(from);
    before.chain(piece.chars()).chain(text.chars().skip(from + length)).collect()
}

/// Whatever was wrong: what is in the configuration can be built on.
fn sound(text: &str) -> Result<(), TestCaseError> {
    let config = read(text).config.ok_or_else(|| TestCaseError::fail("no configuration"))?;
    let ids: HashSet<&str> = config.deployments.iter().map(|deployment| deployment.id.as_str()).collect();
    prop_assert_eq!(ids.len(), config.deployments.len());
    prop_assert!(config.deployments.iter().all(|deployment| !deployment.model_name.is_empty()));
    prop_assert!(config.virtual_groups.iter().all(|group| group.members.iter().any(|(_, weight)| *weight > 0.0)));
    prop_assert!(config.tollgate.threads > 0 && !config.tollgate.timeouts.connect.is_zero());
    prop_assert!(config.router.backoff_factor >= 1.0);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) })]

    #[test]
    fn mutated_files_give_a_sound_configuration(
        file in 0..FILES.len(),
        cuts in prop::collection::vec((any::<u16>(), 0usize..40, 0..PIECES.len()), 1..8),
    ) {
        let mut text = FILES[file].to_owned();
        for (from, length, piece) in cuts {
            text = mutated(&text, from.into(), length, PIECES[piece]);
        }
        sound(&text)?;
    }

    #[test]
    fn any_text_gives_a_sound_configuration(text in "(?s).{0,200}") {
        sound(&text)?;
    }
}

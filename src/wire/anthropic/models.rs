//! What a Claude model can do, told by its name. Names are spelt in many ways (`claude-3-5-sonnet-20240620`,
//! `us.anthropic.claude-opus-4-6-v1:0`, `claude-sonnet-4-5@20250929`, `claude-opus-4.7`), but the version always follows
//! `claude`; <https://platform.claude.com/docs/en/about-claude/models/overview>.

/// Major and minor number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Model {
    version: Option<(u32, u32)>,
    /// Fable and Mythos, and all from 5.5 on, cannot be kept from thinking.
    always_thinks: bool,
}

impl Model {
    /// Reads a name. One that tells nothing is taken for a model that thinks by budgets.
    pub fn named(name: &str) -> Self {
        let name = name.to_ascii_lowercase();
        let special = name.contains("mythos") || name.contains("fable");
        let behind = name.split_once("claude").map_or("", |(_, behind)| behind);
        let mut words = behind
            .split(|character: char| !character.is_ascii_alphanumeric())
            .skip_while(|word| number(word).is_none());
        let major = words.next().and_then(number);
        let minor = words.next().and_then(number).unwrap_or_default();
        let version = major.map(|major| (major, minor)).or(special.then_some((5, 0)));
        Self { version, always_thinks: special || version >= Some((5, 5)) }
    }

    fn at_least(self, version: (u32, u32)) -> bool {
        self.version >= Some(version)
    }

    /// Takes `thinking` at all.
    pub fn thinks(self) -> bool {
        self.version.is_none() || self.at_least((3, 7))
    }

    /// Takes `thinking.type: adaptive` and `output_config.effort`.
    pub fn is_adaptive(self) -> bool {
        self.at_least((4, 6))
    }

    /// Refuses thinking budgets, and temperature, `top_p` and `top_k` other than the default.
    pub fn is_adaptive_only(self) -> bool {
        self.at_least((4, 7))
    }

    /// Thinks where nothing is said, but can be kept from it.
    pub fn must_be_told_not_to_think(self) -> bool {
        self.at_least((5, 0)) && !self.always_thinks
    }

    /// Refuses `thinking.type: disabled`.
    pub fn always_thinks(self) -> bool {
        self.always_thinks
    }

    /// Takes the effort `xhigh`.
    pub fn knows_xhigh(self) -> bool {
        self.at_least((4, 7))
    }

    /// Takes `output_config.format`.
    pub fn has_structured_outputs(self) -> bool {
        self.at_least((4, 5))
    }

    /// Refuses a `tool_choice` that forces a tool (its thinking cannot be switched off).
    pub fn is_of_fifth_generation(self) -> bool {
        self.at_least((5, 0))
    }
}

/// A version's number; dates are longer.
fn number(word: &str) -> Option<u32> {
    if word.is_empty() || word.len() > 2 { None } else { word.parse().ok() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_follows_the_family_name() {
        let cases: [(&str, Option<(u32, u32)>); 13] = [
            ("claude-3-5-sonnet-20240620", Some((3, 5))),
            ("claude-3-7-sonnet-latest", Some((3, 7))),
            ("claude-3-opus-20240229", Some((3, 0))),
            ("claude-sonnet-4-20250514", Some((4, 0))),
            ("claude-opus-4-1-20250805", Some((4, 1))),
            ("claude-sonnet-4-5@20250929", Some((4, 5))),
            ("us.anthropic.claude-opus-4-6-v1:0", Some((4, 6))),
            ("anthropic.claude-3-5-sonnet-20240620-v1:0", Some((3, 5))),
            ("anthropic/claude-opus-4.7", Some((4, 7))),
            ("Claude-Haiku-4-5", Some((4, 5))),
            ("claude-sonnet-5", Some((5, 0))),
            ("claude-mythos-preview", Some((5, 0))),
            ("my-deployment-4-6", None),
        ];
        for (name, version) in cases {
            assert_eq!(Model::named(name).version, version, "{name}");
        }
    }

    #[test]
    fn a_model_can_what_its_version_can() {
        let of = |name: &str| {
            let model = Model::named(name);
            [
                model.thinks(),
                model.has_structured_outputs(),
                model.is_adaptive(),
                model.is_adaptive_only(),
                model.always_thinks(),
            ]
        };
        assert_eq!(of("claude-3-5-haiku-20241022"), [false, false, false, false, false]);
        assert_eq!(of("claude-sonnet-4-20250514"), [true, false, false, false, false]);
        assert_eq!(of("claude-haiku-4-5"), [true, true, false, false, false]);
        assert_eq!(of("claude-opus-4-6"), [true, true, true, false, false]);
        assert_eq!(of("claude-opus-4-8"), [true, true, true, true, false]);
        assert_eq!(of("claude-fable-5"), [true, true, true, true, true]);
        assert_eq!(of("claude-sonnet-5-5"), [true, true, true, true, true]);
        assert_eq!(of("alias"), [true, false, false, false, false]);
    }
}

//! The settings of one field as they are written, in a policy or in a manifest.

use serde::{Deserialize, Serialize};

/// One `[field.NAME]` table. Which settings go with which `protect` is checked by [`Rule::new`](super::Rule::new).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "the table in the module's documentation")]
pub struct Settings {
    pub protect: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub empty: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alphabet: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub regex: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub length: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub luhn: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub separators: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub domain: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub range: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cipher: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub normalize: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spelling: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub population: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suite: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub with: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub date: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub width: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opaque: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reuse: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lifetime: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purposes: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retention: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub special: Option<bool>,
}

impl Settings {
    /// The names of the settings that are given, but for those that go with everything: `protect`, `empty`, and duties.
    pub(super) fn given(&self) -> Vec<&'static str> {
        let texts = [
            ("format", &self.format),
            ("alphabet", &self.alphabet),
            ("template", &self.template),
            ("regex", &self.regex),
            ("keep", &self.keep),
            ("length", &self.length),
            ("luhn", &self.luhn),
            ("separators", &self.separators),
            ("domain", &self.domain),
            ("range", &self.range),
            ("cipher", &self.cipher),
            ("scope", &self.scope),
            ("normalize", &self.normalize),
            ("spelling", &self.spelling),
            ("kind", &self.kind),
            ("suite", &self.suite),
            ("with", &self.with),
            ("to", &self.to),
            ("date", &self.date),
            ("opaque", &self.opaque),
            ("reuse", &self.reuse),
            ("lifetime", &self.lifetime),
        ];
        let given = texts.into_iter().filter(|(_, value)| value.is_some()).map(|(name, _)| name);
        let given = given.chain(self.width.map(|_| "width")).chain(self.scale.map(|_| "scale"));
        given.chain(self.population.map(|_| "population")).chain(self.index.map(|_| "index")).collect()
    }
}

//! Token counters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    pub prompt_tokens: u64,
    pub completion_tokens: u64,
    pub total_tokens: u64,
    pub cached_tokens: Option<u64>,
    pub cache_creation_tokens: Option<u64>,
    pub reasoning_tokens: Option<u64>,
    pub prompt_audio_tokens: Option<u64>,
    pub completion_audio_tokens: Option<u64>,
}
impl Usage {
    pub fn parse(json: &[u8]) -> Option<Usage> {
        todo!()
    }
    pub fn to_json(self) -> serde_json::Value {
        todo!()
    }
}

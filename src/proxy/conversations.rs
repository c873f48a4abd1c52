//! What was said in answers that no provider keeps, so that `previous_response_id` and `GET /v1/responses/{id}` work for
//! providers without a Responses API.
//!
//! Memory of this process only, and bounded: the least used conversations are forgotten first, and after a restart all
//! are. A conversation is told to the key that began it and to nobody else.

use std::sync::Arc;

use bytes::Bytes;
use quick_cache::Weighter;
use quick_cache::sync::Cache;

use crate::auth::digest::KeyDigest;
use crate::error::{Error, Kind};
use crate::wire::model::{ChatRequest, Message, Reply};
use crate::wire::peek::peek_answer;
use crate::wire::responses::history::{continue_from, history};

/// Bytes of all conversations that are remembered, estimated by the answers' and messages' length.
const MEMORY: u64 = 64 * 1024 * 1024;
/// Conversations, as an estimate for the cache's tables; the limit is [`MEMORY`].
const EXPECTED: usize = 4096;
/// A conversation longer than this is not remembered at all: it would push out too many others.
const LONGEST: usize = 8 * 1024 * 1024;

/// One answer, and what led to it.
#[derive(Clone, Debug)]
pub struct Conversation {
    /// Whose it is; `None` where no key is needed.
    pub owner: Option<KeyDigest>,
    /// Everything up to and with the answer, without the instructions.
    pub messages: Vec<Message>,
    /// The answer as the client got it.
    pub response: Bytes,
    /// Length of the request that it answers.
    pub request_bytes: usize,
}

/// Conversations by the id of their last answer.
#[derive(Debug)]
pub struct Conversations {
    cache: Cache<String, Arc<Conversation>, Weight>,
}

#[derive(Clone, Debug)]
struct Weight;

impl Weighter<String, Arc<Conversation>> for Weight {
    fn weight(&self, id: &String, conversation: &Arc<Conversation>) -> u64 {
        (id.len() + conversation.size()) as u64
    }
}

impl Conversation {
    fn size(&self) -> usize {
        self.request_bytes + 2 * self.response.len() + 256
    }
}

impl Default for Conversations {
    fn default() -> Self {
        Self { cache: Cache::with_weighter(EXPECTED, MEMORY, Weight) }
    }
}

/// What is needed to remember an answer once it is there.
pub struct Memory {
    /// Where it is remembered.
    pub conversations: Arc<Conversations>,
    /// Whose it is.
    pub owner: Option<KeyDigest>,
    /// What was said up to the answer.
    pub messages: Vec<Message>,
    /// Length of the request.
    pub request_bytes: usize,
}

impl Memory {
    /// Remembers an answer that the client got as `response`.
    pub fn keep(self, reply: &Reply, response: Bytes) {
        let id = peek_answer(&response).ok().and_then(|object| object.as_str("id").map(|id| id.into_owned()));
        let Some(id) = id else { return };
        let messages = history(&self.messages, reply);
        let Memory { owner, request_bytes, .. } = self;
        self.conversations.keep(id, Conversation { owner, messages, response, request_bytes });
    }
}

impl Conversations {
    /// Puts what was said before in front of a request that goes on with it, behind its instructions.
    ///
    /// # Errors
    /// When nobody here remembers the answer that the request names.
    pub fn resume(&self, chat: &mut ChatRequest, instructed: bool, caller: Option<KeyDigest>) -> Result<(), Error> {
        let Some(id) = chat.previous_response_id.take() else { return Ok(()) };
        let Some(conversation) = self.get(&id, caller) else {
            let shown: String = id.chars().take(64).collect();
            let text = format!("Previous response with id '{shown}' not found.");
            return Err(Error::new(Kind::InvalidParameter, text).param("previous_response_id"));
        };
        continue_from(chat, conversation.messages.clone(), instructed);
        Ok(())
    }

    /// Remembers one.
    pub fn keep(&self, id: String, conversation: Conversation) {
        if conversation.size() <= LONGEST {
            self.cache.insert(id, Arc::new(conversation));
        }
    }

    /// The conversation that ends with this answer, if it is the caller's.
    pub fn get(&self, id: &str, caller: Option<KeyDigest>) -> Option<Arc<Conversation>> {
        self.cache.get(id).filter(|conversation| conversation.owner == caller)
    }

    /// Forgets one; whether it was there, and the caller's.
    pub fn forget(&self, id: &str, caller: Option<KeyDigest>) -> bool {
        self.get(id, caller).is_some() && self.cache.remove(id).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn conversation(owner: Option<KeyDigest>, length: usize) -> Conversation {
        Conversation { owner, messages: Vec::new(), response: Bytes::from(vec![b'x'; length]), request_bytes: 0 }
    }

    #[test]
    fn only_its_own_key_is_told() {
        let conversations = Conversations::default();
        let (mine, yours) = (Some(KeyDigest::of("sk-1")), Some(KeyDigest::of("sk-2")));
        conversations.keep("resp_1".into(), conversation(mine, 10));
        assert!(conversations.get("resp_1", mine).is_some());
        assert!(conversations.get("resp_1", yours).is_none() && conversations.get("resp_1", None).is_none());
        assert!(!conversations.forget("resp_1", yours) && conversations.forget("resp_1", mine));
        assert!(conversations.get("resp_1", mine).is_none());
    }

    #[test]
    fn memory_is_bounded() {
        let conversations = Conversations::default();
        conversations.keep("long".into(), conversation(None, LONGEST));
        assert!(conversations.get("long", None).is_none());
        for n in 0..200 {
            conversations.keep(n.to_string(), conversation(None, 1024 * 1024));
        }
        let kept = (0..200).filter(|n| conversations.get(&n.to_string(), None).is_some()).count();
        assert!((1..=32).contains(&kept), "{kept}");
    }
}

//! JSON answers.
use crate::wire::peek::PeekError;
use crate::wire::usage::Usage;
use bytes::Bytes;

#[derive(Clone, Debug)]
pub struct Answer {
    pub body: Bytes,
    pub usage: Option<Usage>,
}
/// Kind::GarbledAnswer at the caller on Err. `group_model`: None = leave.
pub fn read(body: Bytes, group_model: Option<&str>) -> Result<Answer, PeekError> {
    todo!()
}

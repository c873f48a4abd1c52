//! What calls cost. The table of models ([`table`]) and which one is in force ([`book`]), the prices of one model
//! ([`prices`]), what a finished call cost ([`cost`]), what one may cost at most before it is sent ([`estimate`]), what
//! pictures cost ([`pictures`]) and how many tokens one is that is shown ([`vision`]), what is taken off or put on ([`terms`]), all in whole pico-dollars ([`money`]). How many tokens a text is, where no provider says
//! it ([`tokens`]), and who asks only for that ([`counted`]).
//!
//! Pure: the table is compiled in, or its text is an argument.

pub mod book;
pub mod cost;
pub mod counted;
pub mod estimate;
pub mod money;
mod names;
pub mod pictures;
pub mod prices;
pub mod table;
pub mod terms;
pub mod tokens;
pub mod vision;

pub use book::Book;
pub use cost::{Cost, cost};
pub use money::Money;
pub use prices::{Prices, ServiceTier};
pub use table::Table;
pub use terms::Terms;
pub use tokens::Tokenizer;

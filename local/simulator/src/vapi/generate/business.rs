//! The invented businesses whose phones the assistants answer.

mod care;
mod home;
mod trade;

/// A business, and what its callers and its assistant talk about.
#[derive(Debug)]
pub(crate) struct Business {
    pub(crate) brand: &'static str,
    /// What speech-to-text makes of the brand.
    pub(crate) misheard: [&'static str; 4],
    pub(crate) trade: &'static str,
    /// How the assistant introduces itself.
    pub(crate) agent: &'static str,
    /// The assistant's own name in Vapi, at most 40 characters.
    pub(crate) label: Option<&'static str>,
    pub(crate) street: &'static str,
    pub(crate) hours: &'static str,
    pub(crate) services: [Service; 4],
    /// Why people call, as they would say it after "Hi,", and which service that is about.
    pub(crate) needs: [(usize, &'static str); 5],
    /// What the assistant must find out, and answers to it.
    pub(crate) questions: [(&'static str, &'static str); 5],
    /// What the business is proud of.
    pub(crate) values: [&'static str; 4],
}

/// Something the business sells.
#[derive(Debug)]
pub(crate) struct Service {
    pub(crate) name: &'static str,
    /// Cheapest and dearest, in dollars.
    pub(crate) price: (i64, i64),
    pub(crate) minutes: i64,
}

/// All businesses; assistant `n` works for number `n`.
pub(crate) fn all() -> impl Iterator<Item = &'static Business> {
    care::BUSINESSES
        .iter()
        .chain(&home::BUSINESSES)
        .chain(&trade::BUSINESSES)
}

const fn service(name: &'static str, price: (i64, i64), minutes: i64) -> Service {
    Service { name, price, minutes }
}

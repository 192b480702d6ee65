//! How a [`Server`](super::Server) behaves when nothing is broken.

use std::time::Duration;

/// The model that answers say they come from, unless they are told another: nobody is to take it for a real one.
pub const MODEL: &str = "simulated-judge-1";

/// How the server behaves. [`Settings::default`] is an honest judge in no hurry and without limits.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Port on loopback; 0 takes any free one.
    pub port: u16,
    /// The only bearer token let in; `None` lets in any, but there must be one.
    pub api_key: Option<String>,
    /// The model that answers say they come from.
    pub model: String,
    /// The models that can be asked; if there are none, any can.
    pub models: Vec<String>,
    /// Waited before each answer.
    pub latency: Duration,
    /// How many requests are let in; `None` lets in all.
    pub limit: Option<Limit>,
    /// Gives the highest levels to a call in which somebody tells the judge to.
    pub obeys_injection: bool,
}

/// So many requests in any period of this length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// How many.
    pub requests: usize,
    /// The length of the period.
    pub per: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            port: 0,
            api_key: None,
            model: MODEL.to_owned(),
            models: Vec::new(),
            latency: Duration::ZERO,
            limit: None,
            obeys_injection: false,
        }
    }
}

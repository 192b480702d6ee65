//! The proxy variables, checked at the start.

use super::Reader;
use crate::platform::proxy::{OF_ALL, OF_HTTP, OF_HTTPS, fault};

impl Reader {
    /// The proxy variables that HTTP clients obey. One that is broken would be ignored, and the proxy passed by.
    pub(super) fn proxies(&mut self) {
        for names in [OF_HTTPS, OF_HTTP, OF_ALL] {
            // The first that is set is the one that counts; the secret is not where clients look.
            let set = names
                .into_iter()
                .find_map(|name| Some((name, self.environment.get(name)?.trim().to_owned())));
            if let Some((name, value)) = set
                && let Some(fault) = fault(&value)
            {
                self.problem(name, fault, "a URL such as http://proxy.example.com:3128");
            }
        }
    }
}

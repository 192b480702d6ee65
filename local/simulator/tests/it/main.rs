//! The simulator as its clients see it, over plain HTTP.

#[cfg(test)]
mod analytics;
#[cfg(test)]
mod client;
#[cfg(test)]
mod content;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod life;
#[cfg(test)]
mod list;
#[cfg(test)]
mod oddities;
#[cfg(test)]
mod server;

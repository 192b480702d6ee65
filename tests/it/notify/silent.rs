//! A lost reply of PostgreSQL makes nobody hear of something twice, or not at all.

use std::time::{Duration, Instant};

use serde_json::json;
use shared::run::Status;
use tests::Mischief;

use super::scene::{SYNC, Scene, at};
use crate::silent::{for_each_answer, in_a_hurry};

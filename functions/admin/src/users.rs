//! Who may sign in: names with argon2id hashes of their passwords.

use std::collections::BTreeMap;

use anyhow::{Result, anyhow};
use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use secrecy::{ExposeSecret as _, SecretString};

/// Users by name.
#[derive(Clone, Debug)]
pub struct Users {
    hashes: BTreeMap<String, SecretString>,
    /// What a password is checked against for a name that nobody has, so that it takes as long.
    nobody: SecretString,
}

/// A hash is not one that a password can be checked against.
#[derive(Debug, thiserror::Error)]
#[error("the hash of user {name} in ADMIN_USERS is malformed: make it with `callmark hash-password {name}`")]
pub struct MalformedUsers {
    name: String,
}

impl Users {
    /// These users, each with the argon2id hash of a password.
    pub fn new(users: impl IntoIterator<Item = (String, SecretString)>) -> Result<Self, MalformedUsers> {
        let hashes: BTreeMap<String, SecretString> = users.into_iter().collect();
        for (name, hash) in &hashes {
            let parsed = PasswordHash::new(hash.expose_secret());
            if !parsed.is_ok_and(|hash| hash.algorithm.as_str() == "argon2id") {
                return Err(MalformedUsers { name: name.clone() });
            }
        }
        let nobody = hash("nobody").unwrap_or_default().into();
        Ok(Self { hashes, nobody })
    }

    /// Whether this is the user's password. Takes as long for a user that there is not. Keeps a core busy for some
    /// tens of milliseconds.
    #[must_use]
    pub(crate) fn verify(&self, name: &str, password: &str) -> bool {
        let known = self.hashes.get(name);
        let hash = known.unwrap_or(&self.nobody).expose_secret();
        let fits = PasswordHash::new(hash)
            .is_ok_and(|hash| Argon2::default().verify_password(password.as_bytes(), &hash).is_ok());
        fits && known.is_some()
    }

    /// The hash of a user's password: a session that began under another one has ended.
    pub(crate) fn hash_of(&self, name: &str) -> Option<&SecretString> {
        self.hashes.get(name)
    }
}

/// The argon2id hash of a password, in the form that `ADMIN_USERS` takes.
pub fn hash(password: &str) -> Result<String> {
    Argon2::default()
        .hash_password(password.as_bytes())
        .map(|hash| hash.to_string())
        .map_err(|error| anyhow!("hashing the password: {error}"))
}

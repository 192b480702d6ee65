//! Who may sign in: names with argon2id hashes of their passwords.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::{Result, anyhow};
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use argon2::{Argon2, Params};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::Semaphore;

/// Passwords that are checked at once; each takes a core, and 19 MB of a function that may have 256.
const AT_ONCE: usize = 2;

/// Users by name.
#[derive(Clone, Debug)]
pub struct Users {
    hashes: BTreeMap<String, SecretString>,
    /// What a password is checked against for a name that nobody has, so that it takes as long.
    nobody: SecretString,
    turns: Arc<Semaphore>,
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
        let mut params = Params::default();
        for (name, hash) in &hashes {
            params = params_of(hash.expose_secret()).ok_or_else(|| MalformedUsers { name: name.clone() })?;
        }
        Ok(Self {
            hashes,
            // One command made all hashes: any of them says how long a check takes.
            nobody: nobody(&params).into(),
            turns: Arc::new(Semaphore::new(AT_ONCE)),
        })
    }

    /// Whether this is the user's password. Takes as long for a user that there is not.
    pub(crate) async fn verify(&self, name: &str, password: SecretString) -> Result<bool> {
        let known = self.hashes.get(name);
        let (is_known, hash) = (known.is_some(), known.unwrap_or(&self.nobody).clone());
        let turn = Arc::clone(&self.turns).acquire_owned().await?;
        let fits = tokio::task::spawn_blocking(move || {
            // Work that nobody waits for any more goes on, and keeps its turn.
            let _turn = turn;
            fits(hash.expose_secret(), password.expose_secret())
        });
        Ok(fits.await? && is_known)
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

/// A hash that no password has. Written, not made: that would be most of a cold start.
fn nobody(params: &Params) -> String {
    let (memory, rounds, lanes) = (params.m_cost(), params.t_cost(), params.p_cost());
    let digest = "A".repeat(43);
    format!("$argon2id$v=19$m={memory},t={rounds},p={lanes}$dGhlIHNhbHQgb2Ygbm9ib2R5${digest}")
}

fn fits(hash: &str, password: &str) -> bool {
    PasswordHash::new(hash).is_ok_and(|hash| Argon2::default().verify_password(password.as_bytes(), &hash).is_ok())
}

/// How a usable hash was made.
fn params_of(hash: &str) -> Option<Params> {
    let hash = PasswordHash::new(hash).ok()?;
    let is_whole = hash.algorithm.as_str() == "argon2id" && hash.salt.is_some() && hash.hash.is_some();
    is_whole.then(|| Params::try_from(&hash).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    const PASSWORD: &str = "correct horse battery staple";

    /// A user whose hash is quick to check.
    fn ada(params: Params) -> Users {
        let hash = Argon2::from(params).hash_password(PASSWORD.as_bytes()).unwrap();
        Users::new([("ada".to_owned(), hash.to_string().into())]).unwrap()
    }

    fn quick() -> Params {
        Params::new(64, 1, 1, None).unwrap()
    }

    #[tokio::test]
    async fn a_password_fits_its_user_alone() {
        let users = ada(quick());

        assert!(users.verify("ada", PASSWORD.into()).await.unwrap());
        assert!(!users.verify("ada", "another".into()).await.unwrap());
        assert!(!users.verify("Ada", PASSWORD.into()).await.unwrap());
        assert!(!users.verify("bob", "nobody's".into()).await.unwrap());
    }

    #[test]
    fn a_name_that_nobody_has_is_checked_as_thoroughly() {
        let users = ada(Params::new(128, 3, 1, None).unwrap());

        let nobody = users.nobody.expose_secret();

        let checked = PasswordHash::new(nobody).unwrap();
        let error = Argon2::default().verify_password(b"any", &checked).unwrap_err();
        assert!(nobody.starts_with("$argon2id$v=19$m=128,t=3,p=1$"), "{nobody}");
        // Refused for the password, after all the work, and not for its form.
        assert_eq!(error, argon2::password_hash::Error::PasswordInvalid);
        assert_eq!(
            checked.hash.map(|digest| digest.len()),
            Some(Params::DEFAULT_OUTPUT_LEN)
        );
    }

    #[tokio::test]
    async fn no_more_than_two_passwords_are_checked_at_once() {
        let users = ada(quick());
        let turns = Arc::clone(&users.turns).acquire_many_owned(2).await.unwrap();

        let third = timeout(Duration::from_millis(100), users.verify("ada", PASSWORD.into())).await;
        drop(turns);
        let later = timeout(Duration::from_secs(10), users.verify("ada", PASSWORD.into())).await;

        assert!(third.is_err());
        assert!(later.unwrap().unwrap());
        assert_eq!(users.turns.available_permits(), AT_ONCE);
    }

    #[test]
    fn a_hash_that_no_password_can_be_checked_against_is_refused_by_name() {
        for hash in [
            "",
            "$argon2id$",
            "$argon2id$v=19$m=19456,t=2,p=1",
            "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHQ",
            "$argon2id$v=19$m=1,t=0,p=1$c29tZXNhbHQ$Hk0+ZyO0QNVYfJxCpHCvQHBXAZzKZhYIEAPCmFNhDxk",
            "$argon2i$v=19$m=64,t=1,p=1$c29tZXNhbHQ$Hk0+ZyO0QNVYfJxCpHCvQHBXAZzKZhYIEAPCmFNhDxk",
            "$2b$12$abcdefghijklmnopqrstuuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ01",
        ] {
            let refusal = Users::new([("ada".to_owned(), hash.into())]).unwrap_err().to_string();

            assert!(
                refusal.starts_with("the hash of user ada in ADMIN_USERS is malformed"),
                "{hash}: {refusal}"
            );
        }
    }

    #[test]
    fn a_hash_is_made_anew_each_time_and_is_usable() {
        let (one, other) = (hash(PASSWORD).unwrap(), hash(PASSWORD).unwrap());

        assert_ne!(one, other);
        assert!(one.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{one}");
        assert!(fits(&one, PASSWORD) && !fits(&one, "another"));
    }
}

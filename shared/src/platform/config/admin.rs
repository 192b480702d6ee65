//! Who may look at the pages.

use std::collections::HashSet;

use secrecy::SecretString;

use super::Reader;

/// Who may look at the pages.
#[derive(Clone, Debug)]
pub struct Admin {
    /// `ADMIN_USERS`: names with the argon2id hashes of their passwords.
    pub users: Vec<(String, SecretString)>,
    /// `ADMIN_SESSION_KEY`: encrypts the cookies of sessions.
    pub session_key: SecretString,
}

impl Reader {
    /// `ADMIN_USERS` and `ADMIN_SESSION_KEY`.
    pub fn admin(&mut self) -> Admin {
        let text = self.required("ADMIN_USERS", USERS).unwrap_or_default();
        let users: Option<Vec<_>> = text.split_whitespace().map(user).collect();
        let names: HashSet<&str> = users.iter().flatten().map(|(name, _)| name.as_str()).collect();
        if users.is_none() {
            self.problem("ADMIN_USERS", "is malformed", USERS);
        } else if names.len() < users.iter().flatten().count() {
            self.problem("ADMIN_USERS", "names somebody twice", USERS);
        }
        let session_key = self.required("ADMIN_SESSION_KEY", SESSION_KEY).unwrap_or_default();
        if !session_key.is_empty() && session_key.len() < 32 {
            self.problem("ADMIN_SESSION_KEY", "is too short", SESSION_KEY);
        }
        Admin {
            users: users.unwrap_or_default(),
            session_key: session_key.into(),
        }
    }
}

const USERS: &str = "lines of `callmark hash-password NAME`, such as ada:$argon2id$…, with spaces or new lines between";

const SESSION_KEY: &str = "32 or more random characters, such as `openssl rand -hex 32` gives";

/// Whether somebody who looks at the pages can have this name: 1 to 64 letters, digits, `.`, `_`, `-` and `@`.
#[must_use]
pub fn is_user_name(name: &str) -> bool {
    (1..=64).contains(&name.len())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"._-@".contains(&byte))
}

/// One user, as `name:hash`.
fn user(line: &str) -> Option<(String, SecretString)> {
    let (name, hash) = line.split_once(':')?;
    (is_user_name(name) && hash.starts_with("$argon2id$")).then(|| (name.to_owned(), hash.into()))
}

#[cfg(test)]
mod tests {
    use super::super::tests::reader;

    const SESSION: &str = "0123456789abcdef0123456789abcdef";

    /// The names of these users, or what is wrong with them.
    fn users(text: &str) -> Result<Vec<String>, String> {
        let mut reader = reader(&[("ADMIN_USERS", text), ("ADMIN_SESSION_KEY", SESSION)]);
        let admin = reader.admin();
        reader.finish().map_err(|error| error.to_string())?;
        Ok(admin.users.into_iter().map(|(name, _)| name).collect())
    }

    #[test]
    fn users_stand_in_any_white_space_each_with_a_hash() {
        let text = " ada:$argon2id$v=19$a\n\n grace.hopper@navy-1_x:$argon2id$v=19$b\tZoe:$argon2id$v=19$c ";

        assert_eq!(users(text).unwrap(), ["ada", "grace.hopper@navy-1_x", "Zoe"]);
    }

    #[test]
    fn a_user_without_a_usable_name_or_hash_is_refused_and_not_shown() {
        let long = format!("{}:$argon2id$v=19$a", "x".repeat(65));
        let wrong = [
            "ada",
            "ada:secret-password",
            "ada:$argon2i$v=19$a",
            ":$argon2id$v=19$a",
            "a/da:$argon2id$v=19$a",
            "<b>:$argon2id$v=19$a",
            "ad\u{e4}:$argon2id$v=19$a",
            "ada:$argon2id$v=19$a bob",
            &long,
        ];

        for text in wrong {
            let problem = users(text).unwrap_err();
            assert!(problem.starts_with("ADMIN_USERS is malformed: "), "{text}: {problem}");
            assert!(!problem.contains("secret-password"), "{problem}");
        }
    }

    #[test]
    fn a_name_that_stands_there_twice_is_refused() {
        let problem = users("ada:$argon2id$v=19$a bob:$argon2id$v=19$b ada:$argon2id$v=19$c").unwrap_err();

        assert!(problem.starts_with("ADMIN_USERS names somebody twice: "), "{problem}");
    }

    #[test]
    fn sessions_need_users_and_a_long_key() {
        let problems = |key: &str| {
            let mut reader = reader(&[("ADMIN_SESSION_KEY", key)]);
            reader.admin();
            reader.finish().unwrap_err().to_string()
        };

        assert!(problems(&SESSION[1..]).contains("ADMIN_SESSION_KEY is too short"));
        assert!(problems("").contains("ADMIN_SESSION_KEY is missing"));
        assert!(problems(SESSION).starts_with("ADMIN_USERS is missing"));
    }
}

//! Sign-ins that failed, and who has to wait: every query on `sign_in_failures`.

-- Which version of the program's code derived a call's columns from its document; null where that was not kept yet.
-- A version that derives more brings an index of its own in later.sql, and the rows that are behind are found by it.
alter table vapi_calls_raw add column derived_version smallint;

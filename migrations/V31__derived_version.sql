-- Which version of the program's code derived a call's columns from its document; null where that was not kept yet.
-- A version that derives more brings an index of its own, and the rows that are behind are found by it.
alter table vapi_calls_raw add column derived_version smallint;

create index vapi_calls_raw_derived_before_1 on vapi_calls_raw (id)
    where derived_version is null or derived_version < 1;

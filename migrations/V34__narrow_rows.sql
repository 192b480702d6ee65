-- A call's row is kept narrow: what is long lies beside it, transcripts too, so that whoever counts or lists calls reads a
-- fraction of the pages. Rows that are stored stay as they are until they are written again.
alter table vapi_calls_raw set (toast_tuple_target = 256);

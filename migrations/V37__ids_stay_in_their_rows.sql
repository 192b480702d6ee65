-- With a target of 256, a call's ids lay beside it, too, so that reading a key read two tables. With this one, only what is
-- long does: the document, the transcript, signed links.
alter table vapi_calls_raw set (toast_tuple_target = 640);

-- A row holds more than Vapi's last document where that one lacked content that an earlier one had.
alter table vapi_calls_raw
    -- When content first outlived Vapi's; null where Vapi's last document has all of it.
    add column content_kept_at timestamptz,
    -- The hash of Vapi's last document, mixed with document_hash; null where that document is stored as it came.
    add column source_hash bytea,
    -- Which parts the document has, mixed with document_hash: tells without reading it whether another one lacks any.
    add column content_shape bigint;

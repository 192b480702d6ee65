-- What a judge said of a call is as large as its transcript, and is compressed as calls are.
-- Rows that are stored keep their compression until they are written again: see `backfills`.
do $$
begin
    alter table qci_analyses
        alter column criteria set compression lz4,
        alter column facts set compression lz4,
        alter column coaching_tips set compression lz4,
        alter column key_issues set compression lz4,
        alter column critical_failures set compression lz4,
        alter column what_went_well set compression lz4;
exception
    when feature_not_supported or invalid_parameter_value then
        raise notice 'this server has no lz4: scores take the default compression';
end
$$;

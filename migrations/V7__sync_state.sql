-- One row is how far a sync has got: every call that changed up to the watermark is stored.
create table sync_state (
    name text not null,
    -- Moves to the target when no window is left open.
    watermark timestamptz,
    -- The upper bound of the passes whose windows are open.
    target timestamptz,
    -- When the trailing window was last read again for values that settle late.
    rescanned_at timestamptz,
    updated_at timestamptz not null,
    constraint sync_state_pkey primary key (name)
);

-- One row is a stretch of time that still has to be walked; it shrinks with every batch that commits.
create table sync_windows (
    id bigint generated always as identity,
    pass text not null,
    created_from timestamptz,
    created_to timestamptz not null,
    updated_from timestamptz,
    constraint sync_windows_pkey primary key (id),
    constraint sync_windows_pass_known check (pass in ('full', 'new', 'changed', 'rescan', 'range')),
    constraint sync_windows_forwards check (created_from is null or created_from <= created_to)
);

-- One row is the brand that one assistant speaks for, with the spellings that count; it goes before the framework's.
create table assistant_brands (
    assistant_id text not null,
    name text not null,
    aliases text[] not null default '{}',
    constraint assistant_brands_pkey primary key (assistant_id),
    constraint assistant_brands_name_not_blank check (btrim(name) <> ''),
    constraint assistant_brands_aliases_not_blank check (array_position(aliases, '') is null)
);

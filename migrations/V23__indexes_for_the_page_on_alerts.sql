-- What the page on alerts reads by. Messages are few, and some channels and kinds have hardly any: without these,
-- all the others would be read to find that out.
create index notifications_by_channel on notifications (channel, created_at desc, id desc);

create index notifications_by_status on notifications (status, created_at desc, id desc);

create index notifications_by_kind on notifications (kind, created_at desc, id desc);

-- Since when all is well.
create index incidents_ended on incidents (ended_at) where ended_at is not null;

-- The watchdog finds more than silence: documents that became emptier, listings that cannot be true, counts that differ.
-- Each constraint is widened, so that the code before this one goes on as it did.
alter table alerts
    drop constraint alerts_kind_known,
    add constraint alerts_kind_known check (
        kind in ('missed', 'late', 'too_long', 'low_headroom', 'documents_emptied', 'listing_suspect', 'counts_differ')
    );

alter table incidents
    drop constraint incidents_kind_known,
    add constraint incidents_kind_known check (
        kind in (
            'run_failed', 'run_incomplete', 'missed', 'late', 'too_long', 'low_headroom', 'alarm', 'errors', 'undelivered',
            'documents_emptied', 'listing_suspect', 'counts_differ'
        )
    );

-- purpose: outbox.skip() gives an event up: where the relay would halt at it, it puts it aside as a
--          dead letter. It changes nothing for an event that can be published.
-- growth:  one row for each event that was given up, some hundred bytes. It says who did it and
--          why, so nothing removes it.
-- locks:   creates only; nothing that exists is locked.

create table outbox.skip (
  event_id uuid not null,
  reason text not null,
  requested_by text not null,
  session_role name not null default session_user,
  requested_at timestamptz not null default now(),
  constraint skip_pkey primary key (event_id),
  constraint skip_reason_size check (char_length(reason) <= 1000 and reason ~ '\S'),
  constraint skip_requested_by_size check (char_length(requested_by) <= 200 and requested_by ~ '\S')
);

comment on table outbox.skip is
  'events that somebody gave up: the relay puts them aside where it would halt at them';
comment on constraint skip_reason_size on outbox.skip is
  'reason has 1 to 1000 characters: say why the event may be missing on its topic';
comment on constraint skip_requested_by_size on outbox.skip is
  'requested_by has 1 to 200 characters: say who gives the event up';

-- Whether this call is the one that gave it up; the first stays on record.
create function outbox.skip(event_id uuid, reason text, requested_by text default session_user)
  returns boolean
  language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
  -- With every number of the ring named, each partition is asked by its index.
  if not exists (select from outbox.event
      where event.ring in (0, 1, 2, 3, 4, 5, 6, 7) and event.id = skip.event_id) then
    raise exception using errcode = 'no_data_found', schema = 'outbox', table = 'event',
      message = format('event %s is not in outbox.event', coalesce(skip.event_id::text, 'null')),
      hint = 'the id stands in the error at which the relay halts';
  end if;
  insert into outbox.skip (event_id, reason, requested_by)
    values (skip.event_id, skip.reason, skip.requested_by)
    on conflict on constraint skip_pkey do nothing;
  return found;
end
$$;

comment on function outbox.skip(uuid, text, text) is
  'gives an event up: where the relay would halt at it, it puts it aside as a dead letter';

revoke all on outbox.skip from public;
revoke all on function outbox.skip(uuid, text, text) from public;

grant select on outbox.skip to outbox_relay;
grant execute on function outbox.skip(uuid, text, text) to outbox_relay;

-- purpose: outbox.emit_once() writes an event once for each business key, however often it is
--          called; outbox.claim_business_key() is the same promise for an own insert.
-- growth:  one row for each key, about 100 bytes and twice the key with its index, until
--          outbox.forget_business_keys(keep) deletes it. Nothing else removes a key: until it is
--          forgotten, a repetition writes nothing; afterwards it writes another event. So keep them
--          for longer than the work that emits may be repeated, and let the job that calls
--          outbox.rotate() call it.
-- locks:   creates only; nothing that exists is locked. Two transactions that emit under one key at
--          a time: the second waits until the first ends.

-- A table of its own, for the unique index of a ring of partitions would have to hold the partition
-- as well, and a key would be unique for one period only.
create table outbox.once (
  business_key text not null,
  event_id uuid not null,
  emitted_at timestamptz not null default now(),
  constraint once_pkey primary key (business_key),
  constraint once_business_key_size check (outbox.is_key(business_key))
);

-- What forget_business_keys() looks for.
create index once_emitted_at on outbox.once (emitted_at);

comment on table outbox.once is
  'business keys under which an event was emitted, and its id; the event itself may be gone from the ring';
comment on constraint once_business_key_size on outbox.once is
  'business_key has 1 to 1024 bytes: use what is the same whenever the work is repeated, such as order-42-placed';

-- Whether the caller is the first under this key, and the id of the event: its own, or that of the
-- first. The insert waits for a transaction that has the key and has not ended. If that commits,
-- the key is taken; if it rolls back, the caller is the first.
create function outbox.claim_business_key(
  business_key text,
  id uuid,
  out event_id uuid,
  out is_first boolean
)
  language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
  if business_key is null or id is null then
    raise exception using errcode = 'not_null_violation', schema = 'outbox', table = 'once',
      message = 'business_key must be given',
      hint = 'use what is the same whenever the work is repeated, or call outbox.emit()';
  elsif not outbox.is_key(business_key) then
    raise exception using
      errcode = 'check_violation', schema = 'outbox', table = 'once',
      constraint = 'once_business_key_size',
      message = 'the event breaks the rule once_business_key_size',
      detail = format('Found %s bytes.', octet_length(business_key)),
      hint = (select obj_description(oid, 'pg_constraint') from pg_constraint
        where conrelid = 'outbox.once'::regclass and conname = 'once_business_key_size');
  end if;
  loop
    insert into outbox.once (business_key, event_id)
      values (claim_business_key.business_key, claim_business_key.id)
      on conflict on constraint once_pkey do nothing;
    is_first := found;
    select once.event_id into event_id from outbox.once
      where once.business_key = claim_business_key.business_key;
    -- Not found if it was forgotten between the two statements.
    exit when found;
  end loop;
end
$$;

comment on function outbox.claim_business_key(text, uuid) is
  'notes that the event with this id is emitted under the business key, unless another one was';

create function outbox.emit_once(
  business_key text,
  event_type text,
  aggregate_type text,
  aggregate_id text,
  payload json,
  schema_version integer default null,
  key text default null,
  correlation_id text default null,
  causation_id text default null,
  headers json default '{}',
  occurred_at timestamptz default now(),
  public boolean default true,
  id uuid default null
) returns uuid
  language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  claimed record;
begin
  select * into claimed
    from outbox.claim_business_key(business_key, coalesce(id, outbox.uuid_v7()));
  if claimed.is_first then
    perform outbox.emit(event_type, aggregate_type, aggregate_id, payload, schema_version, key,
      correlation_id, causation_id, headers, occurred_at, public, claimed.event_id);
  end if;
  return claimed.event_id;
end
$$;

comment on function outbox.emit_once(text, text, text, text, json, integer, text, text, text, json, timestamptz, boolean, uuid) is
  'writes one event unless one was written under the business key, and returns the id of the first';

-- Literals and text parameters, and jsonb, as outbox.emit() takes them.
create function outbox.emit_once(
  business_key text,
  event_type text,
  aggregate_type text,
  aggregate_id text,
  payload text,
  schema_version integer default null,
  key text default null,
  correlation_id text default null,
  causation_id text default null,
  headers text default '{}',
  occurred_at timestamptz default now(),
  public boolean default true,
  id uuid default null
) returns uuid
  language sql volatile
  return outbox.emit_once(business_key, event_type, aggregate_type, aggregate_id, payload::json,
    schema_version, key, correlation_id, causation_id, headers::json, occurred_at, public, id);

create function outbox.emit_once(
  business_key text,
  event_type text,
  aggregate_type text,
  aggregate_id text,
  payload jsonb,
  schema_version integer default null,
  key text default null,
  correlation_id text default null,
  causation_id text default null,
  headers jsonb default '{}',
  occurred_at timestamptz default now(),
  public boolean default true,
  id uuid default null
) returns uuid
  language sql volatile
  return outbox.emit_once(business_key, event_type, aggregate_type, aggregate_id, payload::json,
    schema_version, key, correlation_id, causation_id, headers::json, occurred_at, public, id);

-- Deletes the oldest keys, so many at a time that no transaction is long; returns how many. A
-- result of `at_most` says that there may be more.
create function outbox.forget_business_keys(keep interval, at_most integer default 10000)
  returns integer
  language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  forgotten integer;
begin
  if keep is null or keep < interval '0' or at_most is null or at_most < 1 then
    raise exception using errcode = 'invalid_parameter_value',
      message = 'keep must be a time that is not negative, and at_most a positive number',
      hint = 'keep business keys for longer than the work that emits may be repeated';
  end if;
  delete from outbox.once using (
    select once.business_key from outbox.once where once.emitted_at < now() - keep
    order by once.emitted_at limit at_most for update skip locked
  ) as old where once.business_key = old.business_key;
  get diagnostics forgotten = row_count;
  return forgotten;
end
$$;

comment on function outbox.forget_business_keys(interval, integer) is
  'deletes business keys that are older than the given time; a repetition then emits again';

revoke all on outbox.once from public;
revoke all on all functions in schema outbox from public;

-- The SDK inserts the event itself, with the schema that it was built with.
grant execute on function outbox.claim_business_key(text, uuid) to outbox_app;

grant execute on function
  outbox.emit_once(text, text, text, text, json, integer, text, text, text, json, timestamptz, boolean, uuid),
  outbox.emit_once(text, text, text, text, text, integer, text, text, text, text, timestamptz, boolean, uuid),
  outbox.emit_once(text, text, text, text, jsonb, integer, text, text, text, jsonb, timestamptz, boolean, uuid)
  to outbox_emitter;

grant execute on function outbox.forget_business_keys(interval, integer) to outbox_retention;

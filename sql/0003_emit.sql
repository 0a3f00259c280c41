-- purpose: outbox.emit() writes an event from any language; outbox.canary() proves the way from
--          the table to the relay.
-- growth:  none of its own.
-- locks:   creates only; nothing that exists is locked.

-- Raises the error that the constraint `rule` would raise, with the constraint's comment as hint.
create function outbox.refuse(rule name, seen text) returns void
  language plpgsql stable set search_path = pg_catalog, pg_temp as $$
begin
  raise exception using
    errcode = 'check_violation', schema = 'outbox', table = 'event', constraint = rule,
    message = format('the event breaks the rule %s', rule),
    detail = format('Found %s.', seen),
    hint = (select obj_description(oid, 'pg_constraint') from pg_constraint
      where conrelid = 'outbox.event'::regclass and conname = rule);
end
$$;

create function outbox.emit(
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
  event_id uuid := coalesce(id, outbox.uuid_v7());
  event_headers json := coalesce(headers, '{}');
begin
  if event_type is null or aggregate_type is null or aggregate_id is null then
    raise exception using errcode = 'not_null_violation', schema = 'outbox', table = 'event',
      message = 'event_type, aggregate_type and aggregate_id must be given',
      hint = 'only a payload may be null: that event is a tombstone';
  end if;
  -- The table has the same rules. Here they come first because an error that was raised by the
  -- table could be explained only from an exception block, which costs a subtransaction each time.
  if not outbox.is_type_name(event_type) then
    perform outbox.refuse('event_type_name', quote_literal(left(event_type, 80)));
  elsif not outbox.is_event_type_free(event_type) then
    perform outbox.refuse('event_type_reserved', quote_literal(left(event_type, 80)));
  elsif not outbox.is_type_name(aggregate_type) then
    perform outbox.refuse('event_aggregate_type_name', quote_literal(left(aggregate_type, 80)));
  elsif not outbox.is_schema_ref('v' || schema_version) then
    perform outbox.refuse('event_schema_ref_form', format('schema_version => %s', schema_version));
  elsif not outbox.is_key(aggregate_id) then
    perform outbox.refuse('event_aggregate_id_size', octet_length(aggregate_id) || ' bytes');
  elsif not outbox.is_key(key) then
    perform outbox.refuse('event_key_size', octet_length(key) || ' bytes');
  elsif not outbox.is_key(correlation_id) then
    perform outbox.refuse('event_correlation_id_size', octet_length(correlation_id) || ' bytes');
  elsif not outbox.is_key(causation_id) then
    perform outbox.refuse('event_causation_id_size', octet_length(causation_id) || ' bytes');
  elsif not outbox.is_payload_size(payload) then
    perform outbox.refuse('event_payload_size', octet_length(payload::text) || ' bytes');
  elsif not outbox.is_headers_size(event_headers) then
    perform outbox.refuse('event_headers_size', octet_length(event_headers::text) || ' bytes');
  elsif not outbox.is_headers_flat(event_headers) then
    perform outbox.refuse('event_headers_flat', 'another name or value, or no object');
  elsif not outbox.is_headers_count(event_headers) then
    perform outbox.refuse('event_headers_count', (select count(*) || ' headers'
      from json_object_keys(event_headers)));
  elsif not outbox.is_headers_free(event_headers) then
    perform outbox.refuse('event_headers_reserved', (select string_agg(name, ', ')
      from json_object_keys(event_headers) as name));
  end if;

  insert into outbox.event (id, aggregate_type, aggregate_id, event_type, schema_ref, key,
    correlation_id, causation_id, payload, headers, occurred_at, public)
  values (event_id, aggregate_type, aggregate_id, event_type, 'v' || schema_version, key,
    coalesce(correlation_id, event_id::text), causation_id, payload, event_headers,
    coalesce(occurred_at, now()), coalesce(public, true));
  return event_id;
end
$$;

-- Literals and text parameters come here: of several candidates PostgreSQL takes text for a
-- literal (https://www.postgresql.org/docs/current/typeconv-func.html).
create function outbox.emit(
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
  return outbox.emit(event_type, aggregate_type, aggregate_id, payload::json, schema_version, key,
    correlation_id, causation_id, headers::json, occurred_at, public, id);

create function outbox.emit(
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
  return outbox.emit(event_type, aggregate_type, aggregate_id, payload::json, schema_version, key,
    correlation_id, causation_id, headers::json, occurred_at, public, id);

comment on function outbox.emit(text, text, text, json, integer, text, text, text, json, timestamptz, boolean, uuid) is
  'writes one event and returns its id; commits or rolls back with the calling transaction';

-- Goes through the same table and publication as every event, so its arrival proves both; the
-- relay knows the type and never publishes it.
create function outbox.canary() returns uuid
  language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  canary_id uuid := outbox.uuid_v7();
begin
  insert into outbox.event (id, aggregate_type, aggregate_id, event_type, correlation_id)
  values (canary_id, 'postrider', 'canary', 'postrider.canary', canary_id::text);
  return canary_id;
end
$$;

comment on function outbox.canary() is
  'writes an event that is never published and returns its id';

revoke all on all functions in schema outbox from public;

-- purpose: the table that holds every event, as a ring of eight partitions by time.
-- growth:  one row for each event (150 to 400 bytes beside the payload and the headers), until
--          outbox.rotate() empties its partition.
-- locks:   creates only; nothing that exists is locked.

-- The functions of the defaults and of the rules are single expressions, so that the planner folds
-- them into the statement that inserts: none is called for a row.

-- How long one partition of the ring is written to. Replaced by outbox.set_ring_period(). Stable,
-- not immutable: the planner then inlines it and notes that the plan depends on it, so that
-- replacing it reaches the prepared statements of every session; it evaluates an immutable function
-- without such a note.
create function outbox.ring_period() returns interval
  language sql stable parallel safe
  return interval '1 day';

create function outbox.ring_at(at timestamptz) returns smallint
  language sql stable parallel safe
  return (floor(date_part('epoch', at) / date_part('epoch', outbox.ring_period()))::bigint % 8)::smallint;

-- RFC 9562, section 5.7: 48 bits of Unix milliseconds, then random bits. It takes them from
-- gen_random_uuid() and turns version 4 into version 7.
create function outbox.uuid_v7() returns uuid
  language sql volatile parallel safe
  return encode(
    set_bit(set_bit(
      overlay(uuid_send(gen_random_uuid())
        placing substring(int8send((date_part('epoch', clock_timestamp()) * 1000)::bigint) from 3)
        from 1 for 6),
      52, 1), 53, 1),
    'hex')::uuid;

-- The rules, each spelled once for the table and for outbox.emit().
create function outbox.is_type_name(name text) returns boolean
  language sql immutable parallel safe
  return octet_length(name) <= 200 and (name collate "C") ~ '^[A-Za-z_][A-Za-z0-9_.-]*$';

create function outbox.is_key(key text) returns boolean
  language sql immutable parallel safe
  return octet_length(key) between 1 and 1024;

create function outbox.is_schema_ref(schema_ref text) returns boolean
  language sql immutable parallel safe
  return (schema_ref collate "C") ~ '^(v[1-9][0-9]{0,8}|sha256:[0-9a-f]{16})$';

create function outbox.is_payload_size(payload json) returns boolean
  language sql immutable parallel safe
  return octet_length(payload::text) <= 1048576;

create function outbox.is_headers_size(headers json) returns boolean
  language sql immutable parallel safe
  return octet_length(headers::text) <= 65536;

-- The argument is valid JSON already, so commas and brackets need no proof: every value must be a
-- string, every name printable ASCII without quotes, backslashes and spaces.
create function outbox.is_headers_flat(headers json) returns boolean
  language sql immutable parallel safe
  return (headers::text collate "C")
    ~ '^\s*\{(?:\s*"[!#-[\]-~]+"\s*:\s*"(?:[^"\\]|\\.)*"\s*,?)*\s*\}\s*$';

-- No text of 400 bytes holds more than 64 different headers.
create function outbox.is_headers_count(headers json) returns boolean
  language sql immutable parallel safe
  return octet_length(headers::text) <= 400
    or jsonb_array_length(jsonb_path_query_array(headers::jsonb, '$.*')) <= 64;

create function outbox.is_headers_free(headers json) returns boolean
  language sql immutable parallel safe
  return headers::text = '{}' or not headers::jsonb ?| array['id', 'type', 'correlation-id',
    'causation-id', 'aggregate-id', 'occurred-at', 'postrider-position'];

-- postrider.* belongs to the relay; the one such event that goes through the table is its canary.
create function outbox.is_event_type_free(event_type text) returns boolean
  language sql immutable parallel safe
  return not starts_with(event_type, 'postrider.');

create sequence outbox.event_seq as bigint;

create table outbox.event (
  id uuid not null default outbox.uuid_v7(),
  aggregate_type text not null,
  aggregate_id text not null,
  event_type text not null,
  schema_ref text,
  key text,
  correlation_id text not null,
  causation_id text,
  payload json,
  headers json not null default '{}',
  occurred_at timestamptz not null default now(),
  public boolean not null default true,
  seq bigint not null default nextval('outbox.event_seq'),
  xid xid8 not null default pg_current_xact_id(),
  ring smallint not null default outbox.ring_at(now()),
  constraint event_pkey primary key (ring, id),
  constraint event_aggregate_type_name check (outbox.is_type_name(aggregate_type)),
  constraint event_type_name check (outbox.is_type_name(event_type)),
  constraint event_type_reserved check (outbox.is_event_type_free(event_type)
    or (event_type = 'postrider.canary' and aggregate_type = 'postrider' and payload is null)),
  constraint event_schema_ref_form check (outbox.is_schema_ref(schema_ref)),
  constraint event_aggregate_id_size check (outbox.is_key(aggregate_id)),
  constraint event_key_size check (outbox.is_key(key)),
  constraint event_correlation_id_size check (outbox.is_key(correlation_id)),
  constraint event_causation_id_size check (outbox.is_key(causation_id)),
  constraint event_payload_size check (outbox.is_payload_size(payload)),
  constraint event_headers_size check (outbox.is_headers_size(headers)),
  constraint event_headers_flat check (outbox.is_headers_flat(headers)),
  constraint event_headers_count check (outbox.is_headers_count(headers)),
  constraint event_headers_reserved check (outbox.is_headers_free(headers))
) partition by list (ring);

alter sequence outbox.event_seq owned by outbox.event.seq;

create table outbox.event_0 partition of outbox.event for values in (0);
create table outbox.event_1 partition of outbox.event for values in (1);
create table outbox.event_2 partition of outbox.event for values in (2);
create table outbox.event_3 partition of outbox.event for values in (3);
create table outbox.event_4 partition of outbox.event for values in (4);
create table outbox.event_5 partition of outbox.event for values in (5);
create table outbox.event_6 partition of outbox.event for values in (6);
create table outbox.event_7 partition of outbox.event for values in (7);

-- A column default cannot see another column, hence a trigger; its condition is all that an insert
-- which gives the correlation id pays for it.
create function outbox.correlate() returns trigger
  language plpgsql as $$
begin
  new.correlation_id := new.id::text;
  return new;
end
$$;

create trigger event_correlate before insert on outbox.event
  for each row when (new.correlation_id is null) execute function outbox.correlate();

-- What each rule asks for and what to do instead. outbox.emit() shows these as hints.
comment on constraint event_aggregate_type_name on outbox.event is
  'aggregate_type is 1 to 200 of A-Z, a-z, 0-9, "_", "." and "-", and begins with a letter or "_": name the kind of thing that changed, such as order';
comment on constraint event_type_name on outbox.event is
  'event_type is 1 to 200 of A-Z, a-z, 0-9, "_", "." and "-", and begins with a letter or "_": use the name of its contract, such as shop.OrderPlaced';
comment on constraint event_type_reserved on outbox.event is
  'event types that begin with "postrider." belong to the relay: choose another prefix';
comment on constraint event_schema_ref_form on outbox.event is
  'schema_ref is a registered version such as v2, or sha256: and 16 hexadecimal digits: give the version under which the schema is registered, or null for the one the relay has locked';
comment on constraint event_aggregate_id_size on outbox.event is
  'aggregate_id has 1 to 1024 bytes: use the identifier of what changed';
comment on constraint event_key_size on outbox.event is
  'key has 1 to 1024 bytes: shorten it, or give null to use the aggregate id';
comment on constraint event_correlation_id_size on outbox.event is
  'correlation_id has 1 to 1024 bytes: shorten it, or give null to use the event id';
comment on constraint event_causation_id_size on outbox.event is
  'causation_id has 1 to 1024 bytes: shorten it, or give null if nothing caused the event';
comment on constraint event_payload_size on outbox.event is
  'payload has at most 1048576 bytes as text: store the large part elsewhere and emit a reference to it';
comment on constraint event_headers_size on outbox.event is
  'headers have at most 65536 bytes as text: move data into the payload';
comment on constraint event_headers_flat on outbox.event is
  'headers are one flat JSON object whose values are strings and whose names are printable ASCII without spaces, quotes and backslashes: write numbers as strings and move nested data into the payload';
comment on constraint event_headers_count on outbox.event is
  'an event has at most 64 headers: move data into the payload';
comment on constraint event_headers_reserved on outbox.event is
  'the relay itself writes the headers id, type, correlation-id, causation-id, aggregate-id, occurred-at and postrider-position: give those values as columns, or choose other names';

comment on table outbox.event is
  'events, append-only; each is written in the transaction of the change it tells of';
comment on column outbox.event.public is
  'false: a domain event that never leaves the database';
comment on column outbox.event.seq is
  'order of writing within a transaction; says nothing about the order of commits';
comment on column outbox.event.ring is
  'partition, by the time at which the writing transaction began';

revoke all on all functions in schema outbox from public;

-- purpose: who may do what. Four group roles without login; grant them to the login roles.
-- growth:  none.
-- locks:   grants lock the catalog rows of the objects for a moment; no table is locked.

-- Roles belong to the whole cluster: another database may have made them, or be making them now.
do $$
declare
  role_name text;
  missing text[] := '{}';
begin
  foreach role_name in array array['outbox_app', 'outbox_emitter', 'outbox_relay', 'outbox_retention'] loop
    if not exists (select from pg_roles where rolname = role_name) then
      begin
        execute format('create role %I nologin', role_name);
      exception
        when duplicate_object or unique_violation then null;
        when insufficient_privilege then missing := missing || role_name;
      end;
    end if;
  end loop;
  if missing <> '{}' then
    raise exception using errcode = 'insufficient_privilege',
      message = format('the roles %s are missing, and %s may not create roles',
        array_to_string(missing, ', '), current_user),
      hint = 'have an administrator run: '
        || (select string_agg(format('create role %I nologin;', name), ' ') from unnest(missing) as name);
  end if;
end
$$;

revoke all on all tables in schema outbox from public;
revoke all on all sequences in schema outbox from public;
revoke all on all functions in schema outbox from public;
revoke all on schema outbox from public;

grant usage on schema outbox to outbox_app, outbox_emitter, outbox_relay, outbox_retention;

-- seq, xid and ring are what retention and repair rely on, so no application may set them. The
-- functions are those of the defaults and rules, which run with the rights of the inserting role.
grant insert (id, aggregate_type, aggregate_id, event_type, schema_ref, key, correlation_id,
  causation_id, payload, headers, occurred_at, public) on outbox.event to outbox_app;
grant usage on sequence outbox.event_seq to outbox_app;
grant execute on function outbox.uuid_v7(), outbox.ring_period(), outbox.ring_at(timestamptz),
  outbox.is_type_name(text), outbox.is_key(text), outbox.is_schema_ref(text),
  outbox.is_payload_size(json), outbox.is_headers_size(json), outbox.is_headers_flat(json),
  outbox.is_headers_count(json), outbox.is_headers_free(json), outbox.is_event_type_free(text)
  to outbox_app;

grant execute on function
  outbox.emit(text, text, text, json, integer, text, text, text, json, timestamptz, boolean, uuid),
  outbox.emit(text, text, text, text, integer, text, text, text, text, timestamptz, boolean, uuid),
  outbox.emit(text, text, text, jsonb, integer, text, text, text, jsonb, timestamptz, boolean, uuid)
  to outbox_emitter;

grant select on outbox.event, outbox.migration, outbox.slot, outbox.ring_state to outbox_relay;
grant execute on function outbox.canary(), outbox.register_slot(name) to outbox_relay;

grant select on outbox.migration, outbox.slot, outbox.ring_state to outbox_retention;
grant execute on function outbox.rotate(interval, pg_lsn) to outbox_retention;

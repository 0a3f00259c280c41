-- purpose: retention. outbox.rotate() empties the partitions of the ring whose events are
--          published, by truncate: no delete, no dead rows, hardly any write-ahead log.
-- growth:  eight rows in outbox.ring_state, one row in outbox.slot for each replication slot.
-- locks:   creates only; nothing that exists is locked. outbox.rotate() locks one old partition
--          at a time and waits at most two seconds for it.

create table outbox.slot (
  slot_name name not null,
  registered_at timestamptz not null default now(),
  constraint slot_pkey primary key (slot_name)
);

comment on table outbox.slot is
  'replication slots that read this outbox; outbox.rotate() empties nothing that one of them has not confirmed';

create table outbox.ring_state (
  ring smallint not null,
  kept_from timestamptz not null default '-infinity',
  sealed_xid xid8,
  sealed_lsn pg_lsn,
  sealed_system bigint,
  emptied_at timestamptz,
  constraint ring_state_pkey primary key (ring),
  constraint ring_state_ring_range check (ring between 0 and 7)
);

comment on column outbox.ring_state.kept_from is
  'the rows count as written at this time at the earliest';
comment on column outbox.ring_state.sealed_xid is
  'every transaction below this one had ended, its commit recorded before sealed_lsn';

insert into outbox.ring_state (ring) select generate_series(0, 7);

-- More slots only make outbox.rotate() stricter, so a relay may register its own. To remove one is
-- for the owner: delete from outbox.slot where slot_name = '...'.
create function outbox.register_slot(slot_name name) returns void
  language sql volatile security definer set search_path = pg_catalog, pg_temp
begin atomic
  insert into outbox.slot (slot_name) values (register_slot.slot_name)
  on conflict on constraint slot_pkey do nothing;
end;

-- The position up to which every slot that reads this outbox has confirmed.
create function outbox.confirmed_lsn() returns pg_lsn
  language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
declare
  missing text;
  confirmed pg_lsn;
begin
  select string_agg(quote_ident(registered.slot_name), ', ')
      filter (where existing.confirmed_flush_lsn is null),
    min(existing.confirmed_flush_lsn)
    into missing, confirmed
    from outbox.slot as registered
    left join pg_replication_slots as existing
      on existing.slot_name = registered.slot_name and existing.plugin = 'pgoutput'
      and existing.database = current_database();
  if missing is not null then
    raise exception using errcode = 'object_not_in_prerequisite_state',
      message = format('the replication slot %s does not exist', missing),
      detail = 'Events that no slot has confirmed exist in this table only, so nothing is emptied.',
      hint = 'see what the relay reports; if the slot was given up for good, delete it from outbox.slot';
  elsif confirmed is null then
    raise exception using errcode = 'object_not_in_prerequisite_state',
      message = 'no replication slot reads this outbox',
      detail = 'Events that no slot has confirmed exist in this table only, so nothing is emptied.',
      hint = 'run `postrider init`, or name the slot with outbox.register_slot()';
  end if;
  return confirmed;
end
$$;

-- Empties the partitions whose events are published and older than `keep`.
--
-- Invariant: no event that is not confirmed is removed. First a partition is sealed: the oldest
-- transaction that still runs (sealed_xid) and then the current position (sealed_lsn) are noted, so
-- whatever older transactions wrote has committed before that position. Once every slot has
-- confirmed it, the partition is locked against writers and must hold no row of sealed_xid or later;
-- else it is sealed again. So a transaction that began long ago and still writes here loses nothing.
--
-- `published_up_to` is for the relay, which knows from Kafka how far it came: a slot that somebody
-- moved or made anew then cannot confirm for it.
create function outbox.rotate(keep interval, published_up_to pg_lsn default null)
  returns table (ring smallint, outcome text, explanation text)
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
  -- Longer than deadlock_timeout, after which autovacuum makes room.
  set lock_timeout = '2s' as $$
declare
  period constant interval := outbox.ring_period();
  this_system constant bigint := (select system_identifier from pg_control_system());
  current_ring smallint;
  confirmed pg_lsn;
  state outbox.ring_state;
  partition_name text;
  periods_ago integer;
  written_until timestamptz;
  written_since boolean;
begin
  if current_setting('transaction_isolation') <> 'read committed' then
    raise exception using errcode = 'invalid_transaction_state',
      message = 'outbox.rotate() must run at isolation level read committed',
      detail = 'A transaction with one snapshot for all statements does not see the newest rows.',
      hint = 'begin transaction isolation level read committed';
  elsif keep is null or keep < interval '0' or keep > 6 * period then
    raise exception using errcode = 'invalid_parameter_value',
      message = format('keep must be between 0 and six ring periods (%s)', 6 * period),
      detail = 'The ring has eight partitions: one is written to, and one is still in use by transactions that began earlier.',
      hint = 'give a shorter time, or lengthen the period with outbox.set_ring_period()';
  end if;

  perform from outbox.ring_state order by ring_state.ring for update;
  confirmed := least(outbox.confirmed_lsn(), published_up_to);
  current_ring := outbox.ring_at(clock_timestamp());

  for state in select * from outbox.ring_state order by ring_state.ring loop
    ring := state.ring;
    partition_name := format('outbox.event_%s', ring);
    periods_ago := (current_ring - ring + 8) % 8;
    written_until := greatest(state.kept_from, to_timestamp(date_part('epoch', period)
      * (floor(date_part('epoch', clock_timestamp()) / date_part('epoch', period)) - periods_ago + 1)));

    if periods_ago = 0 then
      outcome := 'current';
      explanation := 'events are written here now';
    elsif pg_relation_size(partition_name::regclass) = 0 then
      outcome := 'empty';
      explanation := coalesce('emptied at ' || state.emptied_at, 'never written to');
    elsif periods_ago = 1 then
      outcome := 'previous';
      explanation := 'transactions that began before the period ended may still write here';
    elsif written_until + keep > clock_timestamp() then
      outcome := 'kept';
      explanation := format('until %s', written_until + keep);
    elsif state.sealed_system is distinct from this_system then
      perform outbox.seal(ring, this_system);
      outcome := 'sealed';
      explanation := 'to be emptied once the slot confirms the current position';
    elsif state.sealed_lsn > confirmed then
      outcome := 'unconfirmed';
      explanation := format('%s is confirmed, %s is needed', confirmed, state.sealed_lsn);
    else
      begin
        execute format('lock table %s in share mode', partition_name);
        execute format('select exists (select from %s where xid >= $1)', partition_name)
          into written_since using state.sealed_xid;
        if written_since then
          perform outbox.seal(ring, this_system);
          outcome := 'sealed';
          explanation := 'again, for a transaction wrote here after the first time';
        else
          execute format('truncate %s', partition_name);
          update outbox.ring_state set sealed_xid = null, sealed_lsn = null, sealed_system = null,
            emptied_at = clock_timestamp() where ring_state.ring = state.ring;
          outcome := 'emptied';
          explanation := format('its events were confirmed at %s', confirmed);
        end if;
      exception when lock_not_available then
        outcome := 'busy';
        explanation := 'another transaction uses it; the next call tries again';
      end;
    end if;
    return next;
  end loop;
end
$$;

-- The snapshot is taken before the position is read, so the commits it shows lie before that.
create function outbox.seal(ring smallint, this_system bigint) returns void
  language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
declare
  oldest_running constant xid8 := pg_snapshot_xmin(pg_current_snapshot());
begin
  update outbox.ring_state set sealed_xid = oldest_running,
    sealed_lsn = pg_current_wal_insert_lsn(), sealed_system = this_system
    where ring_state.ring = seal.ring;
end
$$;

-- Which partition a time falls into changes with the period, so every row counts as written now.
create function outbox.set_ring_period(period interval) returns void
  language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
begin
  if period is null or date_part('epoch', period) <= 0 then
    raise exception using errcode = 'invalid_parameter_value',
      message = 'the ring period must be longer than nothing',
      hint = 'outbox.rotate() keeps up to six periods';
  end if;
  execute format('create or replace function outbox.ring_period() returns interval
    language sql stable parallel safe return interval %L', period);
  update outbox.ring_state set kept_from = clock_timestamp();
end
$$;

revoke all on all functions in schema outbox from public;

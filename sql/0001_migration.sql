-- purpose: the schema, and the record of which migrations this database has.
-- growth:  one row for each file in this folder.
-- locks:   creates only; nothing that exists is locked.

do $$
begin
  -- `create schema if not exists` asks for the right to create one even where it exists.
  if to_regnamespace('outbox') is null then
    create schema outbox;
  end if;
end
$$;

create table outbox.migration (
  version integer not null,
  name text not null,
  checksum text not null,
  applied_at timestamptz not null default now(),
  constraint migration_pkey primary key (version)
);

comment on table outbox.migration is
  'migrations that were applied; checksum is the sha-256 of the file, in hexadecimal';

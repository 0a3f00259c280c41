-- One line for each thing in the schema `outbox` that matters: compared with schema.txt.
-- The period of the ring is a setting, and grants to other roles are the administrator's affair.
select line
from (
  select format('column %s.%s %s%s%s', class.relname, attname, format_type(atttypid, atttypmod),
      case when attnotnull then ' not null' end,
      ' default ' || pg_get_expr(adbin, adrelid)) as line
  from pg_class as class
  join pg_attribute on attrelid = class.oid and attnum > 0 and not attisdropped
  left join pg_attrdef on adrelid = attrelid and adnum = attnum
  where class.relnamespace = to_regnamespace('outbox') and class.relkind in ('r', 'p')
    and not class.relispartition
  union all
  select format('constraint %s.%s %s', class.relname, conname, pg_get_constraintdef(constraints.oid))
  from pg_constraint as constraints
  join pg_class as class on class.oid = conrelid
  where class.relnamespace = to_regnamespace('outbox') and not class.relispartition
    and contype in ('c', 'f', 'p', 'u', 'x')
  union all
  select format('trigger %s.%s %s', class.relname, tgname,
      case tgenabled when 'O' then 'enabled' when 'D' then 'disabled' else 'for replicas' end)
  from pg_trigger
  join pg_class as class on class.oid = tgrelid
  where class.relnamespace = to_regnamespace('outbox') and not class.relispartition
    and not tgisinternal
  union all
  select format('partition %s of %s %s', class.relname, parent.relname,
      pg_get_expr(class.relpartbound, class.oid))
  from pg_class as class
  join pg_inherits on inhrelid = class.oid
  join pg_class as parent on parent.oid = inhparent and parent.relkind = 'p'
  where class.relnamespace = to_regnamespace('outbox') and class.relkind = 'r'
  union all
  select format('function %s(%s)%s%s body %s', proname,
      (select string_agg(argument::regtype::text, ',' order by place)
        from unnest(proargtypes) with ordinality as arguments (argument, place)),
      case when prosecdef then ' security definer' end,
      ' set ' || array_to_string(proconfig, ' set '),
      case when proname = 'ring_period' then 'any'
        else left(md5(coalesce(pg_get_function_sqlbody(pg_proc.oid), prosrc)), 12) end)
  from pg_proc
  where pronamespace = to_regnamespace('outbox')
  union all
  select format('grant %s on %s to %s', lower(privilege_type), target,
      case grantee when 0 then 'public' else pg_get_userbyid(grantee)::text end)
  from (
    select 'schema outbox' as target, nspacl as acl from pg_namespace where nspname = 'outbox'
    union all
    select relname::text, relacl from pg_class where relnamespace = to_regnamespace('outbox')
    union all
    select format('%s.%s', relname, attname), attacl from pg_attribute
    join pg_class on pg_class.oid = attrelid and relnamespace = to_regnamespace('outbox')
    where not attisdropped
    union all
    select format('%s(%s)', proname, oidvectortypes(proargtypes)),
      coalesce(proacl, acldefault('f', proowner))
    from pg_proc where pronamespace = to_regnamespace('outbox')
  ) as targets
  cross join aclexplode(acl)
  where grantee = 0 or pg_get_userbyid(grantee)
    in ('outbox_app', 'outbox_emitter', 'outbox_relay', 'outbox_retention')
) as lines
order by line collate "C"

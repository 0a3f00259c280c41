-- What the service of the recipes has beside the outbox: its own table, and what a consumer keeps.

create table bread_order (
    order_id uuid primary key,
    total numeric(12, 2) not null check (total > 0)
);

-- A row says that a consumer has handled an event. It is written in the transaction of the effect,
-- so an event that comes twice finds it and has no second effect.
create table receipt (
    consumer text not null,
    event_id uuid not null,
    handled_at timestamptz not null default now(),
    primary key (consumer, event_id)
);

-- An effect that a second handling would falsify.
create table revenue (
    consumer text primary key,
    orders bigint not null,
    total numeric(14, 2) not null,
    cancelled bigint not null
);

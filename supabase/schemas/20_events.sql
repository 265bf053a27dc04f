-- Append-only log of what happened to a company; read by the API and the metrics.

create table public.marketplace_events (
  id bigint generated always as identity primary key,
  company_id bigint not null references public.companies on delete cascade,
  type text not null check (type ~ '^[a-z][a-z0-9_]*$'),
  cause text not null,
  detail jsonb not null default '{}',
  created_at timestamptz not null default now()
);
create index marketplace_events_company_id_idx on public.marketplace_events (company_id, id desc);
create index marketplace_events_record_id_idx on public.marketplace_events (company_id, ((detail ->> 'record_id')), id)
where detail ? 'record_id';
create index marketplace_events_session_changes_idx on public.marketplace_events (created_at) where type = 'session_state_changed';

create function public.event_record(p_company_id bigint, p_type text, p_cause text, p_detail jsonb default '{}')
returns void language sql set search_path = '' as $$
  insert into public.marketplace_events (company_id, type, cause, detail)
  values (p_company_id, p_type, p_cause, coalesce(p_detail, '{}'))
$$;

create function public.events_latest(p_company_id bigint, p_limit integer)
returns setof public.marketplace_events language sql stable set search_path = '' as $$
  select * from public.marketplace_events where company_id = p_company_id order by id desc limit p_limit
$$;

-- The newest p_limit events of a booking, oldest first. `detail ? 'record_id'` matches the partial index.
create function public.events_by_record(p_company_id bigint, p_record_id bigint, p_limit integer)
returns setof public.marketplace_events language sql stable set search_path = '' as $$
  select * from (
    select * from public.marketplace_events
    where company_id = p_company_id and detail ? 'record_id' and detail ->> 'record_id' = p_record_id::text
    order by id desc limit p_limit
  ) latest
  order by id
$$;

-- The type of the newest event among p_types: lets a caller report a change once.
create function public.event_latest_type(p_company_id bigint, p_types text[])
returns setof text language sql stable set search_path = '' as $$
  select type from public.marketplace_events
  where company_id = p_company_id and type = any (p_types) order by id desc limit 1
$$;

alter table public.marketplace_events enable row level security;
revoke all on public.marketplace_events from public, anon, authenticated;
grant select, insert, update, delete on public.marketplace_events to service_role;

revoke execute on function
  public.event_record, public.events_latest, public.events_by_record, public.event_latest_type
from public, anon, authenticated;
grant execute on function
  public.event_record, public.events_latest, public.events_by_record, public.event_latest_type
to service_role;

-- Last known state of YCLIENTS records, and the position of the reconciliation that reads them.

create table public.bookings (
  company_id bigint not null references public.companies on delete cascade,
  record_id bigint not null,
  -- Incremented with each write; optimistic locking.
  version integer not null,
  -- Local time of the salon.
  starts_at timestamp not null,
  duration_seconds integer not null default 0,
  staff_id bigint,
  staff_name text,
  services jsonb not null,
  client_phone text,
  client_name text,
  attendance smallint not null default 0,
  online boolean not null default false,
  cancelled boolean not null,
  created_at timestamptz,
  -- last_change_date of YCLIENTS.
  changed_at timestamptz,
  -- Whether its creation was seen, and not only later changes.
  creation_seen boolean not null default true,
  -- When the current start or the current client became known.
  start_known_at timestamptz not null default now(),
  -- Booking state that the client has been notified of; null when none.
  notified jsonb,
  -- Number of notifications; part of the next idempotency key.
  notification_count integer not null default 0,
  updated_at timestamptz not null default now(),
  primary key (company_id, record_id)
);
create index bookings_not_cancelled_idx on public.bookings (company_id, record_id) where not cancelled;

create function public.booking_find(p_company_id bigint, p_record_id bigint)
returns setof public.bookings language sql stable set search_path = '' as $$
  select * from public.bookings where company_id = p_company_id and record_id = p_record_id
$$;

-- Returns the time to read from. A retry of the same job does not count as another start.
create function public.sync_cursor_begin(p_company_id bigint, p_job text)
returns timestamptz language sql set search_path = '' as $$
  update public.companies
  set sync_runs = sync_runs + (sync_job is distinct from p_job)::integer, sync_job = p_job
  where id = p_company_id
  returning sync_cursor
$$;

-- May move backwards: p_until is not the database's clock, and reading a period twice is harmless.
create function public.sync_cursor_finish(p_company_id bigint, p_until timestamptz)
returns void language sql set search_path = '' as $$
  update public.companies set sync_cursor = p_until where id = p_company_id
$$;

-- {"<company id>": <number of started jobs>, …}
create function public.sync_cursor_run_counts(p_company_ids bigint[])
returns json language sql stable set search_path = '' as $$
  select coalesce(json_object_agg(id, sync_runs), '{}') from public.companies where id = any (p_company_ids)
$$;

alter table public.bookings enable row level security;
revoke all on public.bookings from public, anon, authenticated;
grant select, insert, update, delete on public.bookings to service_role;

revoke execute on function
  public.booking_find, public.sync_cursor_begin, public.sync_cursor_finish, public.sync_cursor_run_counts
from public, anon, authenticated;
grant execute on function
  public.booking_find, public.sync_cursor_begin, public.sync_cursor_finish, public.sync_cursor_run_counts
to service_role;

-- Credentials that WhatsApp refused for good are set aside for some days before they are erased, and the client version that
-- WhatsApp took last is kept for all instances.

create table public.whatsapp_quarantine (
  company_id bigint not null references public.companies on delete cascade,
  token bigint not null,
  type text not null,
  id text not null,
  value bytea not null,
  quarantined_at timestamptz not null default now(),
  primary key (company_id, token, type, id)
);
comment on column public.whatsapp_quarantine.token is 'Of the lease under which they were set aside: tells one logout from the next.';
create index whatsapp_quarantine_by_age on public.whatsapp_quarantine (quarantined_at);

create table public.whatsapp_client_version (
  only_row boolean primary key default true check (only_row),
  version integer[] not null check (array_length(version, 1) = 3),
  updated_at timestamptz not null default now()
);

-- Nothing that logs in finds them any more.
create function public.credentials_quarantine(p_company_id bigint, p_token bigint)
returns void language plpgsql set search_path = '' as $$
begin
  perform public.credentials_fence(p_company_id, p_token);
  with moved as (
    delete from public.whatsapp_credentials credential where credential.company_id = p_company_id
    returning credential.type, credential.id, credential.value
  )
  insert into public.whatsapp_quarantine (company_id, token, type, id, value)
  select p_company_id, p_token, moved.type, moved.id, moved.value from moved
  on conflict (company_id, token, type, id) do update set value = excluded.value, quarantined_at = now();
end
$$;

create function public.credentials_quarantine_erase(p_older_than_ms bigint)
returns void language sql set search_path = '' as $$
  delete from public.whatsapp_quarantine
  where quarantined_at <= now() - p_older_than_ms * interval '1 millisecond'
$$;

create function public.client_version() returns integer[]
language sql stable set search_path = '' as $$
  select version from public.whatsapp_client_version
$$;

-- An older version than the one that is kept changes nothing.
create function public.client_version_save(p_version integer[])
returns void language sql set search_path = '' as $$
  insert into public.whatsapp_client_version as kept (version) values (p_version)
  on conflict (only_row) do update set version = excluded.version, updated_at = now()
  where excluded.version > kept.version
$$;

alter table public.whatsapp_quarantine enable row level security;
alter table public.whatsapp_client_version enable row level security;
revoke all on public.whatsapp_quarantine, public.whatsapp_client_version from public, anon, authenticated;
grant select, insert, update, delete on public.whatsapp_quarantine, public.whatsapp_client_version to service_role;

revoke execute on function
  public.credentials_quarantine, public.credentials_quarantine_erase, public.client_version, public.client_version_save
from public, anon, authenticated;
grant execute on function
  public.credentials_quarantine, public.credentials_quarantine_erase, public.client_version, public.client_version_save
to service_role;

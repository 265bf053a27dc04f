-- Notification settings of a company. The application validates the document; the database stores it as it is.

create table public.company_settings (
  company_id bigint primary key references public.companies on delete cascade,
  settings jsonb not null,
  updated_at timestamptz not null default now()
);

create function public.company_settings_get(p_company_id bigint)
returns setof jsonb language sql stable set search_path = '' as $$
  select settings from public.company_settings where company_id = p_company_id
$$;

create function public.company_settings_save(p_company_id bigint, p_settings json, p_cause text)
returns void language sql set search_path = '' as $$
  insert into public.company_settings (company_id, settings) values (p_company_id, p_settings::jsonb)
  on conflict (company_id) do update set settings = excluded.settings, updated_at = now();
  update public.companies set in_use = true where id = p_company_id and not in_use;
  select public.event_record(p_company_id, 'settings_changed', p_cause);
$$;

alter table public.company_settings enable row level security;
revoke all on public.company_settings from public, anon, authenticated;
grant select, insert, update, delete on public.company_settings to service_role;

revoke execute on function
  public.company_settings_get, public.company_settings_save
from public, anon, authenticated;
grant execute on function
  public.company_settings_get, public.company_settings_save
to service_role;

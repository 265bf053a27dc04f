-- Companies, their sealed secrets, and the log of what happened to them.
-- Every table is closed to anon and authenticated; the service reaches it through the functions below, as service_role.

grant usage on schema public to service_role;

create table public.companies (
  id bigint generated always as identity primary key,
  salon_id bigint not null unique check (salon_id > 0),
  title text not null,
  business_type text not null check (business_type in
    ('beauty', 'barbershop', 'nails', 'medical', 'sport', 'auto', 'education', 'generic')),
  time_zone text,
  language text not null check (language in ('ru', 'en')),
  owner_user_id bigint,
  integration_status text not null default 'pending_whatsapp' check (integration_status in
    ('pending_whatsapp', 'activating', 'active', 'activation_failed', 'frozen', 'uninstalled')),
  session_state text not null default 'idle' check (session_state in
    ('idle', 'pairing', 'qr_expired', 'connecting', 'connected', 'reconnecting', 'logged_out', 'passkey_required',
     'banned', 'conflict', 'stopped')),
  session_state_since timestamptz not null default now(),
  whatsapp_phone text,
  connected_at timestamptz,
  webhook_secret_hash text not null unique check (webhook_secret_hash ~ '^[0-9a-f]{64}$'),
  next_send_at timestamptz not null default now(),
  created_at timestamptz not null default now()
);
comment on column public.companies.owner_user_id is 'The platform''s number of the person who connected the salon.';
comment on column public.companies.connected_at is 'When the present WhatsApp device was linked; empty after a logout.';
comment on column public.companies.next_send_at is 'Before this the pace of the number allows no further message.';
create index companies_integration_status on public.companies (integration_status, id);

create table public.company_secrets (
  company_id bigint primary key references public.companies on delete cascade,
  api_key bytea not null,
  api_key_hash text not null unique check (api_key_hash ~ '^[0-9a-f]{64}$'),
  webhook_secret bytea not null
);
comment on table public.company_secrets is 'Sealed by the application; the database cannot read them.';

create table public.marketplace_events (
  id bigint generated always as identity primary key,
  company_id bigint not null references public.companies on delete cascade,
  type text not null check (type ~ '^[a-z][a-z0-9_]*$'),
  cause text not null,
  detail jsonb not null default '{}',
  created_at timestamptz not null default now()
);
create index marketplace_events_of_company on public.marketplace_events (company_id, id desc);
create index marketplace_events_sessions on public.marketplace_events (created_at) where type = 'session_state_changed';

-- Where a company may go from where it stands. Back to `activating`: the platform has forgotten the installation.
create function public.integration_may_become(p_from text, p_to text) returns boolean
language sql immutable set search_path = '' as $$
  select p_to = any (case p_from
    when 'pending_whatsapp' then array['activating', 'uninstalled']
    when 'activating' then array['active', 'activation_failed', 'uninstalled']
    when 'active' then array['activating', 'frozen', 'uninstalled']
    when 'activation_failed' then array['activating', 'active', 'uninstalled']
    when 'frozen' then array['activating', 'active', 'uninstalled']
    when 'uninstalled' then array['pending_whatsapp']
    else array[]::text[]
  end)
$$;

create function public.event_record(p_company_id bigint, p_type text, p_cause text, p_detail jsonb default '{}')
returns void language sql set search_path = '' as $$
  insert into public.marketplace_events (company_id, type, cause, detail)
  values (p_company_id, p_type, p_cause, coalesce(p_detail, '{}'))
$$;

create function public.events_latest(p_company_id bigint, p_limit integer)
returns setof public.marketplace_events language sql stable set search_path = '' as $$
  select * from public.marketplace_events where company_id = p_company_id order by id desc limit p_limit
$$;

-- A new installation has nothing of the last one: neither its secrets, nor its owner, nor its WhatsApp.
create function public.company_restart(
  p_company_id bigint, p_owner_user_id bigint,
  p_api_key text, p_api_key_hash text, p_webhook_secret text, p_webhook_secret_hash text
) returns public.companies language plpgsql set search_path = '' as $$
declare
  v_company public.companies;
begin
  delete from public.connect_tokens where company_id = p_company_id;
  update public.company_secrets set
    api_key = decode(p_api_key, 'base64'),
    api_key_hash = p_api_key_hash,
    webhook_secret = decode(p_webhook_secret, 'base64')
  where company_id = p_company_id;
  update public.companies set
    owner_user_id = p_owner_user_id,
    integration_status = 'pending_whatsapp',
    session_state = 'idle',
    session_state_since = now(),
    whatsapp_phone = null,
    connected_at = null,
    webhook_secret_hash = p_webhook_secret_hash
  where id = p_company_id
  returning * into v_company;
  perform public.event_record(p_company_id, 'integration_status_changed', 'registration',
    jsonb_build_object('from', 'uninstalled', 'to', 'pending_whatsapp'));
  return v_company;
end
$$;

create function public.company_create_or_find(
  p_salon_id bigint, p_title text, p_business_type text, p_time_zone text, p_language text,
  p_owner_user_id bigint, p_api_key text, p_api_key_hash text, p_webhook_secret text, p_webhook_secret_hash text
) returns json language plpgsql set search_path = '' as $$
declare
  v_company public.companies;
  v_returns boolean;
begin
  insert into public.companies
    (salon_id, title, business_type, time_zone, language, owner_user_id, webhook_secret_hash)
  values
    (p_salon_id, p_title, p_business_type, p_time_zone, p_language, p_owner_user_id, p_webhook_secret_hash)
  on conflict (salon_id) do nothing
  returning * into v_company;
  if found then
    insert into public.company_secrets (company_id, api_key, api_key_hash, webhook_secret)
    values (v_company.id, decode(p_api_key, 'base64'), p_api_key_hash, decode(p_webhook_secret, 'base64'));
    perform public.event_record(v_company.id, 'company_registered', 'registration');
    return json_build_object('created', true, 'company', row_to_json(v_company));
  end if;
  select integration_status = 'uninstalled' into v_returns
  from public.companies where salon_id = p_salon_id for no key update;
  update public.companies set
    title = p_title,
    business_type = p_business_type,
    time_zone = coalesce(p_time_zone, time_zone),
    owner_user_id = coalesce(owner_user_id, p_owner_user_id)
  where salon_id = p_salon_id
  returning * into v_company;
  if v_returns then
    v_company := public.company_restart(
      v_company.id, p_owner_user_id, p_api_key, p_api_key_hash, p_webhook_secret, p_webhook_secret_hash
    );
  end if;
  return json_build_object('created', false, 'company', row_to_json(v_company));
end
$$;

create function public.company_by_id(p_company_id bigint) returns setof public.companies
language sql stable set search_path = '' as $$
  select * from public.companies where id = p_company_id
$$;

create function public.company_by_salon(p_salon_id bigint) returns setof public.companies
language sql stable set search_path = '' as $$
  select * from public.companies where salon_id = p_salon_id
$$;

create function public.company_by_api_key_hash(p_api_key_hash text) returns setof public.companies
language sql stable set search_path = '' as $$
  select company.* from public.company_secrets secret join public.companies company on company.id = secret.company_id
  where secret.api_key_hash = p_api_key_hash
$$;

create function public.company_secrets_of(p_company_id bigint)
returns table (salon_id bigint, api_key text, webhook_secret text)
language sql stable set search_path = '' as $$
  select company.salon_id, encode(secret.api_key, 'hex'), encode(secret.webhook_secret, 'hex')
  from public.company_secrets secret join public.companies company on company.id = secret.company_id
  where secret.company_id = p_company_id
$$;

create function public.companies_with_status(p_statuses text[]) returns setof public.companies
language sql stable set search_path = '' as $$
  select * from public.companies where integration_status = any (p_statuses) order by id
$$;

create function public.company_move_integration(p_company_id bigint, p_to text, p_cause text)
returns setof public.companies language plpgsql set search_path = '' as $$
declare
  v_company public.companies;
  v_from text;
begin
  select * into v_company from public.companies where id = p_company_id for no key update;
  v_from := v_company.integration_status;
  if not found or not public.integration_may_become(v_from, p_to) then
    return;
  end if;
  perform public.event_record(p_company_id, 'integration_status_changed', p_cause,
    jsonb_build_object('from', v_from, 'to', p_to));
  if p_to = 'uninstalled' then
    -- What was not sent by then must not reach anybody after a later reinstallation.
    update public.messages set status = 'expired' where company_id = p_company_id and status = 'queued';
  end if;
  return query update public.companies set integration_status = p_to where id = p_company_id returning *;
end
$$;

create function public.company_record_session(
  p_company_id bigint, p_state text, p_cause text default null, p_phone text default null
) returns setof public.companies language plpgsql set search_path = '' as $$
declare
  v_company public.companies;
  v_changed boolean;
  v_linked boolean;
begin
  select * into v_company from public.companies where id = p_company_id for no key update;
  if not found then
    return;
  end if;
  v_changed := v_company.session_state <> p_state;
  v_linked := p_state = 'connected'
    and (v_company.connected_at is null or v_company.whatsapp_phone is distinct from coalesce(p_phone, v_company.whatsapp_phone));
  if v_changed then
    perform public.event_record(p_company_id, 'session_state_changed', coalesce(p_cause, 'session'),
      jsonb_build_object('from', v_company.session_state, 'to', p_state, 'linked', v_linked));
  end if;
  return query update public.companies set
    session_state = p_state,
    session_state_since = case when v_changed then now() else session_state_since end,
    whatsapp_phone = coalesce(p_phone, whatsapp_phone),
    connected_at = case when v_linked then now() when p_state = 'logged_out' then null else connected_at end
  where id = p_company_id returning *;
end
$$;

create function public.connection_stats() returns json
language sql stable set search_path = '' as $$
  select json_build_object(
    'total', count(*),
    'connected', count(*) filter (where session_state = 'connected'),
    'pending', count(*) filter (where session_state <> 'connected' and integration_status = 'pending_whatsapp'),
    'disconnected', count(*) filter (where session_state <> 'connected' and integration_status <> 'pending_whatsapp'),
    'by_status', (
      select coalesce(json_object_agg(integration_status, companies), '{}')
      from (select integration_status, count(*) as companies from public.companies group by 1) as counted
    ),
    'last_24h', (
      select json_build_object(
        'new_connections', count(*) filter (where detail ->> 'linked' = 'true'),
        'disconnections', count(*) filter (where detail ->> 'to' in ('logged_out', 'banned', 'conflict'))
      )
      from public.marketplace_events
      where type = 'session_state_changed' and created_at > now() - interval '24 hours'
    )
  ) from public.companies
$$;

alter table public.companies enable row level security;
alter table public.company_secrets enable row level security;
alter table public.marketplace_events enable row level security;
revoke all on public.companies, public.company_secrets, public.marketplace_events from public, anon, authenticated;
grant select, insert, update, delete on public.companies, public.company_secrets, public.marketplace_events to service_role;

revoke execute on function
  public.integration_may_become, public.event_record, public.events_latest, public.company_restart,
  public.company_create_or_find,
  public.company_by_id, public.company_by_salon, public.company_by_api_key_hash, public.company_secrets_of,
  public.companies_with_status, public.company_move_integration, public.company_record_session, public.connection_stats
from public, anon, authenticated;
grant execute on function
  public.integration_may_become, public.event_record, public.events_latest, public.company_restart,
  public.company_create_or_find,
  public.company_by_id, public.company_by_salon, public.company_by_api_key_hash, public.company_secrets_of,
  public.companies_with_status, public.company_move_integration, public.company_record_session, public.connection_stats
to service_role;

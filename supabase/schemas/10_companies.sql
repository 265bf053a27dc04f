-- Companies (salons), their encrypted secrets, and the tokens of the connect page.

create table public.companies (
  id bigint generated always as identity primary key,
  salon_id bigint not null unique check (salon_id > 0),
  title text not null,
  business_type text not null check (business_type in
    ('beauty', 'barbershop', 'nails', 'medical', 'sport', 'auto', 'education', 'generic')),
  time_zone text,
  language text not null check (language in ('ru', 'en')),
  -- YCLIENTS user id of the person who connected the salon; null when the operator registered it.
  owner_user_id bigint,
  -- A pairing was started or settings were saved in this installation. Decides only while there is no owner.
  in_use boolean not null default false,
  webhook_secret_hash text not null unique check (webhook_secret_hash ~ '^[0-9a-f]{64}$'),
  integration_status text not null default 'pending_whatsapp' check (integration_status in
    ('pending_whatsapp', 'activating', 'active', 'activation_failed', 'frozen', 'uninstalled')),
  created_at timestamptz not null default now(),

  session_state text not null default 'idle' check (session_state in
    ('idle', 'pairing', 'qr_expired', 'connecting', 'connected', 'reconnecting', 'logged_out', 'passkey_required',
     'banned', 'conflict', 'stopped')),
  session_state_since timestamptz not null default now(),
  -- Reason code or disconnect code; null when the state is self-explanatory.
  session_cause text,
  whatsapp_phone text,
  -- When the current device was linked; null after a logout.
  connected_at timestamptz,

  -- Pacing allows no further message before this time.
  next_send_at timestamptz not null default now(),
  -- The number linked last. Unlike whatsapp_phone it survives a reinstallation.
  warm_up_phone text,
  -- When warm_up_phone replaced another number, or none; its warm-up starts here.
  warm_up_started_at timestamptz,
  -- Half pace until then, after WhatsApp refused a message.
  pace_reduced_until timestamptz,

  -- Record changes up to this time have been read from YCLIENTS.
  sync_cursor timestamptz,
  -- Number of reconciliation jobs started.
  sync_runs integer not null default 0,
  -- The job started last; its retries do not count again.
  sync_job text
);
create index companies_integration_status_idx on public.companies (integration_status, id);

-- Values are encrypted by the application; the database holds no key.
create table public.company_secrets (
  company_id bigint primary key references public.companies on delete cascade,
  api_key bytea not null,
  api_key_hash text not null unique check (api_key_hash ~ '^[0-9a-f]{64}$'),
  webhook_secret bytea not null
);

create table public.connect_tokens (
  token_hash text primary key check (token_hash ~ '^[0-9a-f]{64}$'),
  company_id bigint not null references public.companies on delete cascade,
  expires_at timestamptz not null,
  created_at timestamptz not null default now()
);
create index connect_tokens_company_id_idx on public.connect_tokens (company_id);

-- Allowed transitions of integration_status. `active` returns to `activating` when YCLIENTS has lost the installation.
create function public.integration_transition_allowed(p_from text, p_to text) returns boolean
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

-- Resets an uninstalled company for a new installation. Nothing of the previous owner is kept: secrets, owner, WhatsApp
-- link, received messages and webhook.
create function public.company_reinstall(
  p_company_id bigint, p_owner_user_id bigint,
  p_api_key text, p_api_key_hash text, p_webhook_secret text, p_webhook_secret_hash text
) returns public.companies language plpgsql set search_path = '' as $$
declare
  v_company public.companies;
begin
  delete from public.connect_tokens where company_id = p_company_id;
  delete from public.received_messages where company_id = p_company_id;
  delete from public.outgoing_webhooks where company_id = p_company_id;
  update public.company_secrets set
    api_key = decode(p_api_key, 'base64'),
    api_key_hash = p_api_key_hash,
    webhook_secret = decode(p_webhook_secret, 'base64')
  where company_id = p_company_id;
  update public.companies set
    owner_user_id = p_owner_user_id,
    in_use = false,
    integration_status = 'pending_whatsapp',
    session_state = 'idle',
    session_cause = null,
    session_state_since = now(),
    whatsapp_phone = null,
    connected_at = null,
    sync_cursor = null,
    webhook_secret_hash = p_webhook_secret_hash
  where id = p_company_id
  returning * into v_company;
  perform public.event_record(p_company_id, 'integration_status_changed', 'registration',
    jsonb_build_object('from', 'uninstalled', 'to', 'pending_whatsapp'));
  return v_company;
end
$$;

-- The owner after a registration by p_user_id, or by the operator (null). A result other than p_user_id refuses this user.
create function public.company_owner_after(p_company public.companies, p_user_id bigint) returns bigint
language sql immutable set search_path = '' as $$
  select case
    when p_company.integration_status = 'uninstalled' then p_user_id
    when p_company.owner_user_id is null and not p_company.in_use then p_user_id
    else p_company.owner_user_id
  end
$$;

-- The same for a salon. Only company_create_or_find decides, under the row lock.
create function public.company_owner_preview(p_salon_id bigint, p_user_id bigint) returns bigint
language sql stable set search_path = '' as $$
  select case when company.id is null then p_user_id else public.company_owner_after(company, p_user_id) end
  from (select p_salon_id as salon_id) wanted
  left join public.companies company on company.salon_id = wanted.salon_id
$$;

-- With p_owner_user_id it changes nothing unless the returned company belongs to this user.
create function public.company_create_or_find(
  p_salon_id bigint, p_title text, p_business_type text, p_time_zone text, p_language text,
  p_owner_user_id bigint, p_api_key text, p_api_key_hash text, p_webhook_secret text, p_webhook_secret_hash text
) returns json language plpgsql set search_path = '' as $$
declare
  v_company public.companies;
  v_owner_user_id bigint;
  v_is_reinstallation boolean;
  v_is_claimed boolean;
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
    return json_build_object('created', true, 'claimed', false, 'company', row_to_json(v_company));
  end if;
  select * into v_company from public.companies where salon_id = p_salon_id for no key update;
  v_owner_user_id := public.company_owner_after(v_company, p_owner_user_id);
  if p_owner_user_id is not null and v_owner_user_id is distinct from p_owner_user_id then
    return json_build_object('created', false, 'claimed', false, 'company', row_to_json(v_company));
  end if;
  v_is_reinstallation := v_company.integration_status = 'uninstalled';
  v_is_claimed := not v_is_reinstallation and v_company.owner_user_id is distinct from v_owner_user_id;
  if v_is_claimed then
    -- The operator's link may be in other hands than those of the owner.
    perform public.connect_tokens_revoke(v_company.id);
  end if;
  update public.companies set
    title = p_title,
    business_type = p_business_type,
    time_zone = coalesce(p_time_zone, time_zone),
    owner_user_id = v_owner_user_id
  where id = v_company.id
  returning * into v_company;
  if v_is_reinstallation then
    v_company := public.company_reinstall(
      v_company.id, v_owner_user_id, p_api_key, p_api_key_hash, p_webhook_secret, p_webhook_secret_hash
    );
  end if;
  return json_build_object('created', false, 'claimed', v_is_claimed, 'company', row_to_json(v_company));
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

-- Ciphertexts in hex.
create function public.company_secrets_get(p_company_id bigint)
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

-- No rows when the transition is not allowed.
create function public.company_transition_integration(p_company_id bigint, p_to text, p_cause text)
returns setof public.companies language plpgsql set search_path = '' as $$
declare
  v_company public.companies;
  v_from text;
begin
  select * into v_company from public.companies where id = p_company_id for no key update;
  v_from := v_company.integration_status;
  if not found or not public.integration_transition_allowed(v_from, p_to) then
    return;
  end if;
  perform public.event_record(p_company_id, 'integration_status_changed', p_cause,
    jsonb_build_object('from', v_from, 'to', p_to));
  if p_to = 'uninstalled' then
    perform public.company_withdraw_messages(p_company_id, p_cause);
  end if;
  return query update public.companies set integration_status = p_to where id = p_company_id returning *;
end
$$;

create function public.connect_token_save(p_token_hash text, p_company_id bigint, p_expires_at timestamptz)
returns void language sql set search_path = '' as $$
  delete from public.connect_tokens where company_id = p_company_id and expires_at <= now();
  insert into public.connect_tokens (token_hash, company_id, expires_at)
  values (p_token_hash, p_company_id, p_expires_at)
  on conflict (token_hash) do nothing;
$$;

create function public.connect_token_is_valid(p_token_hash text, p_company_id bigint)
returns boolean language sql stable set search_path = '' as $$
  select exists (
    select from public.connect_tokens
    where token_hash = p_token_hash and company_id = p_company_id and expires_at > now()
  )
$$;

create function public.connect_tokens_revoke(p_company_id bigint)
returns void language sql set search_path = '' as $$
  delete from public.connect_tokens where company_id = p_company_id
$$;

alter table public.companies enable row level security;
alter table public.company_secrets enable row level security;
alter table public.connect_tokens enable row level security;
revoke all on public.companies, public.company_secrets, public.connect_tokens from public, anon, authenticated;
grant select, insert, update, delete on public.companies, public.company_secrets, public.connect_tokens to service_role;

revoke execute on function
  public.integration_transition_allowed, public.company_reinstall, public.company_owner_after,
  public.company_owner_preview, public.company_create_or_find, public.company_by_id, public.company_by_salon,
  public.company_by_api_key_hash, public.company_secrets_get, public.companies_with_status,
  public.company_transition_integration, public.connect_token_save, public.connect_token_is_valid,
  public.connect_tokens_revoke
from public, anon, authenticated;
grant execute on function
  public.integration_transition_allowed, public.company_reinstall, public.company_owner_after,
  public.company_owner_preview, public.company_create_or_find, public.company_by_id, public.company_by_salon,
  public.company_by_api_key_hash, public.company_secrets_get, public.companies_with_status,
  public.company_transition_integration, public.connect_token_save, public.connect_token_is_valid,
  public.connect_tokens_revoke
to service_role;

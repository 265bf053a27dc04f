-- Generated from supabase/schemas by `make initial-migration`; edit the files there.

-- Access model and conventions of this schema.
--
-- The application calls functions and never touches a table directly: `supabase.rpc` reaches PostgREST on Supabase and an
-- in-process endpoint elsewhere, both as the role service_role. Functions are SECURITY INVOKER; service_role bypasses RLS.
-- Each table has RLS enabled without policies and no grants to anon or authenticated. Supabase's default privileges grant
-- EXECUTE on new functions to anon and authenticated, so each file revokes it by name from these roles and from public.
--
-- Lock order: the row in public.companies first (FOR NO KEY UPDATE). It serialises planning, claiming and withdrawing of the
-- messages of one company. clock_timestamp() is used where a transaction may have waited for a lock; now() is its start.

grant usage on schema public to service_role;

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

-- State and ownership of WhatsApp sessions, and the WhatsApp client version shared by all instances.

create table public.whatsapp_leases (
  company_id bigint primary key references public.companies on delete cascade,
  owner text not null,
  -- Fencing token: grows with each grant. Rows are never deleted, so a token is never reused.
  token bigint not null,
  expires_at timestamptz not null
);

-- One row: the newest client version that WhatsApp has accepted.
create table public.whatsapp_client_version (
  only_row boolean primary key default true check (only_row),
  version integer[] not null check (array_length(version, 1) = 3),
  updated_at timestamptz not null default now()
);

-- Null when another owner holds an unexpired lease.
create function public.lease_acquire(p_company_id bigint, p_owner text, p_ttl_ms integer)
returns bigint language sql set search_path = '' as $$
  insert into public.whatsapp_leases as held (company_id, owner, token, expires_at)
  values (p_company_id, p_owner, 1, clock_timestamp() + p_ttl_ms * interval '1 millisecond')
  on conflict (company_id) do update set
    owner = excluded.owner,
    token = held.token + 1,
    expires_at = clock_timestamp() + p_ttl_ms * interval '1 millisecond'
  where held.owner = excluded.owner or held.expires_at <= clock_timestamp()
  returning held.token
$$;

create function public.lease_renew(p_company_id bigint, p_owner text, p_token bigint, p_ttl_ms integer)
returns boolean language plpgsql set search_path = '' as $$
begin
  update public.whatsapp_leases set expires_at = clock_timestamp() + p_ttl_ms * interval '1 millisecond'
  where company_id = p_company_id and owner = p_owner and token = p_token and expires_at > clock_timestamp();
  return found;
end
$$;

create function public.lease_release(p_company_id bigint, p_owner text, p_token bigint)
returns void language sql set search_path = '' as $$
  update public.whatsapp_leases set expires_at = clock_timestamp()
  where company_id = p_company_id and owner = p_owner and token = p_token and expires_at > clock_timestamp()
$$;

-- FOR SHARE: while the result is true, no other owner can acquire the lease before this transaction ends.
create function public.lease_is_held(p_company_id bigint, p_owner text, p_token bigint)
returns boolean language plpgsql set search_path = '' as $$
begin
  perform from public.whatsapp_leases
  where company_id = p_company_id and owner = p_owner and token = p_token and expires_at > clock_timestamp()
  for share;
  return found;
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
    session_cause = p_cause,
    -- The states of a closing session may arrive after a reinstallation.
    in_use = in_use or p_state in ('pairing', 'connecting', 'connected'),
    session_state_since = case when v_changed then now() else session_state_since end,
    whatsapp_phone = coalesce(p_phone, whatsapp_phone),
    connected_at = case when v_linked then now() when p_state = 'logged_out' then null else connected_at end
  where id = p_company_id returning *;
end
$$;

-- Installed companies without a working session, longest first. A linked company that started a new pairing counts as well.
create function public.companies_without_whatsapp(p_limit integer)
returns setof public.companies language sql stable set search_path = '' as $$
  select * from public.companies
  where integration_status <> 'uninstalled'
    and (session_state in ('reconnecting', 'logged_out', 'passkey_required', 'banned', 'conflict', 'stopped')
      or (session_state in ('idle', 'pairing', 'qr_expired') and whatsapp_phone is not null))
  order by session_state_since, id
  limit p_limit
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

create function public.client_version() returns integer[]
language sql stable set search_path = '' as $$
  select version from public.whatsapp_client_version
$$;

-- Keeps the newer of the stored and the given version.
create function public.client_version_save(p_version integer[])
returns void language sql set search_path = '' as $$
  insert into public.whatsapp_client_version as stored (version) values (p_version)
  on conflict (only_row) do update set version = excluded.version, updated_at = now()
  where excluded.version > stored.version
$$;

alter table public.whatsapp_leases enable row level security;
alter table public.whatsapp_client_version enable row level security;
revoke all on public.whatsapp_leases, public.whatsapp_client_version from public, anon, authenticated;
grant select, insert, update, delete on public.whatsapp_leases, public.whatsapp_client_version to service_role;

revoke execute on function
  public.lease_acquire, public.lease_renew, public.lease_release, public.lease_is_held, public.company_record_session,
  public.companies_without_whatsapp, public.connection_stats, public.client_version, public.client_version_save
from public, anon, authenticated;
grant execute on function
  public.lease_acquire, public.lease_renew, public.lease_release, public.lease_is_held, public.company_record_session,
  public.companies_without_whatsapp, public.connection_stats, public.client_version, public.client_version_save
to service_role;

-- Encrypted Baileys credentials and the quarantine of rejected ones. Writers present the fencing token of their lease.

create table public.whatsapp_credentials (
  company_id bigint not null references public.companies on delete cascade,
  type text not null,
  id text not null,
  value bytea not null,
  updated_at timestamptz not null default now(),
  primary key (company_id, type, id)
);

-- Credentials that WhatsApp rejected permanently, kept for some days before they are erased.
create table public.whatsapp_quarantine (
  company_id bigint not null references public.companies on delete cascade,
  -- Fencing token of the lease that quarantined the row; separates one logout from the next.
  token bigint not null,
  type text not null,
  id text not null,
  value bytea not null,
  quarantined_at timestamptz not null default now(),
  primary key (company_id, token, type, id)
);
create index whatsapp_quarantine_quarantined_at_idx on public.whatsapp_quarantine (quarantined_at);

-- Raises PT409 (HTTP 409) unless p_token is the newest granted. An expired lease still passes until another owner takes it.
create function public.credentials_fence(p_company_id bigint, p_token bigint)
returns void language plpgsql set search_path = '' as $$
begin
  perform from public.whatsapp_leases where company_id = p_company_id and token = p_token for share;
  if not found then
    raise sqlstate 'PT409' using message = 'The WhatsApp lease was lost';
  end if;
end
$$;

create function public.credentials_read(p_company_id bigint, p_type text, p_ids text[])
returns table (id text, value text) language sql stable set search_path = '' as $$
  select credential.id, encode(credential.value, 'hex') from public.whatsapp_credentials credential
  where credential.company_id = p_company_id and credential.type = p_type and credential.id = any (p_ids)
$$;

-- p_changes: [{type, id, value}]; value in hex, null deletes the row.
create function public.credentials_write(p_company_id bigint, p_token bigint, p_changes json)
returns void language plpgsql set search_path = '' as $$
begin
  perform public.credentials_fence(p_company_id, p_token);
  delete from public.whatsapp_credentials credential
  using json_to_recordset(p_changes) as change (type text, id text, value text)
  where credential.company_id = p_company_id and credential.type = change.type and credential.id = change.id
    and change.value is null;
  insert into public.whatsapp_credentials (company_id, type, id, value)
  select p_company_id, change.type, change.id, decode(change.value, 'hex')
  from json_to_recordset(p_changes) as change (type text, id text, value text)
  where change.value is not null
  on conflict (company_id, type, id) do update set value = excluded.value, updated_at = now();
end
$$;

-- Inserts and deletes p_bytes of incompressible data, so that a full disk is detected before WhatsApp has seen the login.
create function public.credentials_probe(p_company_id bigint, p_token bigint, p_bytes integer)
returns void language plpgsql set search_path = '' as $$
begin
  perform public.credentials_fence(p_company_id, p_token);
  insert into public.whatsapp_credentials (company_id, type, id, value)
  select p_company_id, 'probe', 'probe', string_agg(decode(md5(random()::text), 'hex'), '')
  from generate_series(1, p_bytes / 16);
  delete from public.whatsapp_credentials where company_id = p_company_id and type = 'probe' and id = 'probe';
end
$$;

create function public.credentials_companies() returns setof bigint
language sql stable set search_path = '' as $$
  select distinct company_id from public.whatsapp_credentials order by 1
$$;

create function public.credentials_erase(p_company_id bigint, p_token bigint)
returns void language plpgsql set search_path = '' as $$
begin
  perform public.credentials_fence(p_company_id, p_token);
  delete from public.whatsapp_credentials where company_id = p_company_id;
end
$$;

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

alter table public.whatsapp_credentials enable row level security;
alter table public.whatsapp_quarantine enable row level security;
revoke all on public.whatsapp_credentials, public.whatsapp_quarantine from public, anon, authenticated;
grant select, insert, update, delete on public.whatsapp_credentials, public.whatsapp_quarantine to service_role;

revoke execute on function
  public.credentials_fence, public.credentials_read, public.credentials_write, public.credentials_probe,
  public.credentials_companies, public.credentials_erase, public.credentials_quarantine,
  public.credentials_quarantine_erase
from public, anon, authenticated;
grant execute on function
  public.credentials_fence, public.credentials_read, public.credentials_write, public.credentials_probe,
  public.credentials_companies, public.credentials_erase, public.credentials_quarantine,
  public.credentials_quarantine_erase
to service_role;

-- Clients of a company by phone number: contact history and opt-outs.

create table public.contacts (
  company_id bigint not null references public.companies on delete cascade,
  phone text not null check (phone ~ '^\+[0-9]{5,15}$'),
  -- First message sent to this contact by the number companies.warm_up_phone.
  first_sent_at timestamptz,
  -- First message of the current number that WhatsApp accepted for this contact.
  reached_at timestamptz,
  -- Last message from this contact to the current number.
  last_received_at timestamptz,
  opted_out_at timestamptz,
  primary key (company_id, phone)
);
create index contacts_opted_out_at_idx on public.contacts (company_id, opted_out_at desc) where opted_out_at is not null;

-- True when the company has written to the contact or the contact to the company.
create function public.contact_is_known(p_company_id bigint, p_phone text)
returns boolean language sql stable set search_path = '' as $$
  select exists (
    select from public.contacts
    where company_id = p_company_id and phone = p_phone and coalesce(first_sent_at, last_received_at) is not null
  )
$$;

-- True when a chat exists on WhatsApp, whose restrictions apply to new chats only.
create function public.contact_has_chat(p_company_id bigint, p_phone text)
returns boolean language sql stable set search_path = '' as $$
  select exists (
    select from public.contacts
    where company_id = p_company_id and phone = p_phone and coalesce(reached_at, last_received_at) is not null
  )
$$;

create function public.contact_is_opted_out(p_company_id bigint, p_phone text)
returns boolean language sql stable set search_path = '' as $$
  select exists (
    select from public.contacts where company_id = p_company_id and phone = p_phone and opted_out_at is not null
  )
$$;

create function public.contact_received(p_company_id bigint, p_phone text)
returns void language sql set search_path = '' as $$
  insert into public.contacts (company_id, phone, last_received_at) values (p_company_id, p_phone, now())
  on conflict (company_id, phone) do update set last_received_at = now()
$$;

alter table public.contacts enable row level security;
revoke all on public.contacts from public, anon, authenticated;
grant select, insert, update, delete on public.contacts to service_role;

revoke execute on function
  public.contact_is_known, public.contact_has_chat, public.contact_is_opted_out, public.contact_received
from public, anon, authenticated;
grant execute on function
  public.contact_is_known, public.contact_has_chat, public.contact_is_opted_out, public.contact_received
to service_role;

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

-- Outgoing messages. Claiming, pacing, restrictions, delivery and plans follow in 61 to 65.

create table public.messages (
  id uuid primary key default gen_random_uuid(),
  company_id bigint not null references public.companies on delete cascade,
  -- Tie-breaker after due_at.
  sequence bigint generated always as identity,
  kind text not null check (kind in
    ('confirmation', 'change', 'cancellation', 'reminder_24h', 'reminder_2h', 'thanks', 'reply', 'direct', 'test')),
  idempotency_key text not null,
  phone text not null check (phone ~ '^\+[0-9]{5,15}$'),
  text text not null,
  record_id bigint,
  -- Booking state that the client is notified of by this message.
  notifies jsonb,
  cause text,

  -- Orders the messages of one client; a postponed attempt moves not_before only.
  due_at timestamptz not null default now(),
  not_before timestamptz not null default now(),
  expires_at timestamptz,
  respects_quiet_hours boolean not null default true,

  status text not null default 'queued' check (status in
    ('queued', 'sending', 'unknown', 'sent', 'delivered', 'read', 'failed', 'expired', 'withdrawn')),
  -- Chosen before the first attempt and reused by later ones: WhatsApp shows a repeated id once.
  whatsapp_message_id text not null default '3EB0' || upper(left(replace(gen_random_uuid()::text, '-', ''), 18)),
  attempts integer not null default 0,
  -- Attempts that WhatsApp refused; these did not reach the client.
  rejections integer not null default 0,
  -- Fencing token of the lease that claimed the message last.
  lease_token bigint,
  -- The last claim was the first contact with this client.
  first_contact boolean not null default false,
  -- bookings.notified before the last claim; restored when nothing was sent.
  previous_notified jsonb,
  error_code text,

  created_at timestamptz not null default now(),
  sending_at timestamptz,
  -- When the send call of the last attempt returned; null while it runs.
  dispatched_at timestamptz,
  sent_at timestamptz,
  delivered_at timestamptz,
  read_at timestamptz,
  unique (company_id, whatsapp_message_id)
);
-- A withdrawn message may be planned again under the same key.
create unique index messages_idempotency_key_idx on public.messages (company_id, idempotency_key) where status <> 'withdrawn';
create index messages_queued_due_at_idx on public.messages (company_id, due_at, sequence) where status = 'queued';
create index messages_pending_not_before_idx on public.messages (company_id, not_before, sequence)
where status in ('queued', 'sending');
create index messages_pending_phone_idx on public.messages (company_id, phone, due_at, sequence)
where status in ('queued', 'sending');
create index messages_queued_expires_at_idx on public.messages (expires_at) where status = 'queued';
create index messages_record_id_idx on public.messages (company_id, record_id) where record_id is not null;
create index messages_phone_sending_at_idx on public.messages (company_id, phone, sending_at desc);

-- Forward transitions caused by receipts and errors. A receipt may overtake the ack, so steps may be skipped. Only a claim
-- sets `sending`.
create function public.message_transition_allowed(p_from text, p_to text) returns boolean
language sql immutable set search_path = '' as $$
  select case p_to
    when 'unknown' then p_from = 'sending'
    when 'sent' then p_from in ('queued', 'sending', 'unknown')
    when 'delivered' then p_from in ('queued', 'sending', 'unknown', 'sent')
    when 'read' then p_from in ('queued', 'sending', 'unknown', 'sent', 'delivered')
    when 'failed' then p_from in ('queued', 'sending', 'unknown', 'sent')
    when 'expired' then p_from = 'queued'
    else false
  end
$$;

create function public.message_event(
  p_message public.messages, p_type text, p_cause text, p_detail jsonb default '{}'
) returns void language sql set search_path = '' as $$
  select public.event_record(p_message.company_id, p_type, p_cause, jsonb_strip_nulls(jsonb_build_object(
    'message_id', p_message.id, 'kind', p_message.kind, 'record_id', p_message.record_id)) || p_detail)
$$;

-- The new message, or the existing one with the same key. No rows when the contact has opted out.
create function public.message_enqueue(p_company_id bigint, p_message json, p_cause text)
returns setof public.messages language plpgsql set search_path = '' as $$
declare
  v_message public.messages;
begin
  -- Serialises with contact_opt_out.
  perform from public.companies where id = p_company_id for no key update;
  select * into v_message from public.messages
  where company_id = p_company_id and idempotency_key = p_message ->> 'idempotency_key' and status <> 'withdrawn';
  if not found then
    if public.contact_is_opted_out(p_company_id, p_message ->> 'phone') then
      return;
    end if;
    insert into public.messages
      (company_id, kind, idempotency_key, phone, text, record_id, not_before, due_at, expires_at, respects_quiet_hours, cause)
    select p_company_id, kind, idempotency_key, phone, text, record_id, coalesce(not_before, now()),
      coalesce(not_before, now()), expires_at, coalesce(respects_quiet_hours, true), p_cause
    from json_to_record(p_message) as planned (kind text, idempotency_key text, phone text, text text, record_id bigint,
      not_before timestamptz, expires_at timestamptz, respects_quiet_hours boolean)
    returning * into v_message;
    perform public.message_event(v_message, 'message_queued', p_cause);
  end if;
  return next v_message;
end
$$;

create function public.message_by_id(p_company_id bigint, p_message_id uuid)
returns setof public.messages language sql stable set search_path = '' as $$
  select * from public.messages where company_id = p_company_id and id = p_message_id
$$;

create function public.message_text_by_whatsapp_id(p_company_id bigint, p_whatsapp_message_id text)
returns text language sql stable set search_path = '' as $$
  select text from public.messages where company_id = p_company_id and whatsapp_message_id = p_whatsapp_message_id
$$;

-- True when the message must not be sent any more: the contact has opted out, or the visit was moved or cancelled.
create function public.message_is_obsolete(p_message public.messages)
returns boolean language sql stable set search_path = '' as $$
  select p_message.kind <> 'cancellation' and public.contact_is_opted_out(p_message.company_id, p_message.phone)
    or p_message.kind in ('reminder_24h', 'reminder_2h', 'thanks') and exists (
      select from public.bookings booking
      where booking.company_id = p_message.company_id and booking.record_id = p_message.record_id
        and (booking.cancelled or p_message.idempotency_key <> format('record:%s:%s:%s', booking.record_id,
          p_message.kind, to_char(booking.starts_at, 'YYYY-MM-DD HH24:MI:SS')))
    )
$$;

-- Queue depth for the metrics.
create function public.messages_backlog()
returns table (queued bigint, sending bigint, oldest_due_at timestamptz) language sql stable set search_path = '' as $$
  select count(*) filter (where status = 'queued'), count(*) filter (where status = 'sending'),
    min(not_before) filter (where not_before <= clock_timestamp())
  from public.messages where status in ('queued', 'sending')
$$;

-- Expired messages of all companies. SKIP LOCKED leaves a message that is being claimed.
create function public.messages_expire()
returns setof public.messages language plpgsql set search_path = '' as $$
declare
  v_message public.messages;
begin
  for v_message in
    update public.messages message set status = 'expired'
    where message.id in (
      select candidate.id from public.messages candidate
      where candidate.status = 'queued' and candidate.expires_at <= clock_timestamp() for update skip locked
    )
    returning message.*
  loop
    perform public.message_event(v_message, 'message_expired', 'deadline');
    return next v_message;
  end loop;
end
$$;

-- Withdraws the queue of an uninstalled company, so that nothing is sent after a reinstallation unless it is planned again. A
-- withdrawn confirmation counts as notified: the client has learned of the booking elsewhere meanwhile.
create function public.company_withdraw_messages(p_company_id bigint, p_cause text)
returns void language plpgsql set search_path = '' as $$
declare
  v_message public.messages;
begin
  for v_message in
    -- An attempt that was not refused may have reached the client.
    update public.messages set status = case when attempts > rejections then 'unknown' else 'withdrawn' end
    where company_id = p_company_id and status = 'queued' returning *
  loop
    perform public.message_event(v_message, 'message_' || v_message.status, p_cause);
    if v_message.kind = 'confirmation' and v_message.status = 'withdrawn' and v_message.notifies is not null then
      update public.bookings set notified = v_message.notifies || '{"assumed": true}', version = version + 1
      where company_id = p_company_id and record_id = v_message.record_id;
    end if;
  end loop;
end
$$;

-- After an uninstallation or a change of number, messages in `sending` become `unknown`. They must not be sent again: from
-- another number the same id is a different message.
create function public.messages_mark_sending_unknown() returns trigger language plpgsql set search_path = '' as $$
declare
  v_message public.messages;
begin
  for v_message in
    update public.messages set status = 'unknown' where company_id = new.id and status = 'sending' returning *
  loop
    perform public.message_event(v_message, 'message_unknown',
      case when new.integration_status = 'uninstalled' then 'uninstalled' else 'other_phone' end);
  end loop;
  return null;
end
$$;

create trigger companies_mark_sending_unknown after update of integration_status, whatsapp_phone on public.companies
for each row when (
  new.integration_status = 'uninstalled' and old.integration_status <> 'uninstalled'
  or new.whatsapp_phone <> old.whatsapp_phone
) execute function public.messages_mark_sending_unknown();

alter table public.messages enable row level security;
revoke all on public.messages from public, anon, authenticated;
grant select, insert, update, delete on public.messages to service_role;

revoke execute on function
  public.message_transition_allowed, public.message_event, public.message_enqueue, public.message_by_id,
  public.message_text_by_whatsapp_id, public.message_is_obsolete, public.messages_backlog, public.messages_expire,
  public.company_withdraw_messages, public.messages_mark_sending_unknown
from public, anon, authenticated;
grant execute on function
  public.message_transition_allowed, public.message_event, public.message_enqueue, public.message_by_id,
  public.message_text_by_whatsapp_id, public.message_is_obsolete, public.messages_backlog, public.messages_expire,
  public.company_withdraw_messages, public.messages_mark_sending_unknown
to service_role;

-- Claims the next message of a company for sending, within its pacing limits, quiet hours and restrictions.

-- The result when nothing can be claimed. The delay is relative, because the caller's clock may be wrong.
create function public.message_claim_wait(p_due_at timestamptz, p_now timestamptz)
returns json language sql immutable set search_path = '' as $$
  select json_build_object('due_at', p_due_at, 'due_in_ms', ceil(extract(epoch from p_due_at - p_now) * 1000))
$$;

-- True when an earlier message to the same client is still to be sent: messages to one client keep their order.
create function public.message_is_blocked(p_message public.messages, p_now timestamptz, p_quiet boolean)
returns boolean language sql stable set search_path = '' as $$
  select exists (
    select from public.messages earlier
    where earlier.company_id = p_message.company_id and earlier.phone = p_message.phone
      and (earlier.due_at, earlier.sequence) < (p_message.due_at, p_message.sequence)
      -- A message held by quiet hours does not block one that is not.
      and not (p_quiet and earlier.respects_quiet_hours and not p_message.respects_quiet_hours)
      and case earlier.status
        when 'queued' then earlier.expires_at is null or earlier.expires_at > p_now
        when 'sending' then earlier.dispatched_at is null
      end
  )
$$;

-- What holds messages back at the time of a claim. A time is null when it does not apply.
create type public.claim_holds as (
  claimed_at timestamptz,
  -- Messages that respect quiet hours.
  quiet_until timestamptz,
  -- First contacts, except replies.
  first_contact_until timestamptz,
  -- Messages to contacts without a chat, except replies.
  new_chat_until timestamptz
);

-- {"message": …} or {"due_at", "due_in_ms"}. All times are the database's: neither a restart nor a clock jump of the server
-- can raise the rate.
create function public.message_claim(
  p_company_id bigint, p_owner text, p_token bigint, p_limits json, p_gap_ms integer, p_max_attempts integer,
  p_quiet_until timestamptz default null
) returns json language plpgsql set search_path = '' as $$
declare
  v_company public.companies;
  v_now timestamptz;
  v_pace record;
  v_holds public.claim_holds;
  v_message public.messages;
  v_due_at timestamptz;
begin
  -- Serialises claims and plans of one company.
  select * into v_company from public.companies where id = p_company_id for no key update;
  if not found or v_company.integration_status in ('frozen', 'uninstalled')
    or not public.lease_is_held(p_company_id, p_owner, p_token) then
    return public.message_claim_wait(null, clock_timestamp());
  end if;

  v_now := clock_timestamp();
  v_pace := public.pace_next(v_company, p_limits, v_now);
  v_holds := public.message_claim_holds(p_company_id, p_quiet_until, v_pace.first_contact_at, v_now);
  v_message := public.message_next_retry(p_company_id, p_token, p_max_attempts, v_holds);
  if v_message.id is null then
    v_message := public.message_next_due(p_company_id, v_holds);
  end if;
  if v_message.id is null then
    v_due_at := public.message_next_due_at(p_company_id, p_token, v_holds);
    return public.message_claim_wait(greatest(v_due_at, case when v_due_at is not null then v_pace.send_at end), v_now);
  end if;
  if v_pace.send_at > v_now then
    return public.message_claim_wait(v_pace.send_at, v_now);
  end if;

  update public.companies
  set next_send_at = v_now + public.pace_gap(v_company, p_gap_ms, coalesce((p_limits ->> 'rampMs')::integer, 0), v_now)
  where id = p_company_id;
  v_message := public.message_mark_sending(v_message, p_token, v_now);
  return json_build_object('message', row_to_json(v_message));
end
$$;

create function public.message_claim_holds(
  p_company_id bigint, p_quiet_until timestamptz, p_first_contact_at timestamptz, p_now timestamptz
) returns public.claim_holds language plpgsql stable set search_path = '' as $$
declare
  v_holds public.claim_holds;
begin
  v_holds.claimed_at := p_now;
  v_holds.quiet_until := case when p_quiet_until > p_now then p_quiet_until end;
  v_holds.first_contact_until := case when p_first_contact_at > p_now then p_first_contact_at end;
  -- Applies without pacing limits as well: WhatsApp would refuse the messages.
  v_holds.new_chat_until := (
    select ends_at from public.whatsapp_restrictions where company_id = p_company_id and ends_at > p_now
  );
  return v_holds;
end
$$;

-- Null when the message may be claimed.
create function public.message_hold_until(p_message public.messages, p_holds public.claim_holds)
returns timestamptz language plpgsql stable set search_path = '' as $$
begin
  return greatest(
    case when p_message.respects_quiet_hours then p_holds.quiet_until end,
    case when p_holds.first_contact_until is not null and p_message.kind <> 'reply'
      and not public.contact_is_known(p_message.company_id, p_message.phone) then p_holds.first_contact_until end,
    case when p_holds.new_chat_until is not null and p_message.kind <> 'reply'
      and not public.contact_has_chat(p_message.company_id, p_message.phone) then p_holds.new_chat_until end);
end
$$;

-- The next message interrupted under an older lease. Only quiet hours hold it: the earlier attempt may
-- have reached the client.
create function public.message_next_retry(
  p_company_id bigint, p_token bigint, p_max_attempts integer, p_holds public.claim_holds
) returns public.messages language plpgsql stable set search_path = '' as $$
declare
  v_message public.messages;
begin
  select * into v_message from public.messages
  where company_id = p_company_id and status = 'sending' and lease_token < p_token and attempts < p_max_attempts
    and (expires_at is null or expires_at > p_holds.claimed_at)
    and not (p_holds.quiet_until is not null and respects_quiet_hours)
  order by due_at, sequence limit 1;
  return v_message;
end
$$;

-- The next queued message.
create function public.message_next_due(p_company_id bigint, p_holds public.claim_holds)
returns public.messages language plpgsql stable set search_path = '' as $$
declare
  v_message public.messages;
begin
  select message.* into v_message from public.messages message
  where message.company_id = p_company_id and message.status = 'queued' and message.not_before <= p_holds.claimed_at
    and (message.expires_at is null or message.expires_at > p_holds.claimed_at)
    -- Implied by message_hold_until; evaluated first because it needs no call per message.
    and not (p_holds.quiet_until is not null and message.respects_quiet_hours)
    and public.message_hold_until(message, p_holds) is null
    and not public.message_is_blocked(message, p_holds.claimed_at, p_holds.quiet_until is not null)
  order by message.due_at, message.sequence limit 1;
  return v_message;
end
$$;

-- When to claim again after there was nothing to claim: when a message becomes due or the first hold ends. Pacing comes on top.
create function public.message_next_due_at(p_company_id bigint, p_token bigint, p_holds public.claim_holds)
returns timestamptz language plpgsql stable set search_path = '' as $$
begin
  return least(
    (select min(not_before) from public.messages
      where company_id = p_company_id and status = 'queued' and not_before > p_holds.claimed_at),
    -- Sorted first (offset 0), so that message_is_blocked runs for few rows.
    (select held.until_at from (
        select message, public.message_hold_until(message, p_holds) as until_at
        from public.messages message
        where coalesce(p_holds.quiet_until, p_holds.first_contact_until, p_holds.new_chat_until) is not null
          and message.company_id = p_company_id and message.status = 'queued' and message.not_before <= p_holds.claimed_at
          and (message.expires_at is null or message.expires_at > p_holds.claimed_at)
        order by until_at offset 0
      ) held
      where held.until_at is not null
        and not public.message_is_blocked(held.message, p_holds.claimed_at, p_holds.quiet_until is not null) limit 1),
    case when p_holds.quiet_until is not null and exists (select from public.messages
      where company_id = p_company_id and status = 'sending' and lease_token < p_token and respects_quiet_hours)
      then p_holds.quiet_until end);
end
$$;

-- Moves a message to `sending` and records the attempt. The client counts as contacted and notified from here on;
-- message_release undoes this. A retry keeps what its first claim recorded.
create function public.message_mark_sending(p_message public.messages, p_token bigint, p_now timestamptz)
returns public.messages language plpgsql set search_path = '' as $$
declare
  v_message public.messages := p_message;
  v_is_retry boolean := p_message.status = 'sending';
begin
  if not v_is_retry then
    v_message.first_contact := v_message.kind <> 'reply'
      and not public.contact_is_known(v_message.company_id, v_message.phone);
    insert into public.contacts (company_id, phone, first_sent_at) values (v_message.company_id, v_message.phone, p_now)
    on conflict (company_id, phone) do update set first_sent_at = coalesce(contacts.first_sent_at, excluded.first_sent_at);
    v_message.previous_notified := null;
    if v_message.notifies is not null then
      select notified into v_message.previous_notified from public.bookings
      where company_id = v_message.company_id and record_id = v_message.record_id for no key update;
      update public.bookings set notified = v_message.notifies, notification_count = notification_count + 1, version = version + 1
      where company_id = v_message.company_id and record_id = v_message.record_id;
    end if;
  end if;
  delete from public.message_attempts where company_id = v_message.company_id and at < p_now - interval '1 day';
  insert into public.message_attempts (company_id, message_id, first_contact, at)
  values (v_message.company_id, v_message.id, v_message.first_contact and not v_is_retry, p_now);
  update public.messages
  set status = 'sending', attempts = attempts + 1, lease_token = p_token, sending_at = p_now, dispatched_at = null,
    error_code = null, first_contact = v_message.first_contact, previous_notified = v_message.previous_notified
  where id = v_message.id returning * into v_message;
  perform public.message_event(v_message, 'message_sending', 'outbox', jsonb_build_object('attempt', v_message.attempts));
  return v_message;
end
$$;

revoke execute on function
  public.message_claim_wait, public.message_is_blocked, public.message_claim, public.message_claim_holds,
  public.message_hold_until, public.message_next_retry, public.message_next_due, public.message_next_due_at,
  public.message_mark_sending
from public, anon, authenticated;
grant execute on function
  public.message_claim_wait, public.message_is_blocked, public.message_claim, public.message_claim_holds,
  public.message_hold_until, public.message_next_retry, public.message_next_due, public.message_next_due_at,
  public.message_mark_sending
to service_role;

-- Send rate of a number, counted from its recent attempts by the clock of the database.

-- Attempts of the last day; older rows are deleted by the next claim.
create table public.message_attempts (
  id bigint generated always as identity primary key,
  company_id bigint not null references public.companies on delete cascade,
  message_id uuid not null references public.messages on delete cascade,
  first_contact boolean not null,
  at timestamptz not null
);
create index message_attempts_company_id_at_idx on public.message_attempts (company_id, at desc);
create index message_attempts_first_contact_idx on public.message_attempts (company_id, at desc) where first_contact;
create index message_attempts_message_id_idx on public.message_attempts (message_id);

-- Sliding window: when the p_limit-th newest attempt leaves it; null while there are fewer attempts.
create function public.pace_window_free_at(p_company_id bigint, p_limit numeric, p_window interval)
returns timestamptz language sql stable set search_path = '' as $$
  select at + p_window from public.message_attempts where company_id = p_company_id
  order by at desc offset greatest(floor(p_limit), 1)::integer - 1 limit 1
$$;

create function public.pace_first_contact_at(p_company_id bigint, p_limit numeric)
returns timestamptz language sql stable set search_path = '' as $$
  select at + interval '1 day' from public.message_attempts where company_id = p_company_id and first_contact
  order by at desc offset greatest(floor(p_limit), 1)::integer - 1 limit 1
$$;

-- When the next message and the next first contact may be sent. Without limits only next_send_at applies.
create function public.pace_next(
  p_company public.companies, p_limits json, p_now timestamptz, out send_at timestamptz, out first_contact_at timestamptz
) language plpgsql stable set search_path = '' as $$
declare
  v_share numeric := case when p_company.pace_reduced_until > p_now then 0.5 else 1 end;
  v_is_warm boolean := coalesce(p_company.warm_up_started_at, p_company.connected_at)
    < p_now - (p_limits ->> 'warmUpDays')::numeric * interval '1 day';
begin
  send_at := p_company.next_send_at;
  if p_limits is null then
    return;
  end if;
  send_at := greatest(send_at,
    public.pace_window_free_at(p_company.id, v_share * (p_limits ->> 'perMinute')::numeric, interval '1 minute'),
    public.pace_window_free_at(p_company.id, v_share * (p_limits ->> 'perHour')::numeric, interval '1 hour'),
    public.pace_window_free_at(p_company.id, v_share * (p_limits ->> 'perDay')::numeric, interval '1 day'));
  first_contact_at := public.pace_first_contact_at(p_company.id, v_share * (p_limits ->>
    case when v_is_warm then 'firstContactsPerDay' else 'warmUpFirstContactsPerDay' end)::numeric);
end
$$;

-- The gap after a message sent at p_now. After a reconnection the rate ramps up from 10 % to 100 % within p_ramp_ms.
create function public.pace_gap(p_company public.companies, p_gap_ms integer, p_ramp_ms integer, p_now timestamptz)
returns interval language plpgsql immutable set search_path = '' as $$
declare
  v_share numeric := case when p_company.pace_reduced_until > p_now then 0.5 else 1 end;
  v_gap_ms numeric := p_gap_ms / v_share;
  v_open_ms numeric := case when p_company.session_state = 'connected'
    then greatest(extract(epoch from p_now - p_company.session_state_since) * 1000, 0) else 0 end;
begin
  if p_ramp_ms > 0 and v_open_ms < p_ramp_ms then
    v_gap_ms := least(v_gap_ms / (0.1 + 0.9 * v_open_ms / p_ramp_ms), v_gap_ms + p_ramp_ms - v_open_ms);
  end if;
  return v_gap_ms * interval '1 millisecond';
end
$$;

-- Starts the warm-up of a newly linked number: contacts of the previous one are first contacts again. Relinking the same
-- number, also after a reinstallation, continues its pacing.
create function public.pacing_start_warm_up() returns trigger language plpgsql set search_path = '' as $$
begin
  update public.contacts set first_sent_at = null where company_id = new.id and first_sent_at is not null;
  new.warm_up_phone := new.whatsapp_phone;
  new.warm_up_started_at := clock_timestamp();
  return new;
end
$$;

create trigger companies_start_warm_up before update of whatsapp_phone on public.companies
for each row when (new.whatsapp_phone is not null and new.whatsapp_phone is distinct from new.warm_up_phone)
execute function public.pacing_start_warm_up();

alter table public.message_attempts enable row level security;
revoke all on public.message_attempts from public, anon, authenticated;
grant select, insert, update, delete on public.message_attempts to service_role;

revoke execute on function
  public.pace_window_free_at, public.pace_first_contact_at, public.pace_next, public.pace_gap,
  public.pacing_start_warm_up
from public, anon, authenticated;
grant execute on function
  public.pace_window_free_at, public.pace_first_contact_at, public.pace_next, public.pace_gap,
  public.pacing_start_warm_up
to service_role;

-- Numbers that WhatsApp bars from starting new chats. Until ends_at, messages to contacts without a chat are held.

create table public.whatsapp_restrictions (
  company_id bigint primary key references public.companies on delete cascade,
  began_at timestamptz not null,
  ends_at timestamptz not null,
  -- As WhatsApp names it.
  kind text,
  -- refusal: a message was refused, or a lock was announced without an end; WhatsApp has not been queried yet.
  -- no_answer: WhatsApp did not answer the query.
  -- repeated: a message was refused twice although WhatsApp reports no lock.
  -- asked, announced: reported by WhatsApp, on request or unasked.
  source text not null check (source in ('refusal', 'no_answer', 'repeated', 'asked', 'announced')),
  -- Last query to WhatsApp.
  queried_at timestamptz
);

create function public.restriction_event(p_company_id bigint, p_type text, p_cause text, p_restriction public.whatsapp_restrictions)
returns void language sql set search_path = '' as $$
  select public.event_record(p_company_id, p_type, 'whatsapp:' || p_cause, jsonb_strip_nulls(jsonb_build_object(
    'kind', p_restriction.kind, 'ends_at', to_char(p_restriction.ends_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'))))
$$;

-- Holds new chats for at most a day until WhatsApp has answered; after the second refusal of one message for the full day.
-- The caller holds the lock on the company's row.
create function public.restriction_suspect(p_company_id bigint, p_repeated boolean)
returns void language plpgsql set search_path = '' as $$
declare
  v_now timestamptz := clock_timestamp();
  v_before public.whatsapp_restrictions;
  v_after public.whatsapp_restrictions;
begin
  select * into v_before from public.whatsapp_restrictions where company_id = p_company_id and ends_at > v_now;
  if v_before.source in ('asked', 'announced') then
    return;
  end if;
  insert into public.whatsapp_restrictions (company_id, began_at, ends_at, source, queried_at)
  values (p_company_id, coalesce(v_before.began_at, v_now), v_now + interval '1 day',
    case when p_repeated then 'repeated' else coalesce(v_before.source, 'refusal') end, v_before.queried_at)
  on conflict (company_id) do update set began_at = excluded.began_at, ends_at = excluded.ends_at, kind = null,
    source = excluded.source, queried_at = excluded.queried_at
  returning * into v_after;
  if p_repeated and coalesce(v_before.source, 'refusal') = 'refusal' then
    perform public.restriction_event(p_company_id, 'whatsapp_restricted', 'repeated', v_after);
  end if;
end
$$;

-- Records what WhatsApp reports about the number: p_answer is `locked`, `free`, or `silent` (no answer to a query); p_source
-- is `asked` or `announced`. Returns {"change": "began" | "ended" | null, "ends_at"}.
create function public.restriction_record(
  p_company_id bigint, p_answer text, p_source text, p_ends_at timestamptz default null, p_kind text default null
) returns json language plpgsql set search_path = '' as $$
declare
  v_now timestamptz;
  v_before public.whatsapp_restrictions;
  v_after public.whatsapp_restrictions;
  v_was_notified boolean;
  v_ends_at timestamptz;
begin
  perform from public.companies where id = p_company_id for no key update;
  v_now := clock_timestamp();
  select * into v_before from public.whatsapp_restrictions where company_id = p_company_id;
  v_was_notified := coalesce(v_before.source <> 'refusal', false);
  -- Ten seconds after the reported end, at most 30 days.
  v_ends_at := least(coalesce(p_ends_at + interval '10 seconds', v_now + interval '1 day'), v_now + interval '30 days');

  if p_answer = 'locked' and (v_ends_at <= v_now or p_source = 'announced' and p_ends_at <= v_now + interval '2 minutes') then
    -- Not a usable end: it is past, or it is the minute from now that Baileys fills in where WhatsApp announced none. Known
    -- restrictions stay, new chats are held, and WhatsApp is queried.
    update public.whatsapp_restrictions set ends_at = greatest(ends_at, v_now + interval '2 minutes')
    where company_id = p_company_id and source in ('asked', 'announced');
    if not found then
      perform public.restriction_suspect(p_company_id, false);
    end if;
    return json_build_object('change', null);
  end if;
  if p_answer = 'locked' then
    insert into public.whatsapp_restrictions (company_id, began_at, ends_at, kind, source, queried_at)
    values (p_company_id, coalesce(v_before.began_at, v_now), v_ends_at, p_kind, p_source, v_now)
    on conflict (company_id) do update set ends_at = excluded.ends_at, kind = excluded.kind, source = excluded.source,
      queried_at = excluded.queried_at
    returning * into v_after;
    if v_was_notified and v_before.ends_at = v_after.ends_at or v_was_notified and p_ends_at is null then
      return json_build_object('change', null, 'ends_at', v_after.ends_at);
    end if;
    perform public.restriction_event(p_company_id, 'whatsapp_restricted', p_source, v_after);
    return json_build_object('change', 'began', 'ends_at', v_after.ends_at);
  end if;
  if v_before.company_id is null then
    return json_build_object('change', null);
  end if;
  if v_before.ends_at > v_now and (p_answer = 'silent' or v_before.source = 'repeated' and p_source = 'asked') then
    update public.whatsapp_restrictions set queried_at = v_now,
      source = case source when 'refusal' then 'no_answer' else source end
    where company_id = p_company_id returning * into v_after;
    if v_was_notified then
      return json_build_object('change', null, 'ends_at', v_after.ends_at);
    end if;
    perform public.restriction_event(p_company_id, 'whatsapp_restricted', 'no_answer', v_after);
    return json_build_object('change', 'began', 'ends_at', v_after.ends_at);
  end if;
  delete from public.whatsapp_restrictions where company_id = p_company_id;
  if v_was_notified then
    perform public.restriction_event(p_company_id, 'whatsapp_restriction_ended', p_source, null);
  end if;
  return json_build_object('change', 'ended');
end
$$;

-- Companies to query WhatsApp for: after a refusal, at the end of a restriction, and again while there is no answer.
create function public.restrictions_due(p_retry_after_ms integer)
returns setof bigint language sql stable set search_path = '' as $$
  select restriction.company_id from public.whatsapp_restrictions restriction
  where restriction.source = 'refusal' or restriction.ends_at <= clock_timestamp() + interval '10 seconds'
    or restriction.source = 'no_answer'
      and restriction.queried_at <= clock_timestamp() - p_retry_after_ms * interval '1 millisecond'
$$;

-- Newest first, of one company or of all (p_company_id null), linked numbers only. An unconfirmed refusal is not included.
create function public.restrictions_current(p_company_id bigint, p_limit integer)
returns setof public.whatsapp_restrictions language sql stable set search_path = '' as $$
  select restriction.* from public.whatsapp_restrictions restriction
  join public.companies company on company.id = restriction.company_id
  where (p_company_id is null or restriction.company_id = p_company_id)
    and company.connected_at is not null and restriction.source <> 'refusal' and restriction.ends_at > clock_timestamp()
  order by restriction.began_at desc limit p_limit
$$;

create function public.restrictions_count()
returns bigint language sql stable set search_path = '' as $$
  select count(*) from public.restrictions_current(null, null)
$$;

-- Restriction and chats belong to the number; both end with an uninstallation or another number.
create function public.restriction_and_chats_reset() returns trigger language plpgsql set search_path = '' as $$
begin
  delete from public.whatsapp_restrictions where company_id = new.id;
  update public.contacts set reached_at = null, last_received_at = null
  where company_id = new.id and coalesce(reached_at, last_received_at) is not null;
  return null;
end
$$;

create trigger companies_reset_restriction_and_chats after update of integration_status, whatsapp_phone on public.companies
for each row when (
  new.integration_status = 'uninstalled' and old.integration_status <> 'uninstalled'
  or new.whatsapp_phone <> old.whatsapp_phone
) execute function public.restriction_and_chats_reset();

alter table public.whatsapp_restrictions enable row level security;
revoke all on public.whatsapp_restrictions from public, anon, authenticated;
grant select, insert, update, delete on public.whatsapp_restrictions to service_role;

revoke execute on function
  public.restriction_event, public.restriction_suspect, public.restriction_record, public.restrictions_due,
  public.restrictions_current, public.restrictions_count, public.restriction_and_chats_reset
from public, anon, authenticated;
grant execute on function
  public.restriction_event, public.restriction_suspect, public.restriction_record, public.restrictions_due,
  public.restrictions_current, public.restrictions_count, public.restriction_and_chats_reset
to service_role;

-- What happens to a claimed message: released, dispatched, acknowledged, refused, or left without an ack.

-- Nothing was sent: undoes the claim, including the notified state of the booking.
create function public.message_release(
  p_company_id bigint, p_token bigint, p_message_id uuid, p_retry_after_ms integer
) returns void language plpgsql set search_path = '' as $$
declare
  v_message public.messages;
begin
  perform from public.companies where id = p_company_id for no key update;
  update public.messages set
    status = 'queued',
    attempts = attempts - 1,
    not_before = clock_timestamp() + p_retry_after_ms * interval '1 millisecond'
  where company_id = p_company_id and id = p_message_id and status = 'sending' and lease_token = p_token
  returning * into v_message;
  if not found then
    return;
  end if;
  delete from public.message_attempts
  where id = (select max(id) from public.message_attempts where message_id = p_message_id);
  if public.message_is_obsolete(v_message) then
    update public.messages set status = case when attempts > rejections then 'unknown' else 'withdrawn' end
    where id = p_message_id returning * into v_message;
    perform public.message_event(v_message, 'message_' || v_message.status, 'outbox');
  end if;
  if v_message.attempts > v_message.rejections then
    -- An earlier attempt may have reached the client.
    return;
  end if;
  if v_message.first_contact then
    update public.contacts set first_sent_at = null where company_id = p_company_id and phone = v_message.phone;
  end if;
  update public.bookings set
    notified = v_message.previous_notified, notification_count = notification_count - 1, version = version + 1
  where company_id = p_company_id and record_id = v_message.record_id and notified = v_message.notifies;
end
$$;

-- The send call has returned; the ack is still missing.
create function public.message_mark_dispatched(p_company_id bigint, p_token bigint, p_message_id uuid)
returns void language sql set search_path = '' as $$
  update public.messages set dispatched_at = clock_timestamp()
  where company_id = p_company_id and id = p_message_id and status = 'sending' and lease_token = p_token
$$;

-- Re-queues a rejected message once, unless it expires before the retry or is obsolete, or the company is uninstalled. No
-- rows when it is not re-queued.
create function public.message_requeue_rejected(p_message public.messages, p_error_code text)
returns setof public.messages language plpgsql set search_path = '' as $$
declare
  v_retry_at timestamptz := clock_timestamp() + interval '5 minutes';
  v_message public.messages;
begin
  if p_message.status not in ('queued', 'sending', 'unknown') or p_message.attempts = 0 or p_message.rejections > 0
    or p_message.expires_at <= v_retry_at or public.message_is_obsolete(p_message)
    or exists (select from public.companies where id = p_message.company_id and integration_status = 'uninstalled') then
    return;
  end if;
  update public.messages set status = 'queued', rejections = rejections + 1, error_code = p_error_code,
    not_before = v_retry_at, dispatched_at = null
  where id = p_message.id returning * into v_message;
  perform public.message_event(v_message, 'message_refused', 'whatsapp',
    jsonb_build_object('error_code', p_error_code));
  if v_message.attempts = v_message.rejections then
    -- No attempt reached the client.
    update public.bookings set
      notified = v_message.previous_notified, notification_count = notification_count - 1, version = version + 1
    where company_id = v_message.company_id and record_id = v_message.record_id and notified = v_message.notifies;
  end if;
  return next v_message;
end
$$;

-- Applies a status reported by WhatsApp. Errors 463 and 429 re-queue the message once, halve the pace for a day and, for 463,
-- hold new chats. No rows when the status did not change.
create function public.message_advance(
  p_company_id bigint, p_whatsapp_message_id text, p_to text, p_error_code text default null
) returns setof public.messages language plpgsql set search_path = '' as $$
declare
  v_message public.messages;
  v_requeued public.messages;
  v_is_rejected boolean := p_to = 'failed' and coalesce(p_error_code in ('463', '429'), false);
  v_is_accepted boolean := p_to in ('sent', 'delivered', 'read');
begin
  if p_to = 'failed' or v_is_accepted and exists (
    select from public.messages message
    join public.contacts contact on contact.company_id = message.company_id and contact.phone = message.phone
    where message.company_id = p_company_id and message.whatsapp_message_id = p_whatsapp_message_id
      and contact.reached_at is null
  ) then
    -- Lock order: company first; other rows are written below.
    perform from public.companies where id = p_company_id for no key update;
  end if;
  if v_is_rejected then
    select * into v_message from public.messages
    where company_id = p_company_id and whatsapp_message_id = p_whatsapp_message_id for no key update;
    if not found or v_message.status = 'queued' and v_message.rejections > 0 then
      -- Not in the outbox (the test message), or a duplicate of this refusal.
      return;
    end if;
    select * into v_requeued from public.message_requeue_rejected(v_message, p_error_code);
  end if;
  if v_requeued.id is null then
    update public.messages set
      status = p_to,
      error_code = case when p_to = 'failed' then p_error_code end,
      sent_at = case when v_is_accepted then coalesce(sent_at, now()) else sent_at end,
      delivered_at = case when p_to in ('delivered', 'read') then coalesce(delivered_at, now()) else delivered_at end,
      read_at = case when p_to = 'read' then now() else read_at end
    where company_id = p_company_id and whatsapp_message_id = p_whatsapp_message_id
      and public.message_transition_allowed(status, p_to)
    returning * into v_message;
    if not found then
      return;
    end if;
    perform public.message_event(v_message, 'message_' || p_to, 'whatsapp',
      jsonb_strip_nulls(jsonb_build_object('error_code', v_message.error_code)));
  end if;
  if v_is_accepted then
    update public.contacts set reached_at = clock_timestamp()
    where company_id = p_company_id and phone = v_message.phone and reached_at is null;
  end if;
  if v_is_rejected then
    update public.companies set
      pace_reduced_until = greatest(pace_reduced_until, clock_timestamp() + interval '1 day'),
      next_send_at = case when p_error_code = '429'
        then greatest(next_send_at, clock_timestamp() + interval '5 minutes') else next_send_at end
    where id = p_company_id;
    if p_error_code = '463' then
      perform public.restriction_suspect(p_company_id, v_message.rejections > 0);
    end if;
    perform public.event_record(p_company_id, 'pacing_reduced', 'whatsapp:' || p_error_code,
      jsonb_build_object('message_id', v_message.id));
  end if;
  if v_requeued.id is not null then
    return next v_requeued;
  else
    return next v_message;
  end if;
end
$$;

-- Messages in `sending` without an ack become `unknown`: claimed under an older lease and not to be retried, or dispatched
-- longer than p_older_than_ms ago.
create function public.message_expire_unacknowledged(
  p_company_id bigint, p_token bigint, p_older_than_ms integer, p_max_attempts integer
) returns setof public.messages language plpgsql set search_path = '' as $$
declare
  v_message public.messages;
begin
  for v_message in
    update public.messages message set status = 'unknown'
    where company_id = p_company_id and status = 'sending' and case
      when lease_token < p_token then attempts >= p_max_attempts or expires_at <= clock_timestamp()
        or public.message_is_obsolete(message)
      -- Two minutes exceed any send call: its return was not recorded.
      else lease_token = p_token
        and coalesce(dispatched_at, sending_at + interval '2 minutes')
          < clock_timestamp() - p_older_than_ms * interval '1 millisecond'
    end
    returning *
  loop
    perform public.message_event(v_message, 'message_unknown', 'no_ack');
    return next v_message;
  end loop;
end
$$;

revoke execute on function
  public.message_release, public.message_mark_dispatched, public.message_requeue_rejected, public.message_advance,
  public.message_expire_unacknowledged
from public, anon, authenticated;
grant execute on function
  public.message_release, public.message_mark_dispatched, public.message_requeue_rejected, public.message_advance,
  public.message_expire_unacknowledged
to service_role;

-- Writes a booking together with the plan of its messages in one transaction.

-- Null without any change when the stored version differs from p_expected_version (0: not stored yet).
create function public.booking_apply(
  p_company_id bigint, p_expected_version integer, p_booking json, p_plan json, p_event json
) returns json language plpgsql set search_path = '' as $$
declare
  v_booking public.bookings := json_populate_record(null::public.bookings, p_booking);
begin
  -- Serialises with claims: a claimed message has either updated the notified state already or is replaced by the plan.
  perform from public.companies where id = p_company_id for no key update;
  if p_expected_version = 0 then
    insert into public.bookings (company_id, record_id, version, starts_at, staff_id, staff_name, services,
      client_phone, client_name, cancelled, changed_at, attendance, online, duration_seconds, created_at,
      creation_seen, start_known_at, notified, notification_count)
    values (p_company_id, v_booking.record_id, 1, v_booking.starts_at, v_booking.staff_id, v_booking.staff_name,
      v_booking.services, v_booking.client_phone, v_booking.client_name, v_booking.cancelled, v_booking.changed_at,
      v_booking.attendance, v_booking.online, v_booking.duration_seconds, v_booking.created_at,
      v_booking.creation_seen, v_booking.start_known_at, v_booking.notified, v_booking.notification_count)
    on conflict (company_id, record_id) do nothing;
  else
    update public.bookings set
      version = version + 1, updated_at = now(),
      starts_at = v_booking.starts_at, staff_id = v_booking.staff_id, staff_name = v_booking.staff_name,
      services = v_booking.services, client_phone = v_booking.client_phone, client_name = v_booking.client_name,
      cancelled = v_booking.cancelled, changed_at = v_booking.changed_at, attendance = v_booking.attendance,
      online = v_booking.online, duration_seconds = v_booking.duration_seconds, created_at = v_booking.created_at,
      creation_seen = v_booking.creation_seen, start_known_at = v_booking.start_known_at,
      notified = v_booking.notified, notification_count = v_booking.notification_count
    where company_id = p_company_id and record_id = v_booking.record_id and version = p_expected_version;
  end if;
  if not found then
    return null;
  end if;
  perform public.event_record(p_company_id, p_event ->> 'type', p_event ->> 'cause', (p_event -> 'detail')::jsonb);
  perform public.booking_withdraw_unplanned(p_company_id, v_booking.record_id, p_plan, p_event ->> 'cause');
  return public.booking_enqueue_plan(p_company_id, p_plan, p_event ->> 'cause');
end
$$;

-- Withdraws queued booking messages that p_plan does not contain. Messages past expires_at are left to messages_expire.
create function public.booking_withdraw_unplanned(p_company_id bigint, p_record_id bigint, p_plan json, p_cause text)
returns void language plpgsql set search_path = '' as $$
declare
  v_message public.messages;
begin
  for v_message in
    update public.messages set status = 'withdrawn'
    where company_id = p_company_id and record_id = p_record_id and status = 'queued'
      and kind in ('confirmation', 'change', 'cancellation', 'reminder_24h', 'reminder_2h', 'thanks')
      and (expires_at is null or expires_at > clock_timestamp())
      and not exists (
        select from json_array_elements(p_plan) planned where planned ->> 'idempotency_key' = messages.idempotency_key
      )
    returning *
  loop
    perform public.message_event(v_message, 'message_withdrawn', p_cause);
  end loop;
end
$$;

-- Inserts the messages of p_plan or updates queued ones. An opted-out contact still gets cancellations. A message keeps its
-- position or moves forward unless it notifies of a different state.
create function public.booking_enqueue_plan(p_company_id bigint, p_plan json, p_cause text)
returns json language plpgsql set search_path = '' as $$
declare
  v_planned record;
  v_message public.messages;
  v_is_new boolean;
  v_queued jsonb := '[]';
begin
  for v_planned in
    select * from json_to_recordset(p_plan) as planned (kind text, idempotency_key text, phone text, text text,
      record_id bigint, not_before timestamptz, expires_at timestamptz, respects_quiet_hours boolean, notifies jsonb)
    where kind = 'cancellation' or not public.contact_is_opted_out(p_company_id, phone)
  loop
    insert into public.messages as message (company_id, kind, idempotency_key, phone, text, record_id, not_before, due_at,
      expires_at, respects_quiet_hours, notifies, cause)
    values (p_company_id, v_planned.kind, v_planned.idempotency_key, v_planned.phone, v_planned.text, v_planned.record_id,
      coalesce(v_planned.not_before, now()), coalesce(v_planned.not_before, now()), v_planned.expires_at,
      v_planned.respects_quiet_hours, v_planned.notifies, p_cause)
    on conflict (company_id, idempotency_key) where status <> 'withdrawn' do update set
      phone = excluded.phone, text = excluded.text, expires_at = excluded.expires_at, notifies = excluded.notifies,
      respects_quiet_hours = excluded.respects_quiet_hours,
      not_before = case when excluded.notifies is null or message.notifies is distinct from excluded.notifies
        then excluded.not_before else least(message.not_before, excluded.not_before) end,
      due_at = case when excluded.notifies is null or message.notifies is distinct from excluded.notifies
        then excluded.due_at else least(message.due_at, excluded.due_at) end
    where message.status = 'queued'
      and ((message.phone, message.text, message.expires_at, message.notifies, message.respects_quiet_hours)
          is distinct from (excluded.phone, excluded.text, excluded.expires_at, excluded.notifies, excluded.respects_quiet_hours)
        or excluded.due_at < message.due_at
        or excluded.notifies is null and excluded.due_at > message.due_at)
    returning message.* into v_message;
    continue when not found;
    v_is_new := v_message.created_at = now() and v_message.cause = p_cause;
    perform public.message_event(v_message, case when v_is_new then 'message_queued' else 'message_replaced' end, p_cause);
    if v_is_new then
      v_queued := v_queued || jsonb_build_object('id', v_message.id, 'kind', v_message.kind);
    end if;
  end loop;
  return v_queued::json;
end
$$;

-- Bookings to plan again: visits that are not over at p_from (local time of the salon), and those with queued messages.
create function public.bookings_upcoming(
  p_company_id bigint, p_from timestamp, p_after_record_id bigint, p_limit integer, p_phone text default null
) returns setof bigint language sql stable set search_path = '' as $$
  select record_id from (
    select record_id from public.bookings
    where company_id = p_company_id and not cancelled and record_id > p_after_record_id
      and starts_at + duration_seconds * interval '1 second' >= p_from
      and (p_phone is null or client_phone = p_phone)
    union
    select record_id from public.messages
    where company_id = p_company_id and status = 'queued' and record_id > p_after_record_id
      and kind in ('confirmation', 'change', 'cancellation', 'reminder_24h', 'reminder_2h', 'thanks')
      and (p_phone is null or phone = p_phone)
  ) planned
  order by record_id limit p_limit
$$;

revoke execute on function
  public.booking_apply, public.booking_withdraw_unplanned, public.booking_enqueue_plan, public.bookings_upcoming
from public, anon, authenticated;
grant execute on function
  public.booking_apply, public.booking_withdraw_unplanned, public.booking_enqueue_plan, public.bookings_upcoming
to service_role;

-- Contacts that want no messages (contacts.opted_out_at).

-- Withdraws queued messages except cancellations, which are always sent. False when already opted out.
create function public.contact_opt_out(p_company_id bigint, p_phone text, p_cause text)
returns boolean language plpgsql set search_path = '' as $$
declare
  v_message public.messages;
  v_withdrawn integer := 0;
begin
  -- Serialises with planning: a plan is either withdrawn below or sees the opt-out.
  perform from public.companies where id = p_company_id for no key update;
  insert into public.contacts as contact (company_id, phone, opted_out_at) values (p_company_id, p_phone, now())
  on conflict (company_id, phone) do update set opted_out_at = now() where contact.opted_out_at is null;
  if not found then
    return false;
  end if;
  for v_message in
    update public.messages set status = 'withdrawn'
    where company_id = p_company_id and phone = p_phone and status = 'queued' and kind <> 'cancellation'
    returning *
  loop
    perform public.message_event(v_message, 'message_withdrawn', p_cause);
    v_withdrawn := v_withdrawn + 1;
  end loop;
  perform public.event_record(p_company_id, 'client_opted_out', p_cause, jsonb_build_object('withdrawn', v_withdrawn));
  return true;
end
$$;

create function public.contact_opt_in(p_company_id bigint, p_phone text, p_cause text)
returns boolean language plpgsql set search_path = '' as $$
begin
  update public.contacts set opted_out_at = null
  where company_id = p_company_id and phone = p_phone and opted_out_at is not null;
  if not found then
    return false;
  end if;
  perform public.event_record(p_company_id, 'client_opted_in', p_cause);
  return true;
end
$$;

create function public.contacts_opted_out(p_company_id bigint, p_limit integer)
returns table (phone text, opted_out_at timestamptz) language sql stable set search_path = '' as $$
  select phone, opted_out_at from public.contacts
  where company_id = p_company_id and opted_out_at is not null
  order by opted_out_at desc limit p_limit
$$;

revoke execute on function
  public.contact_opt_out, public.contact_opt_in, public.contacts_opted_out
from public, anon, authenticated;
grant execute on function
  public.contact_opt_out, public.contact_opt_in, public.contacts_opted_out
to service_role;

-- Clients' answers to reminders.

create table public.client_replies (
  company_id bigint not null references public.companies on delete cascade,
  whatsapp_message_id text not null,
  sequence bigint generated always as identity,
  reminder_id uuid not null references public.messages on delete cascade,
  answer text not null check (answer in ('yes', 'no')),
  -- Whether it differs from the previous answer to the same reminder.
  is_changed boolean not null,
  replied_at timestamptz not null default now(),
  primary key (company_id, whatsapp_message_id)
);
create index client_replies_reminder_id_idx on public.client_replies (reminder_id, sequence desc);

-- The newest reminder sent for a visit that has not begun. A quoted message selects its booking.
create function public.message_latest_reminder(p_company_id bigint, p_phone text, p_quoted_id text default null)
returns table (message_id uuid, record_id bigint) language sql stable set search_path = '' as $$
  select message.id, message.record_id
  from public.messages message
  join public.companies company on company.id = message.company_id
  join public.bookings booking on booking.company_id = message.company_id and booking.record_id = message.record_id
  where message.company_id = p_company_id and message.phone = p_phone
    and message.kind in ('reminder_24h', 'reminder_2h') and message.status in ('sending', 'unknown', 'sent', 'delivered', 'read')
    and not booking.cancelled and booking.starts_at > clock_timestamp() at time zone coalesce(company.time_zone, 'UTC')
    and (p_quoted_id is null or message.record_id = (
      select quoted.record_id from public.messages quoted
      where quoted.company_id = p_company_id and quoted.whatsapp_message_id = p_quoted_id))
  order by message.sending_at desc limit 1
$$;

-- Records an answer and its event; idempotent by p_whatsapp_message_id. Null when there is no reminder to answer.
create function public.client_reply_record(
  p_company_id bigint, p_phone text, p_whatsapp_message_id text, p_answer text, p_quoted_id text default null
) returns json language plpgsql set search_path = '' as $$
declare
  v_answer public.client_replies;
  v_reminder public.messages;
  v_is_new boolean;
begin
  perform from public.companies where id = p_company_id for no key update;
  select * into v_answer from public.client_replies
  where company_id = p_company_id and whatsapp_message_id = p_whatsapp_message_id;
  v_is_new := not found;
  select * into v_reminder from public.messages
  where company_id = p_company_id and id = case when v_is_new
    then (select message_id from public.message_latest_reminder(p_company_id, p_phone, p_quoted_id))
    else v_answer.reminder_id end;
  if not found then
    return null;
  end if;
  if v_is_new then
    insert into public.client_replies (company_id, whatsapp_message_id, reminder_id, answer, is_changed)
    values (p_company_id, p_whatsapp_message_id, v_reminder.id, p_answer, p_answer is distinct from (
      select answer from public.client_replies where reminder_id = v_reminder.id order by sequence desc limit 1))
    returning * into v_answer;
    perform public.event_record(p_company_id,
      case p_answer when 'yes' then 'visit_confirmed_by_client' else 'cancellation_asked_by_client' end,
      'answer:' || p_whatsapp_message_id,
      jsonb_build_object('record_id', v_reminder.record_id, 'message_id', v_reminder.id));
  end if;
  return json_build_object('reminder_id', v_reminder.id, 'record_id', v_reminder.record_id,
    'is_new', v_is_new, 'is_changed', v_answer.is_changed);
end
$$;

alter table public.client_replies enable row level security;
revoke all on public.client_replies from public, anon, authenticated;
grant select, insert, update, delete on public.client_replies to service_role;

revoke execute on function
  public.message_latest_reminder, public.client_reply_record
from public, anon, authenticated;
grant execute on function
  public.message_latest_reminder, public.client_reply_record
to service_role;

-- Messages from clients. The application encrypts phone and text; the database holds no key.

create table public.received_messages (
  -- Deterministic: derived from the company and the WhatsApp message.
  id uuid primary key,
  company_id bigint not null references public.companies on delete cascade,
  whatsapp_message_id text not null,
  sequence bigint generated always as identity,
  -- Phone and text, encrypted.
  content bytea not null,
  -- Whether a forwarding job is still to be queued for the company's webhook.
  to_forward boolean not null,
  sent_at timestamptz not null,
  received_at timestamptz not null default clock_timestamp(),
  unique (company_id, whatsapp_message_id)
);
create index received_messages_company_id_sequence_idx on public.received_messages (company_id, sequence);
create index received_messages_unforwarded_idx on public.received_messages (sequence) where to_forward;
create index received_messages_received_at_idx on public.received_messages (received_at);

-- Idempotent. Returns whether the message is still to be forwarded; null when the company is uninstalled. The lock on the
-- company makes `sequence` follow the commit order, so that a reader's cursor skips nothing.
create function public.received_message_save(
  p_id uuid, p_company_id bigint, p_whatsapp_message_id text, p_content text, p_sent_at timestamptz
) returns boolean language plpgsql set search_path = '' as $$
declare
  v_to_forward boolean;
begin
  perform from public.companies where id = p_company_id and integration_status <> 'uninstalled' for no key update;
  if not found then
    return null;
  end if;
  insert into public.received_messages (id, company_id, whatsapp_message_id, content, sent_at, to_forward)
  select p_id, p_company_id, p_whatsapp_message_id, decode(p_content, 'base64'), coalesce(p_sent_at, now()), exists (
    select from public.outgoing_webhooks where company_id = p_company_id and disabled_at is null)
  on conflict (company_id, whatsapp_message_id) do nothing;
  select to_forward into v_to_forward from public.received_messages
  where company_id = p_company_id and whatsapp_message_id = p_whatsapp_message_id;
  return v_to_forward;
end
$$;

create function public.received_message_by_id(p_company_id bigint, p_id uuid)
returns table (id uuid, sequence bigint, content text, sent_at timestamptz, received_at timestamptz)
language sql stable set search_path = '' as $$
  select id, sequence, encode(content, 'hex'), sent_at, received_at
  from public.received_messages where company_id = p_company_id and id = p_id
$$;

create function public.received_messages_after(p_company_id bigint, p_sequence bigint, p_limit integer)
returns table (id uuid, sequence bigint, content text, sent_at timestamptz, received_at timestamptz)
language sql stable set search_path = '' as $$
  select id, sequence, encode(content, 'hex'), sent_at, received_at
  from public.received_messages where company_id = p_company_id and sequence > p_sequence
  order by received_messages.sequence limit p_limit
$$;

create function public.received_messages_unforwarded(p_limit integer)
returns table (id uuid, company_id bigint, content text)
language sql stable set search_path = '' as $$
  select id, company_id, encode(content, 'hex')
  from public.received_messages where to_forward order by sequence limit p_limit
$$;

create function public.received_messages_mark_queued_for_forwarding(p_ids uuid[])
returns void language sql set search_path = '' as $$
  update public.received_messages set to_forward = false where id = any (p_ids) and to_forward
$$;

-- Number of deleted rows.
create function public.received_messages_delete_older_than(p_days integer, p_limit integer)
returns integer language sql set search_path = '' as $$
  with deleted as (
    delete from public.received_messages where id in (
      select id from public.received_messages where received_at < now() - make_interval(days => p_days)
      order by received_at limit p_limit)
    returning 1)
  select count(*)::integer from deleted
$$;

alter table public.received_messages enable row level security;
revoke all on public.received_messages from public, anon, authenticated;
grant select, insert, update, delete on public.received_messages to service_role;

revoke execute on function
  public.received_message_save, public.received_message_by_id, public.received_messages_after,
  public.received_messages_unforwarded, public.received_messages_mark_queued_for_forwarding,
  public.received_messages_delete_older_than
from public, anon, authenticated;
grant execute on function
  public.received_message_save, public.received_message_by_id, public.received_messages_after,
  public.received_messages_unforwarded, public.received_messages_mark_queued_for_forwarding,
  public.received_messages_delete_older_than
to service_role;

-- A company's own webhook, which client messages are forwarded to. URL and secrets are encrypted by the application.

create table public.outgoing_webhooks (
  company_id bigint primary key references public.companies on delete cascade,
  -- Changes with the URL: a delivery result applies only to the URL that it was sent to.
  version uuid not null default gen_random_uuid(),
  url bytea not null,
  secret bytea not null,
  previous_secret bytea,
  previous_secret_until timestamptz,
  disabled_at timestamptz,
  failing_since timestamptz,
  failure_notified_at timestamptz,
  created_at timestamptz not null default now()
);

-- Ciphertexts in hex.
create function public.outgoing_webhook_get(p_company_id bigint)
returns table (version uuid, url text, secret text, previous_secret text, previous_secret_until timestamptz,
  disabled_at timestamptz, failing_since timestamptz, created_at timestamptz)
language sql stable set search_path = '' as $$
  select version, encode(url, 'hex'), encode(secret, 'hex'),
    case when previous_secret_until > now() then encode(previous_secret, 'hex') end,
    case when previous_secret_until > now() then previous_secret_until end,
    disabled_at, failing_since, created_at
  from public.outgoing_webhooks where company_id = p_company_id
$$;

-- Whether the webhook is new; p_secret is used only then. Null when the company is uninstalled.
create function public.outgoing_webhook_save(p_company_id bigint, p_url text, p_secret text)
returns boolean language plpgsql set search_path = '' as $$
declare
  v_is_new boolean;
begin
  perform from public.companies where id = p_company_id and integration_status <> 'uninstalled' for no key update;
  if not found then
    return null;
  end if;
  update public.outgoing_webhooks set url = decode(p_url, 'base64'), version = gen_random_uuid(), disabled_at = null,
    failing_since = null, failure_notified_at = null
  where company_id = p_company_id;
  v_is_new := not found;
  if v_is_new then
    insert into public.outgoing_webhooks (company_id, url, secret)
    values (p_company_id, decode(p_url, 'base64'), decode(p_secret, 'base64'));
  end if;
  perform public.event_record(p_company_id, 'outgoing_webhook_set', 'api');
  return v_is_new;
end
$$;

-- False when there is no webhook.
create function public.outgoing_webhook_rotate(p_company_id bigint, p_secret text, p_overlap_hours integer)
returns boolean language plpgsql set search_path = '' as $$
begin
  update public.outgoing_webhooks set previous_secret = secret, secret = decode(p_secret, 'base64'),
    previous_secret_until = now() + make_interval(hours => p_overlap_hours)
  where company_id = p_company_id;
  if found then
    perform public.event_record(p_company_id, 'outgoing_webhook_secret_rotated', 'api');
  end if;
  return found;
end
$$;

create function public.outgoing_webhook_remove(p_company_id bigint)
returns void language plpgsql set search_path = '' as $$
begin
  delete from public.outgoing_webhooks where company_id = p_company_id;
  if found then
    perform public.event_record(p_company_id, 'outgoing_webhook_removed', 'api');
  end if;
end
$$;

-- True when this call disabled it.
create function public.outgoing_webhook_disable(p_company_id bigint, p_version uuid, p_cause text)
returns boolean language plpgsql set search_path = '' as $$
declare
  v_disabled boolean;
begin
  update public.outgoing_webhooks set disabled_at = now()
  where company_id = p_company_id and version = p_version and disabled_at is null;
  v_disabled := found;
  if v_disabled then
    perform public.event_record(p_company_id, 'outgoing_webhook_disabled', p_cause);
  end if;
  return v_disabled;
end
$$;

-- True once per outage, when it has lasted p_notify_after_hours.
create function public.outgoing_webhook_record_failure(p_company_id bigint, p_version uuid, p_notify_after_hours integer)
returns boolean language plpgsql set search_path = '' as $$
declare
  v_notified boolean;
begin
  update public.outgoing_webhooks set failing_since = now()
  where company_id = p_company_id and version = p_version and failing_since is null;
  update public.outgoing_webhooks set failure_notified_at = now()
  where company_id = p_company_id and version = p_version and failure_notified_at is null
    and failing_since <= now() - make_interval(hours => p_notify_after_hours);
  v_notified := found;
  if v_notified then
    perform public.event_record(p_company_id, 'outgoing_webhook_failing', 'forwarding');
  end if;
  return v_notified;
end
$$;

create function public.outgoing_webhook_record_success(p_company_id bigint, p_version uuid)
returns void language sql set search_path = '' as $$
  update public.outgoing_webhooks set failing_since = null, failure_notified_at = null
  where company_id = p_company_id and version = p_version and failing_since is not null
$$;

-- An uninstallation erases received messages and the webhook.
create function public.companies_erase_received() returns trigger language plpgsql set search_path = '' as $$
begin
  delete from public.received_messages where company_id = new.id;
  delete from public.outgoing_webhooks where company_id = new.id;
  return null;
end
$$;

create trigger companies_erase_received after update of integration_status on public.companies
for each row when (new.integration_status = 'uninstalled' and old.integration_status <> 'uninstalled')
execute function public.companies_erase_received();

alter table public.outgoing_webhooks enable row level security;
revoke all on public.outgoing_webhooks from public, anon, authenticated;
grant select, insert, update, delete on public.outgoing_webhooks to service_role;

revoke execute on function
  public.outgoing_webhook_get, public.outgoing_webhook_save, public.outgoing_webhook_rotate,
  public.outgoing_webhook_remove, public.outgoing_webhook_disable, public.outgoing_webhook_record_failure,
  public.outgoing_webhook_record_success, public.companies_erase_received
from public, anon, authenticated;
grant execute on function
  public.outgoing_webhook_get, public.outgoing_webhook_save, public.outgoing_webhook_rotate,
  public.outgoing_webhook_remove, public.outgoing_webhook_disable, public.outgoing_webhook_record_failure,
  public.outgoing_webhook_record_success, public.companies_erase_received
to service_role;

-- Own statements on the tables of pg-boss. pg-boss creates its schema after the migrations; plpgsql resolves the names at the
-- first call. A test compares these rows with those of pg-boss' own insert.
--
-- pg-boss' claim evaluates the head of every key at each fetch (0.2 s with 50,000 waiting keys). jobs_claim walks the oldest jobs
-- along an index and stops at its limit.
--
-- `retry_count` counts claims and identifies the current one. `output` of an unfinished job counts failures (the job's own) and
-- interruptions (the process ended during the job).

-- p_jobs: [{id?, key, data}]. Existing ids are skipped.
create function public.jobs_insert(p_queue text, p_jobs json)
returns void language plpgsql set search_path = '' as $$
begin
  insert into pgboss.job (
    id, name, data, singleton_key, priority, start_after, created_on, keep_until, expire_seconds, deletion_seconds,
    retry_limit, retry_delay, retry_backoff, retry_delay_max, policy, dead_letter, heartbeat_seconds
  )
  select
    coalesce(j.id, gen_random_uuid()), p_queue, j.data, j.key, 0, pgboss.job_now(), pgboss.job_now(),
    pgboss.job_now() + q.retention_seconds * interval '1 second', q.expire_seconds, q.deletion_seconds,
    q.retry_limit, q.retry_delay, q.retry_backoff, q.retry_delay_max, q.policy, q.dead_letter, q.heartbeat_seconds
  from json_to_recordset(p_jobs) as j (id uuid, key text, data jsonb)
  join pgboss.queue q on q.name = p_queue
  on conflict do nothing;
end
$$;

-- The SET clauses leave the planner only index walks: any other plan reads the whole backlog, whatever the statistics say.
create function public.jobs_claim(p_queue text, p_limit integer)
returns table (id uuid, key text, data jsonb, claim integer, failures integer, interruptions integer,
  age_seconds integer)
language plpgsql set search_path = ''
set enable_seqscan = off set enable_bitmapscan = off set enable_hashjoin = off set enable_mergejoin = off
set enable_sort = off set plan_cache_mode = force_custom_plan
as $$
begin
  return query
  with busy as materialized (
    select held.singleton_key from pgboss.job held
    where held.name = p_queue and held.state = 'active' and held.policy = 'key_strict_fifo'
    union all
    select held.singleton_key from pgboss.job held
    where held.name = p_queue and held.state = 'failed' and held.policy = 'key_strict_fifo'
  ),
  heads as (
    select j.id from pgboss.job j
    where j.name = p_queue and j.state < 'active' and not j.blocked and j.start_after <= pgboss.job_now()
      and j.id = (
        select first.id from pgboss.job first
        where first.name = p_queue and first.singleton_key = j.singleton_key and first.state < 'active'
          and not first.blocked and first.policy = 'key_strict_fifo'
        order by first.state desc, first.created_on, first.id
        limit 1
      )
      and j.singleton_key not in (select busy.singleton_key from busy)
    order by j.priority desc, j.created_on
    limit p_limit
    for update of j skip locked
  )
  update pgboss.job j set
    state = 'active', started_on = pgboss.job_now(), heartbeat_on = pgboss.job_now(), retry_count = j.retry_count + 1
  from heads
  where j.name = p_queue and j.id = heads.id
  returning j.id, j.singleton_key, j.data, j.retry_count,
    coalesce((j.output ->> 'failures')::integer, 0), coalesce((j.output ->> 'interruptions')::integer, 0),
    extract(epoch from pgboss.job_now() - j.created_on)::integer;
end
$$;

-- Reschedules a claimed job and extends its retention, because pg-boss deletes jobs past keep_until silently. Jobs of the same
-- key wait behind it, so their retention follows, at most once a day to limit writes.
create function public.job_reschedule(
  p_queue text, p_id uuid, p_claim integer, p_delay_ms integer, p_output jsonb
)
returns void language plpgsql set search_path = '' as $$
declare
  v_key text;
  v_keep_until timestamptz;
begin
  update pgboss.job j set
    state = 'retry', heartbeat_on = null, output = p_output,
    start_after = pgboss.job_now() + p_delay_ms * interval '1 millisecond',
    keep_until = greatest(j.keep_until,
      pgboss.job_now() + p_delay_ms * interval '1 millisecond' + q.retention_seconds * interval '1 second')
  from pgboss.queue q
  where q.name = p_queue and j.name = p_queue and j.id = p_id and j.retry_count = p_claim and j.state = 'active'
  returning j.singleton_key, j.keep_until into v_key, v_keep_until;

  update pgboss.job behind set keep_until = v_keep_until
  where behind.name = p_queue and behind.singleton_key = v_key and behind.state < 'active' and not behind.blocked
    and behind.policy = 'key_strict_fifo' and behind.keep_until < v_keep_until - interval '1 day';
end
$$;

-- Takes jobs from processes without a heartbeat for p_heartbeat_timeout_seconds; null takes all active jobs.
create function public.jobs_reclaim(p_queues text[], p_heartbeat_timeout_seconds integer)
returns integer language plpgsql set search_path = '' as $$
declare
  v_jobs integer;
begin
  update pgboss.job set
    state = 'retry', heartbeat_on = null, start_after = pgboss.job_now(),
    output = coalesce(output, '{}') || jsonb_build_object(
      'interruptions', coalesce((output ->> 'interruptions')::integer, 0) + 1)
  where name = any (p_queues) and policy = 'key_strict_fifo' and state = 'active'
    and (p_heartbeat_timeout_seconds is null
      or heartbeat_on <= pgboss.job_now() - p_heartbeat_timeout_seconds * interval '1 second');
  get diagnostics v_jobs = row_count;
  return v_jobs;
end
$$;

-- Runs waiting retries of a key now.
create function public.jobs_run_now(p_queue text, p_key text)
returns void language plpgsql set search_path = '' as $$
begin
  update pgboss.job set start_after = pgboss.job_now()
  where name = p_queue and singleton_key = p_key and policy = 'key_strict_fifo' and state = 'retry';
end
$$;

-- lz4 instead of pglz, which doubles the cost of a webhook insert.
create function public.jobs_compress_with_lz4()
returns void language plpgsql set search_path = '' set lock_timeout = '1s' as $$
begin
  if exists (
    select from pg_catalog.pg_attribute
    where attrelid = 'pgboss.job_common'::regclass and attname = 'data' and attcompression <> 'l'
  ) then
    alter table pgboss.job_common alter column data set compression lz4;
  end if;
exception when feature_not_supported or lock_not_available or insufficient_privilege then
  -- Built without lz4, or busy: the next start tries again.
  null;
end
$$;

revoke execute on function
  public.jobs_insert, public.jobs_claim, public.job_reschedule, public.jobs_reclaim, public.jobs_run_now,
  public.jobs_compress_with_lz4
from public, anon, authenticated;
grant execute on function
  public.jobs_insert, public.jobs_claim, public.job_reschedule, public.jobs_reclaim, public.jobs_run_now,
  public.jobs_compress_with_lz4
to service_role;

-- Re-encryption of stored values under the primary key.
--
-- A value is addressed by table, company, token (lease token, or 0), type and id. Reads are ordered by these, so that the
-- last row is the cursor of the next read (p_after). Values under the primary key begin with p_key_prefix; all others are stale.
-- Bytes are in hex.
--
-- p_changes: [{company_id, token, type, id, before, after}]. A value is replaced only if it still equals `before`, so no lease is
-- needed and no newer value is lost. SKIP LOCKED leaves rows in use to the next round; waiting could deadlock the other writer.

-- Prefix of an encrypted value: format, length of the key id, key id.
create function public.encrypted_key_prefix(p_value bytea) returns bytea
language sql immutable strict set search_path = '' as $$
  select substring(p_value from 1 for 2 + get_byte(substring(p_value from 1 for 2) || '\x0000'::bytea, 1))
$$;

-- Rows under the primary key are skipped by the index: there may be millions.
create index received_messages_key_prefix_idx on public.received_messages (public.encrypted_key_prefix(content), sequence);

-- Counts up to 100,000.
create function public.encrypted_received_messages_count_stale(p_key_prefix text) returns bigint
language sql stable set search_path = '' set enable_seqscan = off set enable_bitmapscan = off set jit = off as $$
  select count(*) from (
    (select from public.received_messages where public.encrypted_key_prefix(content) < decode(p_key_prefix, 'hex') limit 100000)
    union all
    (select from public.received_messages where public.encrypted_key_prefix(content) > decode(p_key_prefix, 'hex') limit 100000)
    limit 100000
  ) stale
$$;

create function public.encrypted_values_count_stale(p_key_prefix text) returns bigint
language sql stable set search_path = '' as $$
  with key_prefix as (select decode(p_key_prefix, 'hex') as bytes)
  select (select count(*) from public.whatsapp_credentials, key_prefix where substring(value from 1 for length(bytes)) <> bytes)
    + (select count(*) from public.whatsapp_quarantine, key_prefix where substring(value from 1 for length(bytes)) <> bytes)
    + (select count(*) from public.company_secrets, key_prefix where substring(api_key from 1 for length(bytes)) <> bytes)
    + (select count(*) from public.company_secrets, key_prefix where substring(webhook_secret from 1 for length(bytes)) <> bytes)
    + (select count(*) from public.outgoing_webhooks, key_prefix where substring(url from 1 for length(bytes)) <> bytes)
    + (select count(*) from public.outgoing_webhooks, key_prefix where substring(secret from 1 for length(bytes)) <> bytes)
    + (select count(*) from public.outgoing_webhooks, key_prefix where substring(previous_secret from 1 for length(bytes)) <> bytes)
    + public.encrypted_received_messages_count_stale(p_key_prefix)
$$;

create function public.encrypted_credentials_find_stale(p_key_prefix text, p_after json, p_limit integer)
returns table (company_id bigint, token bigint, type text, id text, value text)
language sql stable set search_path = '' as $$
  select credential.company_id, 0::bigint, credential.type, credential.id, encode(credential.value, 'hex')
  from public.whatsapp_credentials credential
  where (credential.company_id, credential.type, credential.id)
      > ((p_after ->> 'company_id')::bigint, p_after ->> 'type', p_after ->> 'id')
    and substring(credential.value from 1 for length(p_key_prefix) / 2) <> decode(p_key_prefix, 'hex')
  order by credential.company_id, credential.type, credential.id
  limit p_limit
$$;

create function public.encrypted_quarantine_find_stale(p_key_prefix text, p_after json, p_limit integer)
returns table (company_id bigint, token bigint, type text, id text, value text)
language sql stable set search_path = '' as $$
  select stored.company_id, stored.token, stored.type, stored.id, encode(stored.value, 'hex')
  from public.whatsapp_quarantine stored
  where (stored.company_id, stored.token, stored.type, stored.id)
      > ((p_after ->> 'company_id')::bigint, (p_after ->> 'token')::bigint, p_after ->> 'type', p_after ->> 'id')
    and substring(stored.value from 1 for length(p_key_prefix) / 2) <> decode(p_key_prefix, 'hex')
  order by stored.company_id, stored.token, stored.type, stored.id
  limit p_limit
$$;

-- The id is the salon id, which is part of the AAD.
create function public.encrypted_company_secrets_find_stale(p_key_prefix text, p_after json, p_limit integer)
returns table (company_id bigint, token bigint, type text, id text, value text)
language sql stable set search_path = '' as $$
  select secrets.company_id, 0::bigint, secret.type, company.salon_id::text, encode(secret.value, 'hex')
  from public.company_secrets secrets
  join public.companies company on company.id = secrets.company_id
  cross join lateral (values ('api_key', secrets.api_key), ('webhook_secret', secrets.webhook_secret)) as secret (type, value)
  where secrets.company_id >= (p_after ->> 'company_id')::bigint
    and (secrets.company_id, secret.type) > ((p_after ->> 'company_id')::bigint, p_after ->> 'type')
    and substring(secret.value from 1 for length(p_key_prefix) / 2) <> decode(p_key_prefix, 'hex')
  order by secrets.company_id, secret.type
  limit p_limit
$$;

create function public.encrypted_outgoing_webhooks_find_stale(p_key_prefix text, p_after json, p_limit integer)
returns table (company_id bigint, token bigint, type text, id text, value text)
language sql stable set search_path = '' as $$
  select webhook.company_id, 0::bigint, encrypted.type, '', encode(encrypted.value, 'hex')
  from public.outgoing_webhooks webhook
  cross join lateral (values
    ('previous_secret', webhook.previous_secret), ('secret', webhook.secret), ('url', webhook.url)
  ) as encrypted (type, value)
  where webhook.company_id >= (p_after ->> 'company_id')::bigint
    and (webhook.company_id, encrypted.type) > ((p_after ->> 'company_id')::bigint, p_after ->> 'type')
    and substring(encrypted.value from 1 for length(p_key_prefix) / 2) <> decode(p_key_prefix, 'hex')
  order by webhook.company_id, encrypted.type
  limit p_limit
$$;

-- Ordered by key prefix (as type) and sequence (as token). Two ranges exclude p_key_prefix, because one range over both would read
-- everything between. The SET clauses force index walks; jit is off because the cost of disabled plans triggers it.
create function public.encrypted_received_messages_find_stale(p_key_prefix text, p_after json, p_limit integer)
returns table (company_id bigint, token bigint, type text, id text, value text)
language sql stable set search_path = ''
set enable_seqscan = off set enable_bitmapscan = off set enable_sort = off set jit = off as $$
  with params as materialized (
    select decode(p_key_prefix, 'hex') as key_prefix, decode(p_after ->> 'type', 'hex') as after_key_prefix,
      (p_after ->> 'token')::bigint as after_sequence
  )
  select stale.company_id, stale.sequence, encode(public.encrypted_key_prefix(stale.content), 'hex'), stale.id::text,
    encode(stale.content, 'hex')
  from (
    (select message.company_id, message.sequence, message.id, message.content
    from public.received_messages message
    where (public.encrypted_key_prefix(message.content), message.sequence)
        > ((select after_key_prefix from params), (select after_sequence from params))
      and public.encrypted_key_prefix(message.content) < (select key_prefix from params)
    order by public.encrypted_key_prefix(message.content), message.sequence
    limit p_limit)
    union all
    (select message.company_id, message.sequence, message.id, message.content
    from public.received_messages message
    where (public.encrypted_key_prefix(message.content), message.sequence)
        > ((select greatest(after_key_prefix, key_prefix) from params),
          (select case when after_key_prefix > key_prefix then after_sequence else 9223372036854775807 end from params))
    order by public.encrypted_key_prefix(message.content), message.sequence
    limit p_limit)
  ) stale
  order by public.encrypted_key_prefix(stale.content), stale.sequence
  limit p_limit
$$;

create function public.encrypted_credentials_replace(p_changes json) returns integer
language sql set search_path = '' as $$
  with change as (
    select company_id, type, id, decode(before, 'hex') as before, decode(after, 'hex') as after
    from json_to_recordset(p_changes) as change (company_id bigint, type text, id text, before text, after text)
  ), locked as (
    select change.* from change
    join public.whatsapp_credentials credential using (company_id, type, id)
    where credential.value = change.before
    for update of credential skip locked
  ), replaced as (
    update public.whatsapp_credentials credential set value = locked.after from locked
    where credential.company_id = locked.company_id and credential.type = locked.type and credential.id = locked.id
      and credential.value = locked.before
    returning 1
  )
  select count(*)::integer from replaced
$$;

create function public.encrypted_quarantine_replace(p_changes json) returns integer
language sql set search_path = '' as $$
  with change as (
    select company_id, token, type, id, decode(before, 'hex') as before, decode(after, 'hex') as after
    from json_to_recordset(p_changes)
      as change (company_id bigint, token bigint, type text, id text, before text, after text)
  ), locked as (
    select change.* from change
    join public.whatsapp_quarantine stored using (company_id, token, type, id)
    where stored.value = change.before
    for update of stored skip locked
  ), replaced as (
    update public.whatsapp_quarantine stored set value = locked.after from locked
    where stored.company_id = locked.company_id and stored.token = locked.token and stored.type = locked.type
      and stored.id = locked.id and stored.value = locked.before
    returning 1
  )
  select count(*)::integer from replaced
$$;

create function public.encrypted_company_secrets_replace(p_changes json) returns integer
language plpgsql set search_path = '' as $$
declare
  v_change record;
  v_replaced integer := 0;
begin
  for v_change in
    select company_id, type, decode(before, 'hex') as before, decode(after, 'hex') as after
    from json_to_recordset(p_changes) as change (company_id bigint, type text, before text, after text)
  loop
    perform from public.company_secrets where company_id = v_change.company_id for update skip locked;
    continue when not found;
    update public.company_secrets set
      api_key = case when v_change.type = 'api_key' then v_change.after else api_key end,
      webhook_secret = case when v_change.type = 'webhook_secret' then v_change.after else webhook_secret end
    where company_id = v_change.company_id
      and case v_change.type when 'api_key' then api_key else webhook_secret end = v_change.before;
    if found then v_replaced := v_replaced + 1; end if;
  end loop;
  return v_replaced;
end
$$;

create function public.encrypted_outgoing_webhooks_replace(p_changes json) returns integer
language plpgsql set search_path = '' as $$
declare
  v_change record;
  v_replaced integer := 0;
begin
  for v_change in
    select company_id, type, decode(before, 'hex') as before, decode(after, 'hex') as after
    from json_to_recordset(p_changes) as change (company_id bigint, type text, before text, after text)
  loop
    perform from public.outgoing_webhooks where company_id = v_change.company_id for update skip locked;
    continue when not found;
    update public.outgoing_webhooks set
      url = case when v_change.type = 'url' then v_change.after else url end,
      secret = case when v_change.type = 'secret' then v_change.after else secret end,
      previous_secret = case when v_change.type = 'previous_secret' then v_change.after else previous_secret end
    where company_id = v_change.company_id
      and case v_change.type when 'url' then url when 'secret' then secret else previous_secret end = v_change.before;
    if found then v_replaced := v_replaced + 1; end if;
  end loop;
  return v_replaced;
end
$$;

create function public.encrypted_received_messages_replace(p_changes json) returns integer
language sql set search_path = '' as $$
  with change as (
    select id, decode(before, 'hex') as before, decode(after, 'hex') as after
    from json_to_recordset(p_changes) as change (id uuid, before text, after text)
  ), locked as (
    select change.* from change
    join public.received_messages message using (id)
    where message.content = change.before
    for update of message skip locked
  ), replaced as (
    update public.received_messages message set content = locked.after from locked
    where message.id = locked.id and message.content = locked.before
    returning 1
  )
  select count(*)::integer from replaced
$$;

revoke execute on function
  public.encrypted_key_prefix, public.encrypted_received_messages_count_stale,
  public.encrypted_values_count_stale, public.encrypted_credentials_find_stale,
  public.encrypted_quarantine_find_stale, public.encrypted_company_secrets_find_stale,
  public.encrypted_outgoing_webhooks_find_stale, public.encrypted_received_messages_find_stale,
  public.encrypted_credentials_replace, public.encrypted_quarantine_replace, public.encrypted_company_secrets_replace,
  public.encrypted_outgoing_webhooks_replace, public.encrypted_received_messages_replace
from public, anon, authenticated;
grant execute on function
  public.encrypted_key_prefix, public.encrypted_received_messages_count_stale,
  public.encrypted_values_count_stale, public.encrypted_credentials_find_stale,
  public.encrypted_quarantine_find_stale, public.encrypted_company_secrets_find_stale,
  public.encrypted_outgoing_webhooks_find_stale, public.encrypted_received_messages_find_stale,
  public.encrypted_credentials_replace, public.encrypted_quarantine_replace, public.encrypted_company_secrets_replace,
  public.encrypted_outgoing_webhooks_replace, public.encrypted_received_messages_replace
to service_role;

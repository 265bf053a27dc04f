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

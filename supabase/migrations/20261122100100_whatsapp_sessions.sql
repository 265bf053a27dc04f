-- Who may act for a company's WhatsApp session, its encrypted credentials, and the tokens of connect pages.
-- Leases use clock_timestamp(): now() is the start of the transaction, which may have waited for a lock since.

create table public.whatsapp_leases (
  company_id bigint primary key references public.companies on delete cascade,
  owner text not null,
  token bigint not null,
  expires_at timestamptz not null
);
comment on column public.whatsapp_leases.token is 'Grows with each grant; a row is never deleted, so no token comes twice.';

create table public.whatsapp_credentials (
  company_id bigint not null references public.companies on delete cascade,
  type text not null,
  id text not null,
  value bytea not null,
  updated_at timestamptz not null default now(),
  primary key (company_id, type, id)
);

create table public.connect_tokens (
  token_hash text primary key check (token_hash ~ '^[0-9a-f]{64}$'),
  company_id bigint not null references public.companies on delete cascade,
  expires_at timestamptz not null,
  created_at timestamptz not null default now()
);
create index connect_tokens_of_company on public.connect_tokens (company_id);

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

-- True while nobody else can get the lease before this transaction ends.
create function public.lease_is_held(p_company_id bigint, p_owner text, p_token bigint)
returns boolean language plpgsql set search_path = '' as $$
begin
  perform from public.whatsapp_leases
  where company_id = p_company_id and owner = p_owner and token = p_token and expires_at > clock_timestamp()
  for share;
  return found;
end
$$;

-- Refuses the writer whose token is not the newest granted; an expired one may still finish what nobody else took over.
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

-- p_changes: [{type, id, value}], the value in hex, null to delete.
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

alter table public.whatsapp_leases enable row level security;
alter table public.whatsapp_credentials enable row level security;
alter table public.connect_tokens enable row level security;
revoke all on public.whatsapp_leases, public.whatsapp_credentials, public.connect_tokens from public, anon, authenticated;
grant select, insert, update, delete on public.whatsapp_leases, public.whatsapp_credentials, public.connect_tokens
to service_role;

revoke execute on function
  public.lease_acquire, public.lease_renew, public.lease_release, public.lease_is_held, public.credentials_fence,
  public.credentials_read, public.credentials_write, public.credentials_companies, public.credentials_erase,
  public.connect_token_save, public.connect_token_is_valid, public.connect_tokens_revoke
from public, anon, authenticated;
grant execute on function
  public.lease_acquire, public.lease_renew, public.lease_release, public.lease_is_held, public.credentials_fence,
  public.credentials_read, public.credentials_write, public.credentials_companies, public.credentials_erase,
  public.connect_token_save, public.connect_token_is_valid, public.connect_tokens_revoke
to service_role;

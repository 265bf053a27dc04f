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

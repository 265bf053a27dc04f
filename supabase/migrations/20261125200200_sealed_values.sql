-- Values sealed under another key than the first are sealed anew in the background. A value is named by its table, company, lease
-- token (0 where there is none), type and id; what is read comes in that order, so that a cursor resumes it by the primary key.
-- Headers and values are in hex.

create function public.sealed_values_count(p_header text) returns bigint
language sql stable set search_path = '' as $$
  with header as (select decode(p_header, 'hex') as bytes)
  select (select count(*) from public.whatsapp_credentials, header where substring(value from 1 for length(bytes)) <> bytes)
    + (select count(*) from public.whatsapp_quarantine, header where substring(value from 1 for length(bytes)) <> bytes)
    + (select count(*) from public.company_secrets, header where substring(api_key from 1 for length(bytes)) <> bytes)
    + (select count(*) from public.company_secrets, header where substring(webhook_secret from 1 for length(bytes)) <> bytes)
$$;

create function public.sealed_credentials_read(p_header text, p_after json, p_limit integer)
returns table (company_id bigint, token bigint, type text, id text, value text)
language sql stable set search_path = '' as $$
  select credential.company_id, 0::bigint, credential.type, credential.id, encode(credential.value, 'hex')
  from public.whatsapp_credentials credential
  where (credential.company_id, credential.type, credential.id)
      > ((p_after ->> 'company_id')::bigint, p_after ->> 'type', p_after ->> 'id')
    and substring(credential.value from 1 for length(p_header) / 2) <> decode(p_header, 'hex')
  order by credential.company_id, credential.type, credential.id
  limit p_limit
$$;

create function public.sealed_quarantine_read(p_header text, p_after json, p_limit integer)
returns table (company_id bigint, token bigint, type text, id text, value text)
language sql stable set search_path = '' as $$
  select kept.company_id, kept.token, kept.type, kept.id, encode(kept.value, 'hex')
  from public.whatsapp_quarantine kept
  where (kept.company_id, kept.token, kept.type, kept.id)
      > ((p_after ->> 'company_id')::bigint, (p_after ->> 'token')::bigint, p_after ->> 'type', p_after ->> 'id')
    and substring(kept.value from 1 for length(p_header) / 2) <> decode(p_header, 'hex')
  order by kept.company_id, kept.token, kept.type, kept.id
  limit p_limit
$$;

-- The id is the salon's, which the seal is bound to.
create function public.sealed_secrets_read(p_header text, p_after json, p_limit integer)
returns table (company_id bigint, token bigint, type text, id text, value text)
language sql stable set search_path = '' as $$
  select secrets.company_id, 0::bigint, secret.type, company.salon_id::text, encode(secret.value, 'hex')
  from public.company_secrets secrets
  join public.companies company on company.id = secrets.company_id
  cross join lateral (values ('api_key', secrets.api_key), ('webhook_secret', secrets.webhook_secret)) as secret (type, value)
  where secrets.company_id >= (p_after ->> 'company_id')::bigint
    and (secrets.company_id, secret.type) > ((p_after ->> 'company_id')::bigint, p_after ->> 'type')
    and substring(secret.value from 1 for length(p_header) / 2) <> decode(p_header, 'hex')
  order by secrets.company_id, secret.type
  limit p_limit
$$;

-- p_changes: [{company_id, token, type, id, before, after}]. Each value is replaced only if it is still the one that was read: no
-- lease is asked for, and no older value can come back. A row that somebody is writing is left to the next round; waiting for it
-- could make that write the victim of a deadlock.
create function public.sealed_credentials_replace(p_changes json) returns integer
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

create function public.sealed_quarantine_replace(p_changes json) returns integer
language sql set search_path = '' as $$
  with change as (
    select company_id, token, type, id, decode(before, 'hex') as before, decode(after, 'hex') as after
    from json_to_recordset(p_changes)
      as change (company_id bigint, token bigint, type text, id text, before text, after text)
  ), locked as (
    select change.* from change
    join public.whatsapp_quarantine kept using (company_id, token, type, id)
    where kept.value = change.before
    for update of kept skip locked
  ), replaced as (
    update public.whatsapp_quarantine kept set value = locked.after from locked
    where kept.company_id = locked.company_id and kept.token = locked.token and kept.type = locked.type
      and kept.id = locked.id and kept.value = locked.before
    returning 1
  )
  select count(*)::integer from replaced
$$;

create function public.sealed_secrets_replace(p_changes json) returns integer
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

revoke execute on function
  public.sealed_values_count, public.sealed_credentials_read, public.sealed_quarantine_read, public.sealed_secrets_read,
  public.sealed_credentials_replace, public.sealed_quarantine_replace, public.sealed_secrets_replace
from public, anon, authenticated;
grant execute on function
  public.sealed_values_count, public.sealed_credentials_read, public.sealed_quarantine_read, public.sealed_secrets_read,
  public.sealed_credentials_replace, public.sealed_quarantine_replace, public.sealed_secrets_replace
to service_role;

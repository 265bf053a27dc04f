-- Re-encryption of stored values under the primary key.
--
-- A value is addressed by table, company, token (lease token, or 0), type and id. Reads are ordered by these, so that the last row is
-- the cursor of the next read (p_after). p_header is the key prefix of values under the primary key. Bytes are in hex.
--
-- p_changes: [{company_id, token, type, id, before, after}]. A value is replaced only if it still equals `before`, so no lease is
-- needed and no newer value is lost. SKIP LOCKED leaves rows in use to the next round; waiting could deadlock the other writer.

-- Prefix of an encrypted value: format, length of the key id, key id.
create function public.sealed_header(p_value bytea) returns bytea
language sql immutable strict set search_path = '' as $$
  select substring(p_value from 1 for 2 + get_byte(substring(p_value from 1 for 2) || '\x0000'::bytea, 1))
$$;

-- Rows under the primary key are skipped by the index: there may be millions.
create index received_messages_by_seal on public.received_messages (public.sealed_header(content), sequence);

-- Counts up to 100,000.
create function public.sealed_received_count(p_header text) returns bigint
language sql stable set search_path = '' set enable_seqscan = off set enable_bitmapscan = off set jit = off as $$
  select count(*) from (
    (select from public.received_messages where public.sealed_header(content) < decode(p_header, 'hex') limit 100000)
    union all
    (select from public.received_messages where public.sealed_header(content) > decode(p_header, 'hex') limit 100000)
    limit 100000
  ) found
$$;

create function public.sealed_values_count(p_header text) returns bigint
language sql stable set search_path = '' as $$
  with header as (select decode(p_header, 'hex') as bytes)
  select (select count(*) from public.whatsapp_credentials, header where substring(value from 1 for length(bytes)) <> bytes)
    + (select count(*) from public.whatsapp_quarantine, header where substring(value from 1 for length(bytes)) <> bytes)
    + (select count(*) from public.company_secrets, header where substring(api_key from 1 for length(bytes)) <> bytes)
    + (select count(*) from public.company_secrets, header where substring(webhook_secret from 1 for length(bytes)) <> bytes)
    + (select count(*) from public.outgoing_webhooks, header where substring(url from 1 for length(bytes)) <> bytes)
    + (select count(*) from public.outgoing_webhooks, header where substring(secret from 1 for length(bytes)) <> bytes)
    + (select count(*) from public.outgoing_webhooks, header where substring(previous_secret from 1 for length(bytes)) <> bytes)
    + public.sealed_received_count(p_header)
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

-- The id is the salon id, which is part of the AAD.
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

create function public.sealed_outgoing_read(p_header text, p_after json, p_limit integer)
returns table (company_id bigint, token bigint, type text, id text, value text)
language sql stable set search_path = '' as $$
  select webhook.company_id, 0::bigint, sealed.type, '', encode(sealed.value, 'hex')
  from public.outgoing_webhooks webhook
  cross join lateral (values
    ('previous_secret', webhook.previous_secret), ('secret', webhook.secret), ('url', webhook.url)
  ) as sealed (type, value)
  where webhook.company_id >= (p_after ->> 'company_id')::bigint
    and (webhook.company_id, sealed.type) > ((p_after ->> 'company_id')::bigint, p_after ->> 'type')
    and substring(sealed.value from 1 for length(p_header) / 2) <> decode(p_header, 'hex')
  order by webhook.company_id, sealed.type
  limit p_limit
$$;

-- Ordered by header (as type) and sequence (as token). Two ranges exclude p_header, because one range over both would read
-- everything between. The SET clauses force index walks; jit is off because the cost of disabled plans triggers it.
create function public.sealed_received_read(p_header text, p_after json, p_limit integer)
returns table (company_id bigint, token bigint, type text, id text, value text)
language sql stable set search_path = ''
set enable_seqscan = off set enable_bitmapscan = off set enable_sort = off set jit = off as $$
  with asked as materialized (
    select decode(p_header, 'hex') as header, decode(p_after ->> 'type', 'hex') as after_header,
      (p_after ->> 'token')::bigint as after_sequence
  )
  select found.company_id, found.sequence, encode(public.sealed_header(found.content), 'hex'), found.id::text,
    encode(found.content, 'hex')
  from (
    (select message.company_id, message.sequence, message.id, message.content
    from public.received_messages message
    where (public.sealed_header(message.content), message.sequence)
        > ((select after_header from asked), (select after_sequence from asked))
      and public.sealed_header(message.content) < (select header from asked)
    order by public.sealed_header(message.content), message.sequence
    limit p_limit)
    union all
    (select message.company_id, message.sequence, message.id, message.content
    from public.received_messages message
    where (public.sealed_header(message.content), message.sequence)
        > ((select greatest(after_header, header) from asked),
          (select case when after_header > header then after_sequence else 9223372036854775807 end from asked))
    order by public.sealed_header(message.content), message.sequence
    limit p_limit)
  ) found
  order by public.sealed_header(found.content), found.sequence
  limit p_limit
$$;

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

create function public.sealed_outgoing_replace(p_changes json) returns integer
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

create function public.sealed_received_replace(p_changes json) returns integer
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
  public.sealed_header, public.sealed_received_count, public.sealed_values_count, public.sealed_credentials_read,
  public.sealed_quarantine_read, public.sealed_secrets_read, public.sealed_outgoing_read, public.sealed_received_read,
  public.sealed_credentials_replace, public.sealed_quarantine_replace, public.sealed_secrets_replace,
  public.sealed_outgoing_replace, public.sealed_received_replace
from public, anon, authenticated;
grant execute on function
  public.sealed_header, public.sealed_received_count, public.sealed_values_count, public.sealed_credentials_read,
  public.sealed_quarantine_read, public.sealed_secrets_read, public.sealed_outgoing_read, public.sealed_received_read,
  public.sealed_credentials_replace, public.sealed_quarantine_replace, public.sealed_secrets_replace,
  public.sealed_outgoing_replace, public.sealed_received_replace
to service_role;

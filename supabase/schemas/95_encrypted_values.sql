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

-- What clients write and the companies' own webhooks come under the first key too. There may be millions of texts: they are found by
-- an index over what they are sealed under, so that those under the first key cost nothing.

create function public.sealed_header(p_value bytea) returns bytea
language sql immutable strict set search_path = '' as $$
  select substring(p_value from 1 for 2 + get_byte(substring(p_value from 1 for 2) || '\x0000'::bytea, 1))
$$;
comment on function public.sealed_header is 'How a sealed value begins: format, length of the key''s name, name of the key.';

create index received_messages_by_seal on public.received_messages (public.sealed_header(content), sequence);

-- In the order of header (as type) and sequence (as token). Two ranges, before and after the header, since one range over both
-- would read what lies between; so would any plan but a walk along the index. Forbidden plans look so dear that Postgres would
-- compile the statement for a second.
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

-- At most 100,000: more are counted when these are done.
create function public.sealed_received_count(p_header text) returns bigint
language sql stable set search_path = '' set enable_seqscan = off set enable_bitmapscan = off set jit = off as $$
  select count(*) from (
    (select from public.received_messages where public.sealed_header(content) < decode(p_header, 'hex') limit 100000)
    union all
    (select from public.received_messages where public.sealed_header(content) > decode(p_header, 'hex') limit 100000)
    limit 100000
  ) found
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

create or replace function public.sealed_values_count(p_header text) returns bigint
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

revoke execute on function
  public.sealed_header, public.sealed_received_read, public.sealed_received_count, public.sealed_received_replace,
  public.sealed_outgoing_read, public.sealed_outgoing_replace
from public, anon, authenticated;
grant execute on function
  public.sealed_header, public.sealed_received_read, public.sealed_received_count, public.sealed_received_replace,
  public.sealed_outgoing_read, public.sealed_outgoing_replace
to service_role;

-- Outgoing messages: one row a message, from the moment it is wanted to the moment it was read.

create table public.messages (
  id uuid primary key default gen_random_uuid(),
  company_id bigint not null references public.companies on delete cascade,
  sequence bigint generated always as identity,
  kind text not null check (kind in ('confirmation', 'change', 'cancellation', 'direct', 'test')),
  idempotency_key text not null,
  phone text not null check (phone ~ '^\+[0-9]{5,15}$'),
  text text not null,
  record_id bigint,
  status text not null default 'queued' check (status in
    ('queued', 'sending', 'unknown', 'sent', 'delivered', 'read', 'failed', 'expired')),
  whatsapp_message_id text not null default '3EB0' || upper(left(replace(gen_random_uuid()::text, '-', ''), 18)),
  attempts integer not null default 0,
  lease_token bigint,
  error_code text,
  not_before timestamptz not null default now(),
  expires_at timestamptz,
  created_at timestamptz not null default now(),
  sending_at timestamptz,
  handed_over_at timestamptz,
  sent_at timestamptz,
  delivered_at timestamptz,
  read_at timestamptz,
  unique (company_id, idempotency_key),
  unique (company_id, whatsapp_message_id)
);
comment on column public.messages.sequence is 'Orders messages of one instant.';
comment on column public.messages.lease_token is 'The lease under which the message was claimed last.';
comment on column public.messages.handed_over_at is 'When WhatsApp was given the message last; empty while that goes on.';
create index messages_open on public.messages (company_id, not_before, sequence) where status in ('queued', 'sending');
create index messages_perishable on public.messages (expires_at) where status = 'queued';

-- Forward only. A receipt may come before the ack, so steps may be skipped; `sending` is reached by a claim alone.
create function public.message_may_become(p_from text, p_to text) returns boolean
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

create function public.message_enqueue(p_company_id bigint, p_message json)
returns setof public.messages language plpgsql set search_path = '' as $$
begin
  return query insert into public.messages
    (company_id, kind, idempotency_key, phone, text, record_id, not_before, expires_at)
  select p_company_id, kind, idempotency_key, phone, text, record_id, coalesce(not_before, now()), expires_at
  from json_to_record(p_message) as wanted (kind text, idempotency_key text, phone text, text text, record_id bigint,
    not_before timestamptz, expires_at timestamptz)
  on conflict (company_id, idempotency_key) do nothing
  returning *;
  if not found then
    return query select * from public.messages
    where company_id = p_company_id and idempotency_key = p_message ->> 'idempotency_key';
  end if;
end
$$;

create function public.message_by_id(p_company_id bigint, p_message_id uuid)
returns setof public.messages language sql stable set search_path = '' as $$
  select * from public.messages where company_id = p_company_id and id = p_message_id
$$;

create function public.message_text_of(p_company_id bigint, p_whatsapp_message_id text)
returns text language sql stable set search_path = '' as $$
  select text from public.messages where company_id = p_company_id and whatsapp_message_id = p_whatsapp_message_id
$$;

create function public.message_claim(
  p_company_id bigint, p_owner text, p_token bigint, p_gap_ms integer, p_max_attempts integer
) returns setof public.messages language plpgsql set search_path = '' as $$
declare
  v_next_send_at timestamptz;
  v_message_id uuid;
begin
  -- The company's row first: its lock makes claims of one company wait for each other.
  select next_send_at into v_next_send_at from public.companies where id = p_company_id for no key update;
  if not found or not public.lease_is_held(p_company_id, p_owner, p_token) then
    return;
  end if;
  if v_next_send_at > clock_timestamp() then
    return;
  end if;
  select id into v_message_id from public.messages
  where company_id = p_company_id
    and (expires_at is null or expires_at > clock_timestamp())
    and ((status = 'queued' and not_before <= clock_timestamp())
      or (status = 'sending' and lease_token < p_token and attempts < p_max_attempts))
  order by (status = 'sending') desc, not_before, sequence
  limit 1;
  if not found then
    return;
  end if;
  update public.companies set next_send_at = clock_timestamp() + p_gap_ms * interval '1 millisecond'
  where id = p_company_id;
  return query update public.messages
  set status = 'sending', attempts = attempts + 1, lease_token = p_token, sending_at = clock_timestamp(),
    handed_over_at = null
  where id = v_message_id returning *;
end
$$;

create function public.message_next_due_at(p_company_id bigint)
returns timestamptz language sql stable set search_path = '' as $$
  select min(greatest(message.not_before, company.next_send_at))
  from public.messages message
  join public.companies company on company.id = message.company_id
  left join public.whatsapp_leases lease on lease.company_id = message.company_id
  where message.company_id = p_company_id
    and (message.expires_at is null or message.expires_at > clock_timestamp())
    and (message.status = 'queued' or (message.status = 'sending' and message.lease_token < lease.token))
$$;

create function public.message_release(
  p_company_id bigint, p_token bigint, p_message_id uuid, p_retry_after_ms integer
) returns void language sql set search_path = '' as $$
  update public.messages set
    status = 'queued',
    attempts = attempts - 1,
    not_before = clock_timestamp() + p_retry_after_ms * interval '1 millisecond'
  where company_id = p_company_id and id = p_message_id and status = 'sending' and lease_token = p_token
$$;

create function public.message_advance(
  p_company_id bigint, p_whatsapp_message_id text, p_to text, p_error_code text default null
) returns boolean language plpgsql set search_path = '' as $$
begin
  update public.messages set
    status = p_to,
    error_code = case when p_to = 'failed' then p_error_code end,
    sent_at = case when p_to in ('sent', 'delivered', 'read') then coalesce(sent_at, now()) else sent_at end,
    delivered_at = case when p_to in ('delivered', 'read') then coalesce(delivered_at, now()) else delivered_at end,
    read_at = case when p_to = 'read' then now() else read_at end
  where company_id = p_company_id and whatsapp_message_id = p_whatsapp_message_id
    and public.message_may_become(status, p_to);
  return found;
end
$$;

create function public.message_handed_over(p_company_id bigint, p_token bigint, p_message_id uuid)
returns void language sql set search_path = '' as $$
  update public.messages set handed_over_at = clock_timestamp()
  where company_id = p_company_id and id = p_message_id and status = 'sending' and lease_token = p_token
$$;

-- What was interrupted under an older lease is sent again while that makes sense. WhatsApp may have taken it: it never
-- becomes `expired`.
create function public.message_give_up_waiting(
  p_company_id bigint, p_token bigint, p_older_than_ms integer, p_max_attempts integer
) returns setof text language sql set search_path = '' as $$
  update public.messages set status = 'unknown'
  where company_id = p_company_id and status = 'sending' and case
    when lease_token < p_token then attempts >= p_max_attempts or expires_at <= clock_timestamp()
    -- Longer than any hand-over takes: its end was not recorded.
    else lease_token = p_token
      and coalesce(handed_over_at, sending_at + interval '2 minutes')
        < clock_timestamp() - p_older_than_ms * interval '1 millisecond'
  end
  returning whatsapp_message_id
$$;

-- Of all companies. A message that is being claimed at this moment keeps its chance.
create function public.messages_expire()
returns table (company_id bigint, whatsapp_message_id text)
language sql set search_path = '' as $$
  update public.messages set status = 'expired'
  where id in (
    select id from public.messages where status = 'queued' and expires_at <= clock_timestamp() for update skip locked
  )
  returning messages.company_id, messages.whatsapp_message_id
$$;

alter table public.messages enable row level security;
revoke all on public.messages from public, anon, authenticated;
grant select, insert, update, delete on public.messages to service_role;

revoke execute on function
  public.message_may_become, public.message_enqueue, public.message_by_id, public.message_text_of, public.message_claim,
  public.message_next_due_at, public.message_release, public.message_advance, public.message_handed_over,
  public.message_give_up_waiting, public.messages_expire
from public, anon, authenticated;
grant execute on function
  public.message_may_become, public.message_enqueue, public.message_by_id, public.message_text_of, public.message_claim,
  public.message_next_due_at, public.message_release, public.message_advance, public.message_handed_over,
  public.message_give_up_waiting, public.messages_expire
to service_role;

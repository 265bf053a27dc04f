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

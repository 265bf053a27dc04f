-- Claims within the limits of the pace, and the events of each message.

create function public.message_event(
  p_message public.messages, p_type text, p_cause text, p_detail jsonb default '{}'
) returns void language sql set search_path = '' as $$
  select public.event_record(p_message.company_id, p_type, p_cause, jsonb_strip_nulls(jsonb_build_object(
    'message_id', p_message.id, 'kind', p_message.kind, 'record_id', p_message.record_id)) || p_detail)
$$;

drop function public.message_enqueue;
-- Nothing when the person wants no messages; the message that exists when the key is known.
create function public.message_enqueue(p_company_id bigint, p_message json, p_cause text)
returns setof public.messages language plpgsql set search_path = '' as $$
declare
  v_message public.messages;
begin
  -- The lock of the company makes a wish for no messages come either before or after.
  perform from public.companies where id = p_company_id for no key update;
  select * into v_message from public.messages
  where company_id = p_company_id and idempotency_key = p_message ->> 'idempotency_key' and status <> 'withdrawn';
  if not found then
    if p_message ->> 'kind' <> 'reply' and public.contact_is_opted_out(p_company_id, p_message ->> 'phone') then
      return;
    end if;
    insert into public.messages
      (company_id, kind, idempotency_key, phone, text, record_id, not_before, due_at, expires_at, heeds_quiet_hours, cause)
    select p_company_id, kind, idempotency_key, phone, text, record_id, coalesce(not_before, now()),
      coalesce(not_before, now()), expires_at, coalesce(heeds_quiet_hours, true), p_cause
    from json_to_record(p_message) as wanted (kind text, idempotency_key text, phone text, text text, record_id bigint,
      not_before timestamptz, expires_at timestamptz, heeds_quiet_hours boolean)
    returning * into v_message;
    perform public.message_event(v_message, 'message_queued', p_cause);
  end if;
  return next v_message;
end
$$;

create index messages_in_turn on public.messages (company_id, due_at, sequence) where status = 'queued';

drop function public.message_claim;
drop function public.message_next_due_at;
-- When to look again, also as a duration: the clock of who asks may be wrong.
create function public.claim_later(p_due_at timestamptz, p_now timestamptz)
returns json language sql immutable set search_path = '' as $$
  select json_build_object('due_at', p_due_at, 'due_in_ms', ceil(extract(epoch from p_due_at - p_now) * 1000))
$$;

-- Whether it should not be said any more: its person wants no messages, or its visit was moved or cancelled meanwhile.
create function public.message_is_obsolete(p_message public.messages)
returns boolean language sql stable set search_path = '' as $$
  select p_message.kind not in ('cancellation', 'reply')
      and public.contact_is_opted_out(p_message.company_id, p_message.phone)
    or p_message.kind in ('reminder_24h', 'reminder_2h', 'thanks') and exists (
      select from public.bookings booking
      where booking.company_id = p_message.company_id and booking.record_id = p_message.record_id
        and (booking.cancelled or p_message.idempotency_key <> format('record:%s:%s:%s', booking.record_id,
          p_message.kind, to_char(booking.starts_at, 'YYYY-MM-DD HH24:MI:SS')))
    )
$$;

-- {"message": …} or when to look again. All times are the database's: a restart or a clock that jumps cannot raise the rate.
create function public.message_claim(
  p_company_id bigint, p_owner text, p_token bigint, p_limits json, p_gap_ms integer, p_max_attempts integer,
  p_quiet_until timestamptz default null
) returns json language plpgsql set search_path = '' as $$
declare
  v_now timestamptz := clock_timestamp();
  v_quiet boolean := coalesce(p_quiet_until > v_now, false);
  v_company public.companies;
  v_share numeric;
  v_pace_at timestamptz;
  v_first_at timestamptz;
  v_strangers boolean;
  v_due_at timestamptz;
  v_message public.messages;
  v_told jsonb;
begin
  -- The company's row first: its lock makes claims and plans of one company wait for each other.
  select * into v_company from public.companies where id = p_company_id for no key update;
  if not found or v_company.integration_status in ('frozen', 'uninstalled')
    or not public.lease_is_held(p_company_id, p_owner, p_token) then
    return public.claim_later(null, v_now);
  end if;
  v_now := clock_timestamp();
  v_pace_at := v_company.next_send_at;
  if p_limits is not null then
    v_share := case when v_company.paced_down_until > v_now then 0.5 else 1 end;
    v_pace_at := greatest(v_pace_at,
      public.pace_window_free_at(p_company_id, v_share * (p_limits ->> 'perMinute')::numeric, interval '1 minute'),
      public.pace_window_free_at(p_company_id, v_share * (p_limits ->> 'perHour')::numeric, interval '1 hour'),
      public.pace_window_free_at(p_company_id, v_share * (p_limits ->> 'perDay')::numeric, interval '1 day'));
    v_first_at := greatest(v_company.first_contacts_held_until,
      public.pace_first_contact_at(p_company_id, v_share * (p_limits ->> case
        when v_company.connected_at < v_now - (p_limits ->> 'warmUpDays')::numeric * interval '1 day'
        then 'firstContactsPerDay' else 'warmUpFirstContactsPerDay' end)::numeric));
  end if;
  v_strangers := coalesce(v_first_at <= v_now, true);

  select * into v_message from public.messages
  where company_id = p_company_id and status = 'sending' and lease_token < p_token and attempts < p_max_attempts
    and (expires_at is null or expires_at > v_now)
    and not (v_quiet and heeds_quiet_hours)
  order by due_at, sequence limit 1;
  if not found then
    select message.* into v_message from public.messages message
    where message.company_id = p_company_id and message.status = 'queued' and message.not_before <= v_now
      and (message.expires_at is null or message.expires_at > v_now)
      and not (v_quiet and message.heeds_quiet_hours)
      and (v_strangers or message.kind = 'reply' or exists (
        select from public.contacts contact
        where contact.company_id = p_company_id and contact.phone = message.phone
          and coalesce(contact.first_sent_at, contact.last_received_at) is not null))
      and not public.message_is_behind(message, v_now, v_quiet)
    order by message.due_at, message.sequence limit 1;
  end if;
  if v_message.id is null then
    select least(
      (select min(not_before) from public.messages
        where company_id = p_company_id and status = 'queued' and not_before > v_now),
      -- Sorted first: whether one is behind another is asked of few.
      (select held.until_at from (
          select message, greatest(
            case when v_quiet and message.heeds_quiet_hours then p_quiet_until end,
            case when not v_strangers and message.kind <> 'reply'
              and not public.contact_is_known(p_company_id, message.phone) then v_first_at end) as until_at
          from public.messages message
          where (v_quiet or not v_strangers)
            and message.company_id = p_company_id and message.status = 'queued' and message.not_before <= v_now
            and (message.expires_at is null or message.expires_at > v_now)
          order by until_at offset 0
        ) held
        where held.until_at is not null and not public.message_is_behind(held.message, v_now, v_quiet) limit 1),
      case when v_quiet and exists (select from public.messages
        where company_id = p_company_id and status = 'sending' and lease_token < p_token and heeds_quiet_hours)
        then p_quiet_until end) into v_due_at;
    return public.claim_later(greatest(v_due_at, case when v_due_at is not null then v_pace_at end), v_now);
  end if;
  if v_pace_at > v_now then
    return public.claim_later(v_pace_at, v_now);
  end if;

  update public.companies
  set next_send_at = v_now + public.pace_gap(v_company, p_gap_ms, coalesce((p_limits ->> 'rampMs')::integer, 0), v_now)
  where id = p_company_id;
  if v_message.status = 'queued' then
    v_message.first_contact := v_message.kind <> 'reply' and not public.contact_is_known(p_company_id, v_message.phone);
    insert into public.contacts (company_id, phone, first_sent_at) values (p_company_id, v_message.phone, v_now)
    on conflict (company_id, phone) do update set first_sent_at = coalesce(contacts.first_sent_at, excluded.first_sent_at);
    if v_message.tells is not null then
      select told into v_told from public.bookings
      where company_id = p_company_id and record_id = v_message.record_id for no key update;
      update public.bookings set told = v_message.tells, told_count = told_count + 1, version = version + 1
      where company_id = p_company_id and record_id = v_message.record_id;
    end if;
  else
    v_told := v_message.told_before;
  end if;
  delete from public.message_attempts where company_id = p_company_id and at < v_now - interval '1 day';
  insert into public.message_attempts (company_id, message_id, first_contact, at)
  values (p_company_id, v_message.id, v_message.first_contact and v_message.status = 'queued', v_now);
  update public.messages
  set status = 'sending', attempts = attempts + 1, lease_token = p_token, sending_at = v_now, handed_over_at = null,
    first_contact = v_message.first_contact, told_before = v_told
  where id = v_message.id returning * into v_message;
  perform public.message_event(v_message, 'message_sending', 'outbox', jsonb_build_object('attempt', v_message.attempts));
  return json_build_object('message', row_to_json(v_message));
end
$$;

-- Nothing left this machine: the client has heard nothing.
create or replace function public.message_release(
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
    update public.messages set status = case when attempts > 0 then 'unknown' else 'withdrawn' end
    where id = p_message_id returning * into v_message;
    perform public.message_event(v_message, 'message_' || v_message.status, 'outbox');
  end if;
  if v_message.attempts > 0 then
    -- An earlier attempt may have reached the client.
    return;
  end if;
  if v_message.first_contact then
    update public.contacts set first_sent_at = null where company_id = p_company_id and phone = v_message.phone;
  end if;
  update public.bookings set told = v_message.told_before, told_count = told_count - 1, version = version + 1
  where company_id = p_company_id and record_id = v_message.record_id and told = v_message.tells;
end
$$;

drop function public.message_advance;
-- The kind of the message that moved; null when none did.
create function public.message_advance(
  p_company_id bigint, p_whatsapp_message_id text, p_to text, p_error_code text default null
) returns text language plpgsql set search_path = '' as $$
declare
  v_message public.messages;
begin
  if p_to = 'failed' then
    -- In the order of the claims: its row is written below.
    perform from public.companies where id = p_company_id for no key update;
  end if;
  update public.messages set
    status = p_to,
    error_code = case when p_to = 'failed' then p_error_code end,
    sent_at = case when p_to in ('sent', 'delivered', 'read') then coalesce(sent_at, now()) else sent_at end,
    delivered_at = case when p_to in ('delivered', 'read') then coalesce(delivered_at, now()) else delivered_at end,
    read_at = case when p_to = 'read' then now() else read_at end
  where company_id = p_company_id and whatsapp_message_id = p_whatsapp_message_id
    and public.message_may_become(status, p_to)
  returning * into v_message;
  if not found then
    return null;
  end if;
  perform public.message_event(v_message, 'message_' || p_to, 'whatsapp',
    jsonb_strip_nulls(jsonb_build_object('error_code', v_message.error_code)));
  if p_to = 'failed' and p_error_code in ('463', '429') then
    update public.companies set
      paced_down_until = greatest(paced_down_until, clock_timestamp() + interval '1 day'),
      first_contacts_held_until = case when p_error_code = '463'
        then greatest(first_contacts_held_until, clock_timestamp() + interval '1 day') else first_contacts_held_until end
    where id = p_company_id;
    perform public.event_record(p_company_id, 'pacing_reduced', 'whatsapp:' || p_error_code,
      jsonb_build_object('message_id', v_message.id));
  end if;
  return v_message.kind;
end
$$;

drop function public.message_give_up_waiting;
create function public.message_give_up_waiting(
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
      -- Longer than any hand-over takes: its end was not recorded.
      else lease_token = p_token
        and coalesce(handed_over_at, sending_at + interval '2 minutes')
          < clock_timestamp() - p_older_than_ms * interval '1 millisecond'
    end
    returning *
  loop
    perform public.message_event(v_message, 'message_unknown', 'no_ack');
    return next v_message;
  end loop;
end
$$;

drop function public.messages_expire;
create function public.messages_expire()
returns setof public.messages language plpgsql set search_path = '' as $$
declare
  v_message public.messages;
begin
  for v_message in
    update public.messages message set status = 'expired'
    where message.id in (
      select waiting.id from public.messages waiting
      where waiting.status = 'queued' and waiting.expires_at <= clock_timestamp() for update skip locked
    )
    returning message.*
  loop
    perform public.message_event(v_message, 'message_expired', 'deadline');
    return next v_message;
  end loop;
end
$$;

revoke execute on function
  public.message_event, public.message_enqueue, public.claim_later, public.message_is_obsolete, public.message_claim,
  public.message_advance, public.message_give_up_waiting, public.messages_expire
from public, anon, authenticated;
grant execute on function
  public.message_event, public.message_enqueue, public.claim_later, public.message_is_obsolete, public.message_claim,
  public.message_advance, public.message_give_up_waiting, public.messages_expire
to service_role;
